// Also Embedded Swift: typed throws, no key paths, no casts.
// The statistics of a track, by which it is normalised.
// Reference: `Separator.separate_tensor` in demucs/api.py.

import Signal

/// Normalisation: channels reach the network as `(x - mean) / scale`, stems leave it as
/// `x * scale + mean`.
package struct Normalization: Sendable {
    /// Mean of the track's mono mix.
    let mean: Float
    /// Standard deviation of the mono mix plus 1e-8, which keeps silence finite.
    let scale: Float

    /// - Parameters:
    ///   - mean: of the mono mix of the whole track at the model's rate, finite.
    ///   - standardDeviation: of the same, finite and at least 0.
    package init(mean: Float, standardDeviation: Float) {
        self.mean = mean
        scale = standardDeviation + 1e-8
    }

    /// Leaves samples as they are: the sum of 1 and 1e-8 is 1 in float32.
    static let identity = Normalization(mean: 0, standardDeviation: 1)
}

/// Length, mean and standard deviation of a track's mono mix.
///
/// Samples are added one by one in float64, so the result does not depend on how a track is cut
/// into blocks. (Welford 1962, "Note on a method for calculating corrected sums of squares".)
///
/// PyTorch equivalent: `ref = wav.mean(0); mean = ref.mean(); scale = ref.std() + 1e-8`, except that
/// the standard deviation of a single sample is 0 instead of NaN.
package struct TrackStatistics: Sendable {
    /// Samples of each channel so far.
    package private(set) var sampleCount = 0
    private var runningMean = 0.0
    private var squaredDeviations = 0.0

    package init() {}

    package mutating func add(_ audio: PlanarAudio) {
        let channelCount = Float(audio.channelCount)
        for index in 0..<audio.sampleCount {
            var sum: Float = 0
            for channel in audio.channels { sum += channel[index] }
            add(Double(sum / channelCount))
        }
    }

    private mutating func add(_ sample: Double) {
        sampleCount += 1
        let deviation = sample - runningMean
        runningMean += deviation / Double(sampleCount)
        squaredDeviations += deviation * (sample - runningMean)
    }

    package var mean: Float { Float(runningMean) }

    /// Unbiased standard deviation, rounded to float32 as in the reference.
    package var standardDeviation: Float {
        let variance = sampleCount > 1 ? squaredDeviations / Double(sampleCount - 1) : 0
        return Float(variance.squareRoot())
    }

    package var scale: Float { normalization.scale }

    package var normalization: Normalization {
        Normalization(mean: mean, standardDeviation: standardDeviation)
    }
}
