// Normalisation of a whole track, before it is cut into segments.
// Reference: `Separator.separate_tensor` in demucs/api.py.

/// Mean and standard deviation of a track's mono mix.
///
/// Channels reach the network as `(x - mean) / scale` and its stems leave as `x * scale + mean`.
/// Samples are added one by one in float64, so the result does not depend on how a track is cut
/// into blocks. (Welford 1962, "Note on a method for calculating corrected sums of squares".)
///
/// PyTorch equivalent: `ref = wav.mean(0); mean = ref.mean(); scale = ref.std() + 1e-8`, except that
/// the standard deviation of a single sample is 0 instead of NaN.
package struct TrackStatistics: Sendable {
    /// Keeps silence finite.
    private static let epsilon: Float = 1e-8

    private var sampleCount = 0
    private var runningMean = 0.0
    private var squaredDeviations = 0.0

    package init() {}

    /// Adds samples of a track.
    /// - Parameter channels: `[channel][sample]`, equally long.
    package mutating func add(_ channels: [[Float]]) {
        guard let first = channels.first else { return }
        let channelCount = Float(channels.count)
        for index in first.indices {
            var sum: Float = 0
            for channel in channels { sum += channel[index] }
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

    /// Unbiased standard deviation plus 1e-8, rounded to float32 as the reference rounds it.
    package var scale: Float {
        let variance = sampleCount > 1 ? squaredDeviations / Double(sampleCount - 1) : 0
        return Float(variance.squareRoot()) + TrackStatistics.epsilon
    }
}
