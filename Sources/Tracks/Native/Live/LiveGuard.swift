// Keeps what no microphone gives out of live sound.

import Signal

/// Makes silence of samples that would spoil live stems for long: not finite, or far beyond full scale, as an
/// unstable plug-in gives them.
package struct LiveGuard: Sendable {
    /// The largest magnitude of a sample that is kept: 30 dB above full scale.
    package static let limit: Float = 32

    /// Samples that became silence.
    package private(set) var removedSamples = 0
    /// The time of the first one.
    package private(set) var firstSeconds: Double?
    private var passedSamples = 0

    package init() {}

    package mutating func cleaned(_ block: PlanarAudio) -> PlanarAudio {
        var block = block
        for channel in block.channels.indices {
            block.channels[channel].withUnsafeMutableBufferPointer { samples in
                for index in samples.indices {
                    let magnitude = abs(samples[index])
                    // False for NaN.
                    if magnitude <= Self.limit { continue }
                    samples[index] = 0
                    removedSamples += 1
                    let seconds = Double(passedSamples + index) / Double(block.sampleRateHz)
                    firstSeconds = min(firstSeconds ?? seconds, seconds)
                }
            }
        }
        passedSamples += block.sampleCount
        return block
    }
}

/// Mean and standard deviation of the mono mix of the last time: all of it counts alike for ``memorySeconds``,
/// and less and less later.
struct LiveStatistics {
    static let memorySeconds = 30.0

    private let memorySamples: Double
    private var samples = 0.0
    private var mean = 0.0
    private var variance = 0.0

    init(sampleRateHz: Int) { memorySamples = Self.memorySeconds * Double(sampleRateHz) }

    mutating func add(_ audio: PlanarAudio) {
        let channelCount = Float(audio.channelCount)
        for index in 0..<audio.sampleCount {
            var sum: Float = 0
            for channel in audio.channels { sum += channel[index] }
            samples = min(samples + 1, memorySamples)
            let deviation = Double(sum / channelCount) - mean
            mean += deviation / samples
            variance += (deviation * deviation * (1 - 1 / samples) - variance) / samples
        }
    }

    var normalization: Normalization {
        Normalization(mean: Float(mean), standardDeviation: Float(variance.squareRoot()))
    }
}
