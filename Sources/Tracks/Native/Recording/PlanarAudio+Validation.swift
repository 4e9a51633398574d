// Validates audio that a caller has put together; bounds of rate and channels.

import Signal

extension PlanarAudio {
    private static let supportedRatesHz = 1_000...PlanarAudio.highestRateHz

    /// Up to seventh-order ambisonics.
    private static let supportedChannels = 1...64

    /// A text that names a rate or a number of channels out of bounds, with the expected one; nil
    /// if both are valid.
    package static func problem(channelCount: Int, sampleRateHz: Int) -> String? {
        let (rates, channels) = (supportedRatesHz, supportedChannels)
        if !rates.contains(sampleRateHz) {
            return "a sample rate of \(sampleRateHz) Hz, expected \(rates.lowerBound) to "
                + "\(rates.upperBound) Hz"
        }
        return channels.contains(channelCount)
            ? nil
            : "\(channelCount) channels, expected \(channels.lowerBound) to \(channels.upperBound)"
    }

    /// The reason why this is not valid audio, as the end of "The audio …": no channels or channels of
    /// different lengths, an unsupported rate, a sample that is not finite.
    ///
    /// - Parameter checksSamples: whether to check every sample; encoders do that themselves.
    package func problem(checksSamples: Bool) -> String? {
        if let problem = Self.problem(channelCount: channelCount, sampleRateHz: sampleRateHz) {
            return "has \(problem)"
        }
        for (index, channel) in channels.enumerated() {
            guard channel.count == sampleCount else {
                return "has \(channel.count) samples in channel \(index), expected "
                    + "\(sampleCount) as in channel 0"
            }
            guard checksSamples else { continue }
            guard let sample = channel.withUnsafeBufferPointer(\.firstNotFinite) else { continue }
            return "has \(channel[sample]) at sample \(sample) of channel \(index), expected "
                + "a finite number"
        }
        return nil
    }

    /// Checks a rate and a number of channels.
    ///
    /// - Throws: `SeparationError.invalidAudio`.
    package static func validate(
        channelCount: Int, sampleRateHz: Int
    ) throws(SeparationError) {
        if let problem = problem(channelCount: channelCount, sampleRateHz: sampleRateHz) {
            throw .invalidAudio(problem: "has \(problem)")
        }
    }

    /// - Throws: `SeparationError.buffersDiffer` for other channels or another rate.
    package func checkFormat(channelCount: Int, sampleRateHz: Int) throws(SeparationError) {
        if self.channelCount == channelCount && self.sampleRateHz == sampleRateHz { return }
        throw .buffersDiffer(
            channels: self.channelCount, rateHz: self.sampleRateHz,
            expectedChannels: channelCount, expectedRateHz: sampleRateHz)
    }

    /// - Throws: `SeparationError.invalidAudio` unless this is valid audio of finite samples.
    package func validate() throws(SeparationError) {
        if let problem = problem(checksSamples: true) { throw .invalidAudio(problem: problem) }
    }
}
