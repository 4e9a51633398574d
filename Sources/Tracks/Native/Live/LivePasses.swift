// The live counterpart of `TrackPipeline`: stems of a track that is still to come, after a constant
// delay.

import Signal
import System
import Tensor

/// The next samples of a live separation.
package struct LiveBlock: Sendable {
    /// The stems, without the passes that came too late, and the track at the same place.
    package let samples: StemBlock
    /// Share of each sample that the stems lack and the track has to fill, 0 to 1; all 0 if no pass
    /// was late.
    package let missing: [Float]
    /// For each sample, the largest magnitude of the track up to the end of the window of its pass.
    package let peaks: [Float]

    package init(samples: StemBlock, missing: [Float], peaks: [Float]) {
        self.samples = samples
        self.missing = missing
        self.peaks = peaks
    }

    /// The stems; where they are missing, each has its share of the track.
    package var filledStems: PlanarAudio {
        var stems = samples.stems
        let channelCount = samples.mixture.channelCount
        let share = Float(channelCount) / Float(stems.channelCount)
        for sample in missing.indices where missing[sample] > 0 {
            for row in stems.channels.indices {
                stems.channels[row][sample] +=
                    missing[sample] * share * samples.mixture.channels[row % channelCount][sample]
            }
        }
        return stems
    }
}

/// A run of the networks over a window.
package struct LivePass: @unchecked Sendable {
    // @unchecked: the tensors are passed on and not kept.
    let number: Int
    let normalization: Normalization
    /// The window of each member that runs, `[channels, samples]`.
    package let mixes: [(member: Int, mix: Tensor)]
}

