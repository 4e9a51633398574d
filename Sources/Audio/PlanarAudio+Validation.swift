// The one check of audio that a caller has put together. Decoders check files themselves.

@_exported import struct Signal.PlanarAudio

extension PlanarAudio {
    /// Checks that this is a recording.
    ///
    /// - Parameter checksSamples: whether to look at every sample; encoders do that themselves.
    /// - Throws: ``AudioError/invalidAudio(problem:)`` unless there are channels, all equally long,
    ///   at a rate that recordings have, and every sample is finite.
    package func validate(checksSamples: Bool = true) throws(AudioError) {
        func require(_ holds: Bool, _ problem: @autoclosure () -> String) throws(AudioError) {
            if !holds { throw .invalidAudio(problem: problem()) }
        }
        let (channelCounts, ratesHz) = (AudioReader.supportedChannels, AudioReader.supportedRatesHz)
        try require(
            channelCounts.contains(channelCount),
            "has \(channelCount) channels, expected \(channelCounts.lowerBound) to "
                + "\(channelCounts.upperBound)")
        try require(
            ratesHz.contains(sampleRateHz),
            "has a sample rate of \(sampleRateHz) Hz, expected \(ratesHz.lowerBound) to "
                + "\(ratesHz.upperBound) Hz")
        for (index, channel) in channels.enumerated() {
            try require(
                channel.count == sampleCount,
                "has \(channel.count) samples in channel \(index), expected \(sampleCount) as in "
                    + "channel 0")
            guard checksSamples else { continue }
            // One pass without branches: a sum of zeros is zero, and 0 × infinity or NaN is NaN.
            let zeros = channel.withUnsafeBufferPointer { $0.reduce(0) { $0 + $1 * 0 } }
            if zeros == 0 { continue }
            let sample = channel.firstIndex { !$0.isFinite } ?? 0
            throw .invalidAudio(
                problem: "has \(channel[sample]) at sample \(sample) of channel \(index), expected "
                    + "a finite number")
        }
    }
}
