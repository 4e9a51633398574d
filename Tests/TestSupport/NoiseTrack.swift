import Signal

/// Noise as a track.
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
}
