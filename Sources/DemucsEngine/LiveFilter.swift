// A separation in real time: sound in, sound out, after a constant delay.

import Signal
import Synchronization
import System
import Tensor
import Tracks

/// Turns sound that goes on into sound of its stems, as long as each block and later by a constant
/// delay.
///
/// The networks run on a thread of their own. A pass that is not done when its first sample is due is
/// given up: its stems are missing, and the track takes their place. Passes are due by the clock: a
/// source that is faster than real time waits for them, one that plays waits for nothing.
package final class LiveFilter: @unchecked Sendable {
    // @unchecked: `condition` guards what both threads use; the rest is the caller's.

    /// Makes the rows of the result from stems, at the networks' rate.
    package typealias Mix = (LiveBlock) -> PlanarAudio

    /// Share of a block's length by which the next one is due later. A little less than all of it
    /// follows a source whose clock is fast.
    private static let pace = 0.999

    /// Samples by which the result is later than its input.
    package let delaySamples: Int
    package let rowCount: Int
    private let sampleRateHz: Int
    private let isWaiting: Bool
    private let mix: Mix
    private let cancellation: CancellationToken
    private var conversion: AudioConversion
    private var resampling: ResamplingStream
    private let resampler: Resampler
    /// Samples of the input, and of the result without its delay.
    private var inputSamples = 0
    private var givenSamples = 0
    /// Mixed samples at the networks' rate.
    private var mixedSamples = 0
    /// Results that were not given yet.
    private var held: PlanarAudio
    private let begin = ContinuousClock.now
    /// The time by which the last block's result must be given, in seconds of the clock.
    private var dueSeconds = -Double.infinity
    /// What became silence of the input.
    package private(set) var inputGuard = LiveGuard()

    private let condition = Condition()
    private var passes: LivePasses
    private var failure: (any Error)?
    private var isStopped = false
    private var isRunning = true
    /// Whether the pass that runs was given up.
    private let isGivenUp = Atomic(false)

    /// - Parameters:
    ///   - channelCount: of the input: mono is spread, further channels than the model's are left out.
    ///   - isWaiting: whether to wait for every pass, for files and tests.
    ///   - rowCount: rows that `mix` makes.
    ///   - network: makes the networks that run instead of the separator's.
    /// - Throws: `SeparationError`; `SystemError` if no thread starts.
    package init(
        _ separator: Separator, _ options: LiveOptions, channelCount: Int, sampleRateHz: Int,
        isWaiting: Bool, rowCount: Int, cancellation: CancellationToken,
        network: ((CancellationToken) -> TrackPipeline.Network)? = nil, mix: @escaping Mix
    ) throws {
        try PlanarAudio.validate(channelCount: channelCount, sampleRateHz: sampleRateHz)
        let model = separator.model
        conversion = try AudioConversion(
            fromChannels: channelCount, rateHz: sampleRateHz, toChannels: model.audioChannels,
            rateHz: model.sampleRateHz, isEndless: true)
        resampler = Resampler(from: model.sampleRateHz, to: sampleRateHz)
        resampling = ResamplingStream(resampler, channelCount: rowCount, isEndless: true)
        held = PlanarAudio(channelCount: rowCount, sampleRateHz: sampleRateHz)
        passes = try separator.livePasses(options)
        delaySamples = Self.delay(
            passes.plan.delaySamples, Resampler(from: sampleRateHz, to: model.sampleRateHz),
            resampler)
        self.rowCount = rowCount
        self.sampleRateHz = sampleRateHz
        self.isWaiting = isWaiting
        self.mix = mix
        self.cancellation = CancellationToken(within: cancellation)
        let token = CancellationToken(within: self.cancellation) {
            self.isGivenUp.load(ordering: .relaxed)
        }
        let running = (network ?? separator.network)(token)
        guard let thread = SystemThread({ self.serve(separator.backend, running) }) else {
            throw SystemError.noThread
        }
        thread.detach()
    }

    /// The delay at the input's rate: that of the passes, and of both filters if the rates differ.
    private static func delay(_ samples: Int, _ incoming: Resampler, _ outgoing: Resampler) -> Int {
        guard incoming.oldHz != incoming.newHz else { return samples }
        let ratio = Double(incoming.oldHz) / Double(incoming.newHz)
        let needed = Double(samples + outgoing.inputRange(for: 0..<1).upperBound) * ratio
        return Int(needed.rounded(.up)) + incoming.inputRange(for: 0..<1).upperBound
    }

    /// Number of passes that were given up.
    package var missedPasses: Int { condition.withLock { passes.missedPasses } }

    /// Number of passes that became silence, because a network gave samples that are not finite.
    package var silencedPasses: Int { condition.withLock { passes.silencedPasses } }

    /// Number of passes whose stems were added or given up.
    package var passCount: Int { condition.withLock { passes.settledPasses } }

    /// Takes the next samples, and gives as many of the result.
    ///
    /// - Throws: the errors of the networks, `CancellationError`.
    package func process(_ block: PlanarAudio) throws -> PlanarAudio {
        let block = inputGuard.cleaned(block)
        let now = secondsOfClock()
        dueSeconds = max(dueSeconds + block.durationSeconds * Self.pace, now)
        inputSamples += block.sampleCount
        let converted = conversion.convert(block)
        condition.withLock {
            passes.append(converted)
            condition.broadcast()
        }
        return try give(block.sampleCount, upTo: inputSamples - delaySamples)
    }

    /// Ends the input, and gives the samples that are still to come: as many as the delay.
    package func finish() throws -> PlanarAudio {
        let rest = conversion.finish()
        condition.withLock {
            passes.append(rest)
            passes.endTrack()
            condition.broadcast()
        }
        dueSeconds = .infinity
        let silence = max(0, delaySamples - inputSamples)
        if inputSamples == 0 { return zeros(silence) }
        while let block = try next(upTo: .max) { mixed(block) }
        held.append(resampling.finish(outputCount: inputSamples))
        return try give(delaySamples, upTo: inputSamples)
    }

    /// Stops the networks, and waits until they have. A filter lives until it is stopped.
    package func stop() {
        cancellation.cancel()
        condition.withLock {
            isStopped = true
            condition.broadcast()
            while isRunning { condition.wait() }
        }
    }

    // MARK: - The caller's thread

    /// Gives samples of which the last is at a position of the track; zeros before the track.
    private func give(_ count: Int, upTo end: Int) throws -> PlanarAudio {
        let wanted = max(0, end - givenSamples)
        while held.sampleCount < wanted {
            let needed = resampler.inputRange(for: end - 1..<end).upperBound
            guard let block = try next(upTo: needed) else { break }
            mixed(block)
        }
        var result = zeros(count - wanted)
        result.append(held, 0..<wanted)
        held.removeFirst(wanted)
        givenSamples += wanted
        return result
    }

    private func mixed(_ block: LiveBlock) {
        mixedSamples += block.missing.count
        held.append(resampling.append(mix(block)))
    }

    private func zeros(_ count: Int) -> PlanarAudio {
        PlanarAudio(channelCount: rowCount, sampleRateHz: sampleRateHz, zeros: count)
    }

    /// The next finished stems before a position; `nil` at the end of the track.
    private func next(upTo position: Int) throws -> LiveBlock? {
        try condition.withLock {
            while passes.finishedSamples == 0 {
                if passes.hasEnded { return nil }
                if let failure { throw failure }
                try cancellation.check()
                let left = dueSeconds - secondsOfClock()
                if isWaiting || left == .infinity {
                    condition.wait()
                } else if left > 0 {
                    condition.wait(atMost: left)
                } else {
                    passes.giveUpPass()
                    isGivenUp.store(true, ordering: .relaxed)
                    condition.broadcast()
                }
            }
            return passes.take(min(passes.finishedSamples, position - mixedSamples))
        }
    }

    private func secondsOfClock() -> Double { (ContinuousClock.now - begin).seconds }

    // MARK: - The networks' thread

    private func serve(_ backend: Backend, _ network: TrackPipeline.Network) {
        while let pass = nextPass(on: backend) {
            let result = Result { try pass.mixes.map { try network($0.member, $0.mix) } }
            condition.withLock {
                switch result {
                case .success(let outputs): passes.add(pass, outputs)
                case .failure(let error):
                    let isExpected = isGivenUp.load(ordering: .relaxed) && !cancellation.isCancelled
                    if !(isExpected && error is CancellationError) { failure = error }
                }
                condition.broadcast()
            }
        }
        condition.withLock {
            isRunning = false
            condition.broadcast()
        }
    }

    private func nextPass(on backend: Backend) -> LivePass? {
        condition.withLock {
            while !isStopped, failure == nil {
                if passes.hasReadyPass {
                    isGivenUp.store(false, ordering: .relaxed)
                    return passes.beginPass(on: backend)
                }
                condition.wait()
            }
            return nil
        }
    }
}

extension Separator {
    /// Seconds that a pass with a look-ahead takes on this machine: the median of three.
    ///
    /// - Throws: `SeparationError.invalidOption`, `CancellationError`, the errors of the networks.
    package func livePassSeconds(
        _ options: LiveOptions, cancellation: CancellationToken
    ) throws -> Double {
        var passes = try livePasses(options)
        let network = network(cancellation)
        let count = 4 * passes.plan.delaySamples
        let noise = (0..<model.audioChannels).map { _ in
            (0..<count).map { _ in Float.random(in: -0.1...0.1) }
        }
        passes.append(PlanarAudio(channels: noise, sampleRateHz: model.sampleRateHz))
        let seconds = try (0..<4).map { _ in
            let pass = passes.beginPass(on: backend)
            let begin = ContinuousClock.now
            passes.add(pass, try pass.mixes.map { try network($0.member, $0.mix) })
            return (ContinuousClock.now - begin).seconds
        }
        // The first one also allocates memory.
        return seconds.dropFirst().sorted()[1]
    }
}
