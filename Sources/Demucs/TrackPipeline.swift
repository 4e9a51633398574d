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

/// A separation under way: cuts a track into segments and puts the networks' outputs together.
///
/// The passes of all members and shifts advance together: the one that is farthest behind cuts its
/// next segment, and a block of stems leaves as soon as every pass has finished it. So neither a pass
/// nor the track's window holds more than a segment for each one under way, for tracks of any length.
/// Results are taken in the order of the segments, so they are the same for any number of workers.
///
/// Used by one thread at a time.
package final class TrackPipeline {
    /// Maps a mix `[channels, samples]` to stems `[sources, channels, samples]`, by the member of
    /// that index.
    package typealias Network = @Sendable (_ member: Int, _ mix: Tensor) throws -> Tensor

    private let bag: Bag
    private let shifts: Int
    private let backend: Backend
    private let cancellation: CancellationToken
    private let normalization: Normalization
    private let workers: SegmentWorkers
    private var passes: [ShiftedPass]
    private var window: TrackWindow
    /// Passes of the segments under way, oldest first.
    private var underWay: [Int] = []
    private var segmentsDone = 0
    /// Samples of every stem that were given.
    private var givenSamples = 0
    private var isReported = false

    /// Starts the separation of a track.
    ///
    /// - Parameters:
    ///   - track: at the networks' rate and channels; all samples finite.
    ///   - bag: the networks and the wanted stems.
    ///   - seed: gives the shifts' offsets; used only if there are shifts.
    ///   - backend: gives memory to segments.
    ///   - workers: each runs one segment at a time, all of them at once.
    /// - Throws: `SeparationError` for options that don't fit the networks or the track; the error of
    ///   opening the track; `SystemError` if no thread starts.
    package convenience init(
        _ track: Track, bag: Bag, options: SeparationOptions, seed: UInt64, backend: Backend,
        workers: [Network], cancellation: CancellationToken
    ) throws {
        try self.init(
            TrackPipeline.passes(bag, options, seed, trackSamples: track.sampleCount),
            TrackWindow(track), normalization: track.statistics.normalization, bag: bag,
            shifts: options.shifts, backend: backend, workers: workers, cancellation: cancellation)
    }

    /// Starts the separation of a track that is still to come: ``append(_:)`` takes its samples.
    ///
    /// - Parameter normalization: of the whole track.
    /// - Throws: `SeparationError` for options that don't fit the networks, or need the track's
    ///   length: more than one shift, and no splitting; `SystemError` if no thread starts.
    package convenience init(
        live bag: Bag, normalization: Normalization, options: SeparationOptions, seed: UInt64,
        backend: Backend, workers: [Network], cancellation: CancellationToken
    ) throws {
        try SeparationError.require(
            options.shifts <= 1, "shifts", options.shifts, "at most 1 for a live stream")
        try SeparationError.require(
            options.split, "split", options.split, "on for a live stream")
        try self.init(
            TrackPipeline.passes(bag, options, seed, trackSamples: nil),
            TrackWindow(
                liveChannels: bag.channelCount, sampleRateHz: bag.sampleRateHz,
                normalization: normalization),
            normalization: normalization, bag: bag, shifts: options.shifts, backend: backend,
            workers: workers, cancellation: cancellation)
    }

    private init(
        _ passes: [ShiftedPass], _ window: TrackWindow, normalization: Normalization, bag: Bag,
        shifts: Int, backend: Backend, workers: [Network], cancellation: CancellationToken
    ) throws {
        self.passes = passes
        self.window = window
        self.normalization = normalization
        self.bag = bag
        self.shifts = shifts
        self.backend = backend
        self.cancellation = cancellation
        self.workers = try SegmentWorkers(workers, cancellation: cancellation)
    }

    deinit { workers.stop() }

    /// Takes the next samples of a live track, at the networks' rate and channels.
    package func append(_ audio: PlanarAudio) {
        window.append(audio)
    }

    /// Takes the end of a live track.
    package func endTrack() {
        window.endTrack()
        for index in passes.indices { passes[index].end(trackSamples: window.end) }
    }

    /// Separates the rest of the track.
    ///
    /// - Parameters:
    ///   - progress: told before the first and after each segment.
    ///   - sink: takes the wanted stems block by block, from first to last sample.
    /// - Throws: the errors of ``next(progress:)`` and of the sink.
    package func run(
        progress: (SeparationProgress) -> Void, sink: (StemBlock) throws -> Void
    ) throws {
        while let block = try next(progress: progress) { try sink(block) }
    }

    /// The next finished samples of the wanted stems; `nil` after the last, and where a live track
    /// has too few samples for the next segment.
    ///
    /// - Parameter progress: told before the first and after each segment.
    /// - Throws: `SeparationError` for a track that is not as long as in its first pass;
    ///   `CancellationError`; the errors of reading the track and of a network.
    package func next(progress: (SeparationProgress) -> Void) throws -> StemBlock? {
        if !isReported { report(progress) }
        isReported = true
        while true {
            window.forget(
                before: min(givenSamples, passes.map(\.firstNeededSample).min() ?? givenSamples))
            while underWay.count < workers.capacity, let index = nextPass() {
                try cancellation.check()
                let mix = try passes[index].cutSegment(from: &window, on: backend)
                workers.submit(member: passes[index].member, mix: mix)
                underWay.append(index)
            }
            if underWay.isEmpty { break }
            passes[underWay.removeFirst()].add(try workers.next())
            segmentsDone += 1
            report(progress)
            if let count = passes.map(\.finishedSamples).min(), count > 0 {
                let stems = nextStems(count)
                let mixture = window.samples(givenSamples..<givenSamples + count)
                givenSamples += count
                return StemBlock(stems: stems, mixture: mixture)
            }
        }
        try window.finish()
        return nil
    }

    private func report(_ progress: (SeparationProgress) -> Void) {
        let total = passes.reduce(0) { $0 + ($1.segmentCount ?? 0) }
        progress(
            SeparationProgress(
                segmentsDone: segmentsDone, segmentsTotal: total,
                audioSecondsTotal: Double(window.sampleCount ?? 0) / Double(bag.sampleRateHz)))
    }

    /// The passes of every member that contributes to a wanted stem, member by member.
    ///
    /// - Parameter trackSamples: `nil` for a live track.
    private static func passes(
        _ bag: Bag, _ options: SeparationOptions, _ seed: UInt64, trackSamples: Int?
    ) throws -> [ShiftedPass] {
        var random = PythonRandom(seed: seed)
        return try bag.members.indices.flatMap { index -> [ShiftedPass] in
            let member = bag.members[index]
            let plan = try SegmentPlan(
                format: member.format, options: options, trackSamples: trackSamples ?? 0)
            // Members that are left out draw as well, so the others' offsets stay the same.
            let leads = leads(
                member.format, plan, shifts: options.shifts, trackSamples: trackSamples ?? 0,
                &random)
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
    private static func leads(
        _ format: NetworkFormat, _ plan: SegmentPlan, shifts: Int, trackSamples: Int,
        _ random: inout PythonRandom
    ) -> [Int] {
        guard shifts > 0 else { return [0] }
        let maximum = format.maximumShiftSamples
        return (0..<shifts).map { _ in
            let lead = maximum - random.integer(upTo: maximum)
            if format.drawsRandomNumbers {
                for _ in 0..<plan.segmentCount(forTrackSamples: lead + trackSamples) {
                    _ = random.integer(upTo: 0)
                }
            }
            return lead
        }
    }

    /// The pass that cuts the next segment: of those with segments left, the one that has finished the
    /// fewest samples. `nil` for none, and where a live track has too few samples for it.
    private func nextPass() -> Int? {
        passes.indices.filter { passes[$0].hasSegments }
            .min { passes[$0].coveredSamples < passes[$1].coveredSamples }
            .flatMap { passes[$0].canCutSegment(from: window) ? $0 : nil }
    }

    /// Takes the next samples, which all passes have finished: `[stem · channels + channel][count]`.
    ///
    /// Sums in the reference's order: a member's shifts, their mean times the member's weight,
    /// member after member, divided by the sum of the weights.
    private func nextStems(_ count: Int) -> PlanarAudio {
        func silence(stems: Int) -> PlanarAudio {
            PlanarAudio(
                channelCount: stems * bag.channelCount, sampleRateHz: bag.sampleRateHz,
                zeros: count)
        }
        let passCount = Float(max(1, shifts))
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
        let (mean, scale) = (normalization.mean, normalization.scale)
        for row in stems.channels.indices {
            let total = bag.totals[row / bag.channelCount]
            stems.channels[row].withUnsafeMutableBufferPointer { stem in
                for index in stem.indices { stem[index] = stem[index] / total * scale + mean }
            }
        }
        return stems
    }
}
