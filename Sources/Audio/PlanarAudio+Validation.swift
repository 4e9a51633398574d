// Validates audio that a caller has put together; bounds of rate and channels.

import Signal

extension PlanarAudio {
    private static let supportedRatesHz = 1_000...PlanarAudio.highestRateHz

    /// Up to seventh-order ambisonics.
    private static let supportedChannels = 1...64

    /// A text that names a rate or a number of channels out of bounds, with the expected one; nil
    /// if both are valid.
    static func problem(channelCount: Int, sampleRateHz: Int) -> String? {
        let (rates, channels) = (supportedRatesHz, supportedChannels)
        if !rates.contains(sampleRateHz) {
            return "a sample rate of \(sampleRateHz) Hz, expected \(rates.lowerBound) to "
                + "\(rates.upperBound) Hz"
        }
        return channels.contains(channelCount)
            ? nil
            : "\(channelCount) channels, expected \(channels.lowerBound) to \(channels.upperBound)"
    }

    /// Checks a rate and a number of channels.
    ///
    /// - Throws: ``AudioError/invalidAudio(problem:)``.
    package static func validate(
        channelCount: Int, sampleRateHz: Int
    ) throws(AudioError) {
        if let problem = problem(channelCount: channelCount, sampleRateHz: sampleRateHz) {
            throw .invalidAudio(problem: "has \(problem)")
        }
    }

    /// Checks that this is valid audio.
    ///
    /// - Parameter checksSamples: whether to check every sample; encoders do that themselves.
    /// - Throws: ``AudioError/invalidAudio(problem:)`` unless there are channels, all equally long,
    ///   at a supported rate, and every sample is finite.
    package func validate(checksSamples: Bool = true) throws(AudioError) {
        try Self.validate(channelCount: channelCount, sampleRateHz: sampleRateHz)
        for (index, channel) in channels.enumerated() {
            guard channel.count == sampleCount else {
                throw .invalidAudio(
                    problem: "has \(channel.count) samples in channel \(index), expected "
                        + "\(sampleCount) as in channel 0")
            }
            guard checksSamples else { continue }
            guard let sample = channel.withUnsafeBufferPointer(\.firstNotFinite) else { continue }
            throw .invalidAudio(
                problem: "has \(channel[sample]) at sample \(sample) of channel \(index), expected "
                    + "a finite number")
        }
    }
}

extension UnsafeBufferPointer<Float> {
    /// The index of the first value that is NaN or infinite.
    var firstNotFinite: Int? {
        largestMagnitude.isFinite ? nil : firstIndex { !$0.isFinite }
    }
}
