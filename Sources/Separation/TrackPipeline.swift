// Everything between a decoded track at the model's rate and its stems: normalise, shift, split,
// networks, overlap-add, average, denormalise. Blocks of finished stems leave in order while later
// segments are still to come.
// Reference: `Separator.separate_tensor` (demucs/api.py), `apply_model` and `BagOfModels`
// (demucs/apply.py).

import HTDemucs
import Tensor

/// The next finished samples of all stems.
package struct StemBlock {
    package let sampleCount: Int
    /// `[stem × channel, sampleCount]`.
    private let samples: [Float]

    init(_ samples: [Float], sampleCount: Int) {
        self.samples = samples
        self.sampleCount = sampleCount
    }

    /// Samples of one channel of one stem; rows go by stem, then channel.
    package func row(_ index: Int) -> ArraySlice<Float> {
        samples[index * sampleCount..<(index + 1) * sampleCount]
    }
}

/// One way of cutting a track into segments and putting the networks' outputs together.
package struct TrackPipeline {
    /// Maps a mix `[channels, samples]` to stems `[sources, channels, samples]`, by the member of
    /// that index.
    package typealias Network = (_ member: Int, _ mix: Tensor) throws -> Tensor

    private let bag: WeightedBag
    private let options: SeparationOptions
    private let seed: UInt64

    /// - Parameters:
    ///   - bag: the networks, and which stems are wanted.
    ///   - seed: gives the shifts' offsets; used only if there are shifts.
    package init(bag: WeightedBag, options: SeparationOptions, seed: UInt64) {
        self.bag = bag
        self.options = options
        self.seed = seed
    }

    /// Separates a track.
    ///
    /// The passes of all members and shifts advance together: the one that is farthest behind runs
    /// its next segment, and a block of stems leaves as soon as every pass is through with it. So
    /// no pass holds more than one segment, whatever the length of the track.
    /// - Parameters:
    ///   - track: `[channel][sample]` at the networks' rate; at least one sample, all finite.
    ///   - progress: told after each segment.
    ///   - sink: takes the wanted stems block by block, from first to last sample.
    /// - Throws: `SeparationError` for options that don't fit the networks or the track;
    ///   `CancellationError`; what a network or the sink throws.
    package func run(
        _ track: [[Float]], backend: Backend, cancellation: CancellationToken,
        progress: (SeparationProgress) -> Void, network: Network,
        sink: (StemBlock) throws -> Void
    ) throws {
        let trackSamples = track.first?.count ?? 0
        precondition(trackSamples > 0 && track.count == bag.channelCount)
        var statistics = TrackStatistics()
        statistics.add(track)
        var passes = try self.passes(over: track, statistics: statistics)
        let segmentsTotal = passes.map(\.segmentCount).reduce(0, +)
        var segmentsDone = 0
        func report() {
            progress(
                SeparationProgress(
                    segmentsDone: segmentsDone, segmentsTotal: segmentsTotal,
                    audioSecondsTotal: Double(trackSamples) / Double(bag.samplerateHz)))
        }

        report()
        while let index = TrackPipeline.farthestBehind(passes) {
            try cancellation.check()
            try passes[index].separateNextSegment(backend: backend, network: network)
            segmentsDone += 1
            report()
            if let block = nextBlock(&passes, statistics: statistics) { try sink(block) }
        }
    }

    /// The passes of every member that contributes to a wanted stem, member by member.
    private func passes(
        over track: [[Float]], statistics: TrackStatistics
    ) throws -> [ShiftedPass] {
        var random = PythonRandom(seed: seed)
        let trackSamples = track.first?.count ?? 0
        return try bag.members.indices.flatMap { index -> [ShiftedPass] in
            let member = bag.members[index]
            let plan = try SegmentPlan(
                format: member.format, options: options, trackSamples: trackSamples)
            // Members that are left out draw as well, so the others' offsets stay the same.
            let leads = leads(member.format, plan, trackSamples: trackSamples, &random)
            let rows = bag.rows(ofMember: index)
            if rows.isEmpty { return [] }
            return leads.map { lead in
                ShiftedPass(
                    member: index, plan: plan, format: member.format, rows: rows,
                    view: TrackView(track, statistics: statistics, leadSamples: lead))
            }
        }
    }

    /// Zeros before the track, for each pass of a member: half a second less the offset drawn.
    ///
    /// The reference draws an offset as each pass begins. Its transformer draws from the same
    /// generator whenever it runs: a shift of the positions between 0 and `sin_random_shift`, which
    /// is 0 in every released model. That changes nothing but the generator's state, and with it
    /// the offsets of the passes that follow.
    private func leads(
        _ format: NetworkFormat, _ plan: SegmentPlan, trackSamples: Int,
        _ random: inout PythonRandom
    ) -> [Int] {
        guard options.shifts > 0 else { return [0] }
        let maximum = format.maximumShiftSamples
        return (0..<options.shifts).map { _ in
            let lead = maximum - random.integer(upTo: maximum)
            if format.drawsRandomNumbers {
                for _ in 0..<plan.segmentCount(forTrackSamples: lead + trackSamples) {
                    _ = random.integer(upTo: 0)
                }
            }
            return lead
        }
    }

    /// The unfinished pass with the fewest samples to give; `nil` if all are finished.
    private static func farthestBehind(_ passes: [ShiftedPass]) -> Int? {
        passes.indices.filter { !passes[$0].isFinished }
            .min { passes[$0].finishedSamples < passes[$1].finishedSamples }
    }

    /// Takes what all passes have finished; `nil` if that is nothing.
    ///
    /// Sums in the reference's order: a member's shifts, their mean times the member's weight,
    /// member after member, divided by the sum of the weights.
    private func nextBlock(
        _ passes: inout [ShiftedPass], statistics: TrackStatistics
    ) -> StemBlock? {
        guard let count = passes.map(\.finishedSamples).min(), count > 0 else { return nil }
        let passCount = Float(max(1, options.shifts))
        var samples = [Float](repeating: 0, count: bag.stems.count * bag.channelCount * count)
        for index in bag.members.indices {
            let contributions = bag.contributions(ofMember: index)
            if contributions.isEmpty { continue }
            let valuesPerStem = bag.channelCount * count
            var output = [Float](repeating: 0, count: contributions.count * valuesPerStem)
            for pass in passes.indices where passes[pass].member == index {
                passes[pass].take(count, addingTo: &output)
            }
            for (position, contribution) in contributions.enumerated() {
                let start = contribution.stem * valuesPerStem
                for value in 0..<valuesPerStem {
                    samples[start + value] +=
                        output[position * valuesPerStem + value] / passCount * contribution.weight
                }
            }
        }
        let (mean, scale) = (statistics.mean, statistics.scale)
        for (stem, total) in bag.totals.enumerated() {
            let valuesPerStem = bag.channelCount * count
            for value in stem * valuesPerStem..<(stem + 1) * valuesPerStem {
                samples[value] = samples[value] / total * scale + mean
            }
        }
        return StemBlock(samples, sampleCount: count)
    }
}