/// Cuts windows out of a live track, and puts the networks' outputs together.
///
/// All decisions depend on positions in the track, so results do not depend on the blocks in which
/// it arrives. Memory is that of a window and a delay. Used by one thread at a time.
package struct LivePasses {
    package let plan: LivePlan
    private let bag: Bag
    private var window: TrackWindow
    /// Statistics of the samples before ``measuredEnd``.
    private var statistics: LiveStatistics
    private var measuredEnd = 0
    /// The largest magnitude of these samples, and that of each sample from ``takenSamples`` on.
    private var peak: Float = 0
    private var peaks: [Float] = []
    /// Number of passes that were cut or given up.
    private var begunPasses = 0
    /// Number of passes that were added or given up.
    package private(set) var settledPasses = 0
    /// Number of passes that were given up.
    package private(set) var missedPasses = 0
    /// Number of passes in which a network gave samples that are not finite, and which became silence.
    package private(set) var silencedPasses = 0
    /// Weighted stems `[stem · channels + channel][sample]` from ``takenSamples`` on, and the sums of
    /// their weights.
    private var sums: PlanarAudio
    private var weights: [Float] = []
    private var takenSamples = 0

    package init(_ bag: Bag, _ plan: LivePlan) {
        self.plan = plan
        self.bag = bag
        statistics = LiveStatistics(sampleRateHz: bag.sampleRateHz)
        window = TrackWindow(liveChannels: bag.channelCount, sampleRateHz: bag.sampleRateHz)
        sums = PlanarAudio(
            channelCount: bag.stems.count * bag.channelCount, sampleRateHz: bag.sampleRateHz)
    }

    /// Takes the next samples, at the networks' rate and channels, of which a ``LiveGuard`` has left
    /// what it lets pass.
    package mutating func append(_ audio: PlanarAudio) { window.append(audio) }

    /// Ends the track: silence follows.
    package mutating func endTrack() { window.endTrack() }

    /// Samples that no later pass changes and that have not been taken yet.
    package var finishedSamples: Int {
        min(plan.start(ofPass: settledPasses), window.sampleCount ?? Int.max) - takenSamples
    }

    /// Whether all samples of a track that has ended were taken.
    package var hasEnded: Bool { takenSamples == window.sampleCount }

    /// Whether all samples of the next pass have arrived.
    package var hasReadyPass: Bool {
        guard let trackEnd = window.sampleCount else {
            return plan.inputEnd(ofPass: begunPasses) <= window.end
        }
        return plan.start(ofPass: begunPasses) < trackEnd
    }

    /// Begins the next pass, which must be ready.
    package mutating func beginPass(on backend: Backend) -> LivePass {
        precondition(hasReadyPass)
        let end = plan.inputEnd(ofPass: begunPasses)
        measure(upTo: min(end, window.end))
        let normalization = statistics.normalization
        let mixes = bag.members.indices.filter(bag.needs(member:)).map { member in
            let mix = backend.keptTensor([bag.channelCount, plan.windowSamples[member]])
            window.read(
                from: end - plan.windowSamples[member], into: mix,
                by: bag.normalization(ofMember: member, normalization))
            return (member, mix)
        }
        begunPasses += 1
        forget()
        return LivePass(
            number: begunPasses - 1, normalization: normalization, mixes: mixes)
    }

    /// Runs each pass whose samples have arrived until samples are finished.
    ///
    /// - Parameter progress: called before and after each network.
    /// - Returns: at most `count` samples; `nil` if more input is needed.
    /// - Throws: `CancellationError`, the errors of the network.
    package mutating func next(
        atMost count: Int, by network: TrackPipeline.Network, on backend: Backend,
        cancellation: CancellationToken, progress: (SeparationProgress) -> Void
    ) throws -> LiveBlock? {
        while finishedSamples == 0 {
            guard hasReadyPass else { return nil }
            let pass = beginPass(on: backend)
            let outputs = try pass.mixes.indices.map { index in
                try cancellation.check()
                progress(self.progress(of: pass, mix: index, hasEnded: false))
                let output = try network(pass.mixes[index].member, pass.mixes[index].mix)
                progress(self.progress(of: pass, mix: index, hasEnded: true))
                return output
            }
            add(pass, outputs)
        }
        return take(min(finishedSamples, count))
    }

    private func progress(of pass: LivePass, mix: Int, hasEnded: Bool) -> SeparationProgress {
        SeparationProgress(
            segmentsDone: pass.number * pass.mixes.count + mix + (hasEnded ? 1 : 0),
            segmentsTotal: 0,
            segment: SeparationProgress.Segment(
                member: pass.mixes[mix].member, shift: 0,
                offsetSamples: plan.start(ofPass: pass.number), hasEnded: hasEnded),
            trackSamples: nil, sampleRateHz: bag.sampleRateHz)
    }

    /// Adds the outputs of a pass; passes are added in their order. The outputs of a pass that was
    /// given up have no effect.
    ///
    /// - Parameter outputs: of each mix of the pass, `[sources, channels, samples]`.
    package mutating func add(_ pass: LivePass, _ outputs: [Tensor]) {
        if pass.number < settledPasses { return }
        precondition(pass.number == settledPasses && outputs.count == pass.mixes.count)
        let start = plan.start(ofPass: pass.number) - takenSamples
        let weights = plan.weights(ofPass: pass.number)
        extend(to: start + plan.passSamples)
        for (index, weight) in weights.enumerated() { self.weights[start + index] += weight }
        settledPasses += 1
        let isFinite = outputs.allSatisfy { output in
            UnsafeBufferPointer(start: output.pointer, count: output.shape.reduce(1, *))
                .firstNotFinite == nil
        }
        guard isFinite else {
            silencedPasses += 1
            return
        }
        for (output, run) in zip(outputs, pass.mixes) {
            let samples = run.mix.shape[1]
            precondition(output.shape[1] == bag.channelCount && output.shape[2] == samples)
            let first = samples - plan.lookaheadSamples - plan.passSamples
            let normalization = bag.normalization(ofMember: run.member, pass.normalization)
            for part in bag.contributions(ofMember: run.member) {
                let share = part.weight / bag.totals[part.stem]
                let (scale, mean) = (share * normalization.scale, share * normalization.mean)
                for channel in 0..<bag.channelCount {
                    // `passSamples` samples from here on end within the row.
                    let row = part.source * bag.channelCount + channel
                    let values = output.pointer + (row * samples + first)
                    sums.channels[part.stem * bag.channelCount + channel]
                        .withUnsafeMutableBufferPointer { sum in
                            for (index, weight) in weights.enumerated() {
                                sum[start + index] += weight * (values[index] * scale + mean)
                            }
                        }
                }
            }
            withExtendedLifetime(output) {}
        }
    }

    /// Gives up the oldest pass that was not added: the stems lack its samples.
    package mutating func giveUpPass() {
        measure(upTo: min(plan.inputEnd(ofPass: settledPasses), window.end))
        settledPasses += 1
        missedPasses += 1
        begunPasses = max(begunPasses, settledPasses)
    }

    /// The next finished samples.
    package mutating func take(_ count: Int) -> LiveBlock {
        precondition(count <= finishedSamples)
        extend(to: count)
        let block = LiveBlock(
            samples: StemBlock(
                stems: stems(count), mixture: window.samples(takenSamples..<takenSamples + count)
            ),
            // Two weights of a fade add up to 1 but for their rounding.
            missing: weights[..<count].map { $0 > 1 - 1e-5 ? 0 : 1 - $0 },
            peaks: Array(peaks[..<count]))
        sums.removeFirst(count)
        weights.removeFirst(count)
        peaks.removeFirst(count)
        takenSamples += count
        forget()
        return block
    }

    /// The first stems. After a loud sample, a network may make more of them than there is: 6 dB above the track is
    /// the most.
    private func stems(_ count: Int) -> PlanarAudio {
        var stems = sums[0..<count]
        for row in stems.channels.indices {
            for index in 0..<count {
                let most = 2 * peaks[index]
                stems.channels[row][index] = min(max(stems.channels[row][index], -most), most)
            }
        }
        return stems
    }

    /// Measures samples in their order.
    private mutating func measure(upTo end: Int) {
        guard end > measuredEnd else { return }
        let samples = window.samples(measuredEnd..<end)
        statistics.add(samples)
        peak = max(peak, samples.peak)
        measuredEnd = end
    }

    private mutating func forget() {
        let longest = plan.windowSamples.max() ?? 0
        let needed = min(takenSamples, plan.inputEnd(ofPass: begunPasses) - longest)
        window.forget(before: min(needed, measuredEnd))
    }

    private mutating func extend(to count: Int) {
        let missing = count - weights.count
        guard missing > 0 else { return }
        weights.append(contentsOf: repeatElement(0, count: missing))
        peaks.append(contentsOf: repeatElement(peak, count: missing))
        sums.append(
            PlanarAudio(
                channelCount: sums.channelCount, sampleRateHz: sums.sampleRateHz, zeros: missing))
    }
}
