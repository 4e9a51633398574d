// Also Embedded Swift: typed throws, no key paths, no casts.
// Converts the channels and the rate of a recording to those of a model, block by block.

/// Channels that are used of a recording with more channels than the model.
public enum Downmix: String, Sendable, CaseIterable {
    /// The first channels, as in the reference; for a mono model the mean of all.
    case first
    /// The mean of all channels, in every channel of the model.
    case average
    /// A mix by the loudspeakers of the channels; the mean of all if these are unknown.
    case layout
}

/// Converts a recording that arrives in blocks: channels first, then the rate, as the reference
/// does.
///
/// Mono is repeated in every channel. Results don't depend on how the recording is cut into blocks.
///
/// Demucs: `demucs.audio.convert_audio`.
package struct AudioConversion: Sendable {
    private let channelCount: Int
    package let newChannelCount: Int
    package let newRateHz: Int
    /// Whether all new channels are equal, so that only one of them is resampled.
    private let isMono: Bool
    /// Factors `[new channel][channel]` of a mix by loudspeakers; nil for other conversions.
    private let gains: [[Float]]?
    private var resampling: ResamplingStream

    /// - Parameters:
    ///   - rateHz: rates of the recording and of the model, positive.
    ///   - downmix: for a recording with more channels than wanted.
    ///   - speakers: those of the recording's channels; nil for the usual ones.
    ///   - isEndless: as of ``ResamplingStream``.
    /// - Returns: nil if there are several channels, but fewer than wanted.
    package init?(
        channels channelCount: Int, rateHz: Int, toChannels newChannelCount: Int,
        rateHz newRateHz: Int, downmix: Downmix = .first, speakers: [Speaker]? = nil,
        isEndless: Bool = false
    ) {
        guard channelCount == 1 || channelCount >= newChannelCount else { return nil }
        self.channelCount = channelCount
        self.newChannelCount = newChannelCount
        self.newRateHz = newRateHz
        let isMixed = downmix != .first && channelCount > newChannelCount
        let layout = speakers ?? Speaker.layout(channelCount: channelCount)
        gains =
            isMixed && downmix == .layout && newChannelCount <= 2 && layout?.count == channelCount
            ? layout?.gains(channelCount: newChannelCount) : nil
        isMono = channelCount == 1 || newChannelCount == 1 || (isMixed && gains == nil)
        resampling = ResamplingStream(
            Resampler(from: rateHz, to: newRateHz), channelCount: isMono ? 1 : newChannelCount,
            isEndless: isEndless)
    }

    /// Converts the next block of the recording.
    ///
    /// - Returns: the samples that are finished with this block, in the new channels and rate.
    package mutating func convert(_ block: PlanarAudio) -> PlanarAudio {
        precondition(block.channelCount == channelCount)
        let channels =
            gains?.map { Self.sum(block.channels, $0) }
            ?? (isMono
                ? [Self.mean(block.channels)] : Array(block.channels.prefix(newChannelCount)))
        return spread(
            resampling.append(PlanarAudio(channels: channels, sampleRateHz: block.sampleRateHz)))
    }

    /// Returns the last samples, after the last block.
    package mutating func finish() -> PlanarAudio {
        spread(resampling.finish())
    }

    /// Repeats the one channel of a mono recording.
    private func spread(_ audio: PlanarAudio) -> PlanarAudio {
        guard isMono else { return audio }
        return PlanarAudio(
            channels: Array(repeating: audio.channels[0], count: newChannelCount),
            sampleRateHz: audio.sampleRateHz)
    }

    private static func sum(_ channels: [[Float]], _ gains: [Float]) -> [Float] {
        var sum = [Float](repeating: 0, count: channels[0].count)
        for (channel, gain) in zip(channels, gains) where gain != 0 {
            for index in sum.indices { sum[index] += gain * channel[index] }
        }
        return sum
    }

    private static func mean(_ channels: [[Float]]) -> [Float] {
        var mean = channels[0]
        if channels.count == 1 { return mean }
        for channel in channels.dropFirst() {
            for index in mean.indices { mean[index] += channel[index] }
        }
        let count = Float(channels.count)
        for index in mean.indices { mean[index] /= count }
        return mean
    }
}
