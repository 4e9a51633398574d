// Everything between a decoded track at the model's rate and its stems: normalise, shift, split,
// networks, overlap-add, average, denormalise. Blocks of finished stems leave in order while later
// segments are still to come.
// Reference: `Separator.separate_tensor` (demucs/api.py), `apply_model` and `BagOfModels`
// (demucs/apply.py).

import Audio
import HTDemucs
import Tensor

/// The next finished samples of all stems, and the track's samples at the same place.
package struct StemBlock: Sendable {
    /// A channel for each stem and channel: `[stem · channels + channel][sample]`.
    package let stems: PlanarAudio
    /// As long as the stems, with the model's channels.
    package let mixture: PlanarAudio

    package init(stems: PlanarAudio, mixture: PlanarAudio) {
        self.stems = stems
        self.mixture = mixture
    }
}

/// One way of cutting a track into segments and putting the networks' outputs together.
package struct TrackPipeline {
    /// Maps a mix `[channels, samples]` to stems `[sources, channels, samples]`, by the member of
    /// that index.
    package typealias Network = @Sendable (_ member: Int, _ mix: Tensor) throws -> Tensor

    private let bag: Bag
    private let options: SeparationOptions
    private let seed: UInt64

    /// - Parameters:
    ///   - bag: the networks and the wanted stems.
    ///   - seed: gives the shifts' offsets; used only if there are shifts.
    package init(bag: Bag, options: SeparationOptions, seed: UInt64) {
        self.bag = bag
        self.options = options
        self.seed = seed
    }

    /// Separates a track.
    ///
    /// The passes of all members and shifts advance together: the one that is farthest behind cuts
    /// its next segment, and a block of stems leaves as soon as every pass has finished it. So
    /// neither a pass nor the track's window holds more than a segment for each one under way, for
    /// tracks of any length. Results are taken in the order of the segments, so they are
    /// the same for any number of workers.
    /// - Parameters:
    ///   - track: at the networks' rate and channels; all samples finite.
    ///   - backend: gives memory to segments.
    ///   - workers: each runs one segment at a time, all of them at once.
    ///   - progress: told before the first and after each segment.
    ///   - sink: takes the wanted stems block by block, from first to last sample.
    /// - Throws: `SeparationError` for options that don't fit the networks or the track, and for a
    ///   track that is not as long as in its first pass; `CancellationError`; the errors of reading
    ///   the track, of a network and of the sink.
    package func run(
        _ track: Track, backend: Backend, workers: [Network], cancellation: CancellationToken,
        progress: (SeparationProgress) -> Void, sink: (StemBlock) throws -> Void
    ) throws {
        var passes = try self.passes(trackSamples: track.sampleCount)
        var window = try TrackWindow(track)
        let running = try SegmentWorkers(workers, cancellation: cancellation)
        defer { running.stop() }
        let segmentsTotal = passes.map(\.segmentCount).reduce(0, +)
        var segmentsDone = 0
        func report() {
            progress(
                SeparationProgress(
                    segmentsDone: segmentsDone, segmentsTotal: segmentsTotal,
                    audioSecondsTotal: Double(track.sampleCount) / Double(bag.sampleRateHz)))
        }

        report()
        var givenSamples = 0
        // Passes of the segments under way, oldest first.
        var underWay: [Int] = []
        while true {
            while underWay.count < running.capacity,
                let index = TrackPipeline.farthestBehind(passes)
            {
                try cancellation.check()
                let mix = try passes[index].cutSegment(from: &window, on: backend)
                running.submit(member: passes[index].member, mix: mix)
                underWay.append(index)
            }
            if underWay.isEmpty { break }
            passes[underWay.removeFirst()].add(try running.next())
            segmentsDone += 1
            report()
            if let count = passes.map(\.finishedSamples).min(), count > 0 {
                let stems = nextStems(count, of: &passes, track.statistics)
                let mixture = window.samples(givenSamples..<givenSamples + count)
                givenSamples += count
                try sink(StemBlock(stems: stems, mixture: mixture))
            }
            window.forget(
                before: min(givenSamples, passes.map(\.firstNeededSample).min() ?? givenSamples))
        }
        try window.finish()
    }

    /// The passes of every member that contributes to a wanted stem, member by member.
    private func passes(trackSamples: Int) throws -> [ShiftedPass] {
        var random = PythonRandom(seed: seed)
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
                    leadSamples: lead, trackSamples: trackSamples)
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

    /// The pass that has segments left and has finished the fewest samples; `nil` for none.
    private static func farthestBehind(_ passes: [ShiftedPass]) -> Int? {
        passes.indices.filter { passes[$0].hasSegments }
            .min { passes[$0].coveredSamples < passes[$1].coveredSamples }
    }

    /// Takes the next samples, which all passes have finished: `[stem · channels + channel][count]`.
    ///
    /// Sums in the reference's order: a member's shifts, their mean times the member's weight,
    /// member after member, divided by the sum of the weights.
    private func nextStems(
        _ count: Int, of passes: inout [ShiftedPass], _ statistics: TrackStatistics
    ) -> PlanarAudio {
        func silence(stems: Int) -> PlanarAudio {
            PlanarAudio(
                channelCount: stems * bag.channelCount, sampleRateHz: bag.sampleRateHz,
                zeros: count)
        }
        let passCount = Float(max(1, options.shifts))
        var stems = silence(stems: bag.stems.count)
        for index in bag.members.indices {
            let contributions = bag.contributions(ofMember: index)
            if contributions.isEmpty { continue }
            var output = silence(stems: contributions.count)
            for pass in passes.indices where passes[pass].member == index {
                passes[pass].take(count, addingTo: &output)
            }
            for (position, contribution) in contributions.enumerated() {
                for channel in 0..<bag.channelCount {
                    let row = output.channels[position * bag.channelCount + channel]
                    stems.channels[contribution.stem * bag.channelCount + channel]
                        .withUnsafeMutableBufferPointer { stem in
                            for (index, value) in row.enumerated() {
                                stem[index] += value / passCount * contribution.weight
                            }
                        }
                }
            }
        }
        let (mean, scale) = (statistics.mean, statistics.scale)
        for row in stems.channels.indices {
            let total = bag.totals[row / bag.channelCount]
            stems.channels[row].withUnsafeMutableBufferPointer { stem in
                for index in stem.indices { stem[index] = stem[index] / total * scale + mean }
            }
        }
        return stems
    }
}
