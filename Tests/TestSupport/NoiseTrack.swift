import DemucsEngine
import Signal

/// Noise as a track, and a small model for it.
package enum NoiseTrack {
    /// A loud track whose channels differ, between `amplitude` / 2 and its negative.
    package static func buffer(
        samples: Int, channels: Int = 2, rateHz: Int = 1600, amplitude: Float = 3
    ) -> PlanarAudio {
        var random = SplitMix64(seed: 11)
        return PlanarAudio(
            channels: (0..<channels).map { _ in
                random.floats(samples).map { $0 * amplitude / 2 }
            }, sampleRateHz: rateHz)
    }

    /// A track in pieces of increasing length, the first one empty.
    package static func pieces(of track: PlanarAudio) -> AsyncStream<PlanarAudio> {
        AsyncStream { continuation in
            var (start, length) = (0, 0)
            while start < track.sampleCount {
                let end = min(start + length, track.sampleCount)
                continuation.yield(track[start..<end])
                (start, length) = (end, length + 171)
            }
            continuation.finish()
        }
    }

    package static func model(
        _ name: String = "cross_first", stems: [String]? = nil, threads: Int = 1,
        segmentsInParallel: Int = 1
    ) throws -> Separator {
        try Separator(
            OpenedModel(
                ModelFiles(checkpoint: Fixture.url("models/\(name).safetensors").path)),
            stems: stems,
            threads: threads, segmentsInParallel: segmentsInParallel)
    }
}
