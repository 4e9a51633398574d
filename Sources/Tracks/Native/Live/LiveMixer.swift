import Signal

/// Mixes the stems of a live separation with gains that may change while the sound goes on.
package struct LiveMixer: Sendable {
    /// Seconds in which a gain moves by 1, so that a change doesn't click.
    private static let rampSeconds = 0.02

    private let channelCount: Int
    private let largestStep: Float
    /// The gains of the last sample, by stem; `nil` before the first one.
    private var gains: [Float]?

    package init(channelCount: Int, sampleRateHz: Int) {
        self.channelCount = channelCount
        largestStep = Float(1 / (Self.rampSeconds * Double(sampleRateHz)))
    }

    /// The sum of the stems, each times its gain; the track itself where they are missing. It is no louder
    /// than the track so far, times the highest gain above 1.
    ///
    /// - Parameter targets: the gain of each stem, which its samples reach within 20 ms.
    /// - Returns: `[channel][sample]`.
    package mutating func mix(_ block: LiveBlock, gains targets: [Float]) -> PlanarAudio {
        var mix = block.samples.mixture
        let stems = block.samples.stems.channels
        var current = gains ?? targets
        for index in block.missing.indices {
            let missing = block.missing[index]
            for stem in targets.indices {
                let step = targets[stem] - current[stem]
                current[stem] += min(max(step, -largestStep), largestStep)
            }
            let limit = block.peaks[index] * max(1, current.max() ?? 1)
            for channel in 0..<channelCount {
                var sum = missing == 0 ? 0 : missing * mix.channels[channel][index]
                for stem in targets.indices {
                    sum += current[stem] * stems[stem * channelCount + channel][index]
                }
                mix.channels[channel][index] = min(max(sum, -limit), limit)
            }
        }
        gains = current
        return mix
    }
}