/// One pass of one member over the track, moved by one offset.
private struct ShiftedPass {
    let member: Int
    private let view: TrackView
    private let plan: SegmentPlan
    private let format: NetworkFormat
    private var overlapAdd: OverlapAdd
    /// Samples before the track that are still to be dropped from the output.
    private var leadSamples: Int
    private var nextSegment = 0
    let segmentCount: Int

    init(member: Int, plan: SegmentPlan, format: NetworkFormat, rows: [Int], view: TrackView) {
        self.member = member
        self.view = view
        self.plan = plan
        self.format = format
        leadSamples = view.leadSamples
        segmentCount = plan.segmentCount(forTrackSamples: view.count)
        overlapAdd = OverlapAdd(plan: plan, trackSamples: view.count, rows: rows)
    }

    var isFinished: Bool { nextSegment == segmentCount }

    /// Samples of the track, rather than of what lies before it, that are ready to be taken.
    var finishedSamples: Int { overlapAdd.finishedSamples }

    mutating func take(_ count: Int, addingTo samples: inout [Float]) {
        overlapAdd.take(count, addingTo: &samples)
    }

    /// Runs the next segment through the network: padded to both sides with what the track has
    /// there, its output trimmed again.
    mutating func separateNextSegment(backend: Backend, network: TrackPipeline.Network) throws {
        let start = nextSegment * plan.strideSamples
        let count = min(plan.segmentSamples, view.count - start)
        let paddedSamples = plan.paddedSamples ?? count
        let padLeft = (paddedSamples - count) / 2
        let mix = backend.tensor([format.channelCount, paddedSamples])
        view.read(from: start - padLeft, into: mix)
        let output = try network(member, mix)
        precondition(
            output.shape == [format.sourceCount, format.channelCount, paddedSamples])
        overlapAdd.add(output, trim: padLeft, count: count, segment: nextSegment)
        nextSegment += 1
        let dropped = min(leadSamples, overlapAdd.finishedSamples)
        overlapAdd.discard(dropped)
        leadSamples -= dropped
    }
}
