// Also Embedded Swift: typed throws, no key paths, no casts.
// Turns a decoded track at the model's rate into stems: normalise, shift, split, networks,
// overlap-add, average, denormalise. Blocks of finished stems leave in order before later segments
// are read.
// Reference: `Separator.separate_tensor` (demucs/api.py), `apply_model` and `BagOfModels`
// (demucs/apply.py).

import Networks
import Signal
import System
import Tensor

/// A separation under way: cuts a track into segments and puts the networks' outputs together.
///
/// The passes of all members and shifts advance together: the pass that is farthest behind cuts its
/// next segment, and a block of stems leaves as soon as every pass has finished it. So neither a
/// pass nor the track's window holds more than a segment for each one under way, for tracks of any
/// length. Results are taken in the order of the segments, so they are the same for any number of
/// workers.
///
/// Used by one thread at a time.
package final class TrackPipeline {
    /// Maps a mix `[channels, samples]` to stems `[sources, channels, samples]`, by the network of
    /// the member.
    package typealias Network = @Sendable (_ member: Int, _ mix: Tensor) throws(AnyError) -> Tensor

    /// Largest block in samples: small enough to stay in the CPU's cache until it is written.
    private static let blockSamples = 1 << 15

    private let bag: Bag
    private let options: SeparationOptions
    private let backend: Backend
    private let cancellation: CancellationToken
    /// How each member normalises the track.
    private let normalizations: [Normalization]
    private let workers: SegmentWorkers
    private var passes: [ShiftedPass]
    private var window: TrackWindow
    /// Passes of the segments under way, oldest first.
    private var underWay: [Int] = []
    /// Number of segments under way whose begin was reported.
    private var begun = 0
    private var segmentsDone: Int
    private var segmentsTotal: Int
    /// Samples of every stem that were returned, or that an earlier separation has given.
    private var givenSamples: Int
    private var isReported = false

    /// Starts the separation of a track.
    ///
    /// - Parameters:
    ///   - track: at the networks' rate and channels; all samples finite.
    ///   - bag: the networks and the wanted stems.
    ///   - random: generator of the shifts' offsets; its state is then that of Python's generator
    ///     after the reference's separation.
    ///   - backend: allocates the segments.
    ///   - workers: each runs one segment at a time, all of them at once.
    ///   - start: samples of every stem that an earlier separation of the track with these options
    ///     and this state of `random` has given, fewer than the track has. The rest has the same
    ///     bits as in a separation of the whole track.
    /// - Throws: `SeparationError` for options that don't fit the networks or the track; the error of
    ///   opening the track; `SystemError` if no thread starts.
    package init(
        _ track: Track, bag: Bag, options: SeparationOptions, random: inout PythonRandom,
        backend: Backend, workers: [Network], cancellation: CancellationToken,
        startingAt start: Int = 0
    ) throws(AnyError) {
        precondition((0..<track.sampleCount).contains(start))
        do {
            passes = try TrackPipeline.passes(
                bag, options, &random, trackSamples: track.sampleCount, startingAt: start)
        } catch {
            throw error.erased
        }
        let normalization = options.normalises ? track.statistics.normalization : .identity
        normalizations = bag.members.indices.map {
            bag.normalization(ofMember: $0, normalization)
        }
        window = try TrackWindow(track)
        self.bag = bag
        self.options = options
        self.backend = backend
        self.cancellation = cancellation
        segmentsTotal = passes.reduce(0) { $0 + $1.segmentCount }
        segmentsDone = passes.reduce(0) { $0 + $1.addedSegments }
        givenSamples = start
        self.workers = SegmentWorkers(workers, cancellation: cancellation)
    }

    deinit { workers.stop() }

    /// The next finished samples of the wanted stems; `nil` after the last.
    ///
    /// - Parameter progress: called before the first segment, and when each begins and has ended. A
    ///   worker's next segment is queued before its last one has ended, but its begin is reported
    ///   after that end.
    /// - Throws: `SeparationError` for a track that is not as long as in its first pass, and for a stem that is not
    ///   finite; `CancellationError`; the errors of reading the track and of a network.
    package func next(
        progress: (SeparationProgress) -> Void
    ) throws(AnyError) -> StemBlock? {
        if !isReported { report(nil, progress) }
        isReported = true
        guard let count = try advance(progress) else { return nil }
        let range = givenSamples..<givenSamples + count
        givenSamples = range.upperBound
        let stems = stems(count)
        try checkFinite(stems, at: range.lowerBound)
        return StemBlock(stems: stems, mixture: window.samples(range))
    }

    /// Every door gets its stems from here: wrong weights and samples far beyond full scale are found once for all.
    private func checkFinite(_ stems: PlanarAudio, at start: Int) throws(AnyError) {
        for (row, samples) in stems.channels.enumerated() {
            guard let index = samples.withUnsafeBufferPointer({ $0.firstNotFinite }) else {
                continue
            }
            throw SeparationError.stemNotFinite(
                stem: bag.sources[bag.stems[row / bag.channelCount]],
                seconds: Double(start + index) / Double(bag.sampleRateHz),
                channel: row % bag.channelCount
            ).erased
        }
    }

    /// Runs the passes side by side until all of them have finished samples.
    ///
    /// - Returns: the number of samples; `nil` if there are no more segments.
    private func advance(_ progress: (SeparationProgress) -> Void) throws(AnyError) -> Int? {
        while true {
            if let count = passes.map({ $0.finishedSamples }).min(), count > 0 {
                return min(count, Self.blockSamples)
            }
            let needed = min(
                givenSamples, passes.map { $0.firstNeededSample }.min() ?? givenSamples)
            // Passes over samples only before the first segment of a resumed separation.
            try window.skip(to: needed)
            while underWay.count < workers.capacity, let index = nextPass() {
                try checkCancellation()
                let member = passes[index].member
                let mix = try passes[index].cutSegment(
                    from: &window, by: normalizations[member], on: backend)
                workers.submit(member: member, mix: mix)
                underWay.append(index)
            }
            if underWay.isEmpty { break }
            while begun < min(underWay.count, workers.count) {
                // Segments of one pass begin in their order.
                let (pass, earlier) = (underWay[begun], underWay[..<begun])
                let number = earlier.count { $0 == pass }
                report(passes[pass].segmentUnderWay(number, hasEnded: false), progress)
                begun += 1
            }
            try checkCancellation()
            let index = underWay.removeFirst()
            let segment = passes[index].segmentUnderWay(0, hasEnded: true)
            passes[index].add(try workers.next())
            begun -= 1
            segmentsDone += 1
            report(segment, progress)
            // The workers may have finished all segments before they saw the cancellation.
            try checkCancellation()
        }
        try window.finish()
        return nil
    }

    private func checkCancellation() throws(AnyError) {
        do { try cancellation.check() } catch { throw error.erased }
    }

    private func report(
        _ segment: SeparationProgress.Segment?, _ progress: (SeparationProgress) -> Void
    ) {
        progress(
            SeparationProgress(
                segmentsDone: segmentsDone, segmentsTotal: segmentsTotal, segment: segment,
                trackSamples: window.sampleCount, sampleRateHz: bag.sampleRateHz))
    }

    /// The passes of every member that contributes to a wanted stem, member by member.
    private static func passes(
        _ bag: Bag, _ options: SeparationOptions, _ random: inout PythonRandom, trackSamples: Int,
        startingAt start: Int
    ) throws(SeparationError) -> [ShiftedPass] {
        let plans = try bag.plans(options, trackSamples: trackSamples)
        return plans.enumerated().flatMap { index, plan -> [ShiftedPass] in
            let member = bag.members[index]
            // Members that don't run draw offsets too, so that the others' offsets stay the same.
            let leads = leads(
                member.rules, plan, options, trackSamples: trackSamples, &random)
            let rows = bag.rows(ofMember: index)
            if rows.isEmpty { return [] }
            return leads.enumerated().map { shift, lead in
                ShiftedPass(
                    member: index, shift: shift, plan: plan, rules: member.rules, rows: rows,
                    zeros: lead, trackSamples: trackSamples, startingAt: start)
            }
        }
    }

    /// Zeros before the track, for each pass of a member: half a second less the offset drawn.
    ///
    /// The reference draws an offset as each pass begins. Its transformer draws from the same
    /// generator whenever it runs: a shift of the positions between 0 and `sin_random_shift`, which
    /// is 0 in every released model. That changes only the generator's state, and with it the
    /// offsets of later passes.
    private static func leads(
        _ rules: TrackRules, _ plan: SegmentPlan, _ options: SeparationOptions,
        trackSamples: Int, _ random: inout PythonRandom
    ) -> [Int] {
        let maximum = rules.maximumShiftSamples
        return (0..<options.passCount).map { _ in
            let lead = options.shifts > 0 ? maximum - random.integer(upTo: maximum) : 0
            if rules.drawsEachSegment {
                for _ in 0..<plan.segmentCount(forTrackSamples: lead + trackSamples) {
                    _ = random.integer(upTo: 0)
                }
            }
            return lead
        }
    }

    /// Index of the pass that cuts the next segment: among those with segments left, the one with
    /// the fewest finished samples; `nil` for none.
    private func nextPass() -> Int? {
        passes.indices.filter { passes[$0].hasSegments }
            .min { passes[$0].coveredSamples < passes[$1].coveredSamples }
    }

    /// Stems from the outputs of all passes: `[stem · channels + channel][count]`.
    ///
    /// Sums in the reference's order: a member's shifts, their mean times the member's weight,
    /// member after member, divided by the sum of the weights. Only the normalisation is undone
    /// earlier, because members may have different ones.
    private func stems(_ count: Int) -> PlanarAudio {
        func silence(stems: Int) -> PlanarAudio {
            PlanarAudio(
                channelCount: stems * bag.channelCount, sampleRateHz: bag.sampleRateHz,
                zeros: count)
        }
        let passCount = Float(options.passCount)
        var stems = silence(stems: bag.stems.count)
        for index in bag.members.indices {
            let contributions = bag.contributions(ofMember: index)
            if contributions.isEmpty { continue }
            let (mean, scale) = (normalizations[index].mean, normalizations[index].scale)
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
                                stem[index] +=
                                    (value / passCount * scale + mean) * contribution.weight
                            }
                        }
                }
            }
        }
        for row in stems.channels.indices {
            let total = bag.totals[row / bag.channelCount]
            stems.channels[row].withUnsafeMutableBufferPointer { stem in
                for index in stem.indices { stem[index] /= total }
            }
        }
        return stems
    }
}
