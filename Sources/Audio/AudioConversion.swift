// From the channels and the rate of a recording to those of a model, block by block.

import Signal

/// What becomes of the channels of a recording that has more than wanted.
public enum Downmix: String, Sendable, CaseIterable {
    /// The first ones are taken, as in the reference; one channel is the mean of all.
    case first
    /// Every wanted channel is the mean of all.
    case average
}

/// Converts a recording that arrives in blocks: channels first, then the rate, as the reference.
///
/// Mono is repeated in every channel. Results don't depend on how the recording is cut.
///
/// Demucs: `demucs.audio.convert_audio`.
package struct AudioConversion: Sendable {
    private let channelCount: Int
    private let newChannelCount: Int
    /// Whether all new channels are alike and pass through the resampler as one.
    private let isMono: Bool
    private var resampling: ResamplingStream

    /// - Parameters:
    ///   - downmix: for more channels than wanted.
    ///   - sampleCount: samples to give of the whole recording, if not as many as the reference.
    /// - Throws: ``AudioError/tooFewChannels(found:needed:)`` if several channels should become
    ///   more.
    package init(
        fromChannels channelCount: Int, rateHz: Int, toChannels newChannelCount: Int,
        rateHz newRateHz: Int, downmix: Downmix = .first, sampleCount: Int? = nil
    ) throws(AudioError) {
        guard channelCount == 1 || channelCount >= newChannelCount else {
            throw .tooFewChannels(found: channelCount, needed: newChannelCount)
        }
        self.channelCount = channelCount
        self.newChannelCount = newChannelCount
        isMono =
            channelCount == 1 || newChannelCount == 1
            || (downmix == .average && channelCount > newChannelCount)
        resampling = ResamplingStream(
            Resampler(from: rateHz, to: newRateHz), channelCount: isMono ? 1 : newChannelCount,
            outputCount: sampleCount)
    }

    /// Converts the next block and appends what it completes.
    ///
    /// - Parameters:
    ///   - block: `[channel][sample]` of the recording.
    ///   - output: one array for each new channel.
    package mutating func convert(_ block: [[Float]], into output: inout [[Float]]) {
        precondition(block.count == channelCount && output.count == newChannelCount)
        guard isMono else {
            resampling.append(Array(block.prefix(newChannelCount)), into: &output)
            return
        }
        spread(into: &output) { resampling, channel in
            resampling.append([AudioConversion.mean(block)], into: &channel)
        }
    }

    /// Appends the end, once there are no more blocks.
    package mutating func finish(into output: inout [[Float]]) {
        guard isMono else {
            resampling.finish(into: &output)
            return
        }
        spread(into: &output) { $0.finish(into: &$1) }
    }

    /// Appends one resampled channel to all.
    private mutating func spread(
        into output: inout [[Float]], _ resample: (inout ResamplingStream, inout [[Float]]) -> Void
    ) {
        var channel: [[Float]] = [[]]
        resample(&resampling, &channel)
        for index in output.indices { output[index].append(contentsOf: channel[0]) }
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
