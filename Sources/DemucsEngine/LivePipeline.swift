// Stems of a track that arrives in blocks, without its end.

import Signal
import System
import Tensor
import Tracks

/// Runs each pass with a look-ahead when its samples have arrived, and waits for it.
///
/// Used by one thread at a time.
final class LivePipeline {
    /// Most samples of a block.
    private static let blockSamples = 1 << 15

    private var passes: LivePasses
    private let backend: Backend
    private let network: TrackPipeline.Network
    private let cancellation: CancellationToken
    private var networkRuns = 0

    init(
        _ passes: LivePasses, of separator: Separator, _ cancellation: CancellationToken
    ) {
        self.passes = passes
        backend = separator.backend
        network = separator.network(cancellation)
        self.cancellation = cancellation
    }

    /// Takes the next samples, at the networks' rate and channels.
    func append(_ audio: PlanarAudio) { passes.append(audio) }

    func endTrack() { passes.endTrack() }

    /// The next finished samples; `nil` after the last, or if more are needed.
    func next(progress: (SeparationProgress) -> Void) throws -> StemBlock? {
        while passes.finishedSamples == 0 {
            guard passes.hasReadyPass else { return nil }
            let pass = passes.beginPass(on: backend)
            passes.add(pass, try outputs(of: pass, progress))
        }
        return passes.take(min(passes.finishedSamples, Self.blockSamples)).samples
    }

    private func outputs(
        of pass: LivePass, _ progress: (SeparationProgress) -> Void
    ) throws -> [Tensor] {
        try pass.mixes.map { member, mix in
            func report(_ hasEnded: Bool) -> SeparationProgress {
                passes.progress(
                    of: pass, member: member, hasEnded: hasEnded, networkRuns: networkRuns)
            }
            try cancellation.check()
            progress(report(false))
            let output = try network(member, mix)
            networkRuns += 1
            progress(report(true))
            return output
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
