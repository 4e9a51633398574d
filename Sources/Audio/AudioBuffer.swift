// Sound in memory: what is read from files, given to the separator and written to files.

/// Samples of one or more channels at one rate.
public struct AudioBuffer: Sendable, Equatable {
    /// The samples of each channel, full scale at ±1. All channels are equally long.
    public var channels: [[Float]]

    /// Samples per second of each channel.
    public var sampleRateHz: Int

    /// - Parameters:
    ///   - channels: one array per channel, all equally long.
    ///   - sampleRateHz: samples per second, positive.
    public init(channels: [[Float]], sampleRateHz: Int) {
        self.channels = channels
        self.sampleRateHz = sampleRateHz
    }

    /// Samples of each channel.
    public var sampleCount: Int { channels.first?.count ?? 0 }

    /// Checks what a caller may have put together wrongly.
    ///
    /// - Throws: ``AudioError/invalidBuffer(problem:)`` unless there are channels, all equally long,
    ///   at a rate that recordings have.
    package func validate() throws(AudioError) {
        guard AudioReader.supportedChannels.contains(channels.count) else {
            let supported = AudioReader.supportedChannels
            throw .invalidBuffer(
                problem: "has \(channels.count) channels, expected \(supported.lowerBound) to "
                    + "\(supported.upperBound)")
        }
        if let other = channels.first(where: { $0.count != sampleCount }) {
            throw .invalidBuffer(
                problem: "has channels of \(sampleCount) and of \(other.count) samples, "
                    + "expected all equally long")
        }
        guard AudioReader.supportedRatesHz.contains(sampleRateHz) else {
            let supported = AudioReader.supportedRatesHz
            throw .invalidBuffer(
                problem: "has a sample rate of \(sampleRateHz) Hz, expected "
                    + "\(supported.lowerBound) to \(supported.upperBound) Hz")
        }
    }

    /// Length in time.
    public var durationSeconds: Double { Double(sampleCount) / Double(sampleRateHz) }
}
