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
