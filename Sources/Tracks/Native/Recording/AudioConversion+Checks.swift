// The error of a recording that can't be converted.

import Signal

extension AudioConversion {
    /// - Parameter downmix: for a recording with more channels than wanted.
    /// - Throws: `SeparationError.tooFewChannels` if there are several channels, but
    ///   fewer than wanted.
    package init(
        fromChannels channelCount: Int, rateHz: Int, toChannels newChannelCount: Int,
        rateHz newRateHz: Int, downmix: Downmix = .first, speakers: [Speaker]? = nil,
        isEndless: Bool = false
    ) throws(SeparationError) {
        guard
            let conversion = AudioConversion(
                channels: channelCount, rateHz: rateHz, toChannels: newChannelCount,
                rateHz: newRateHz, downmix: downmix, speakers: speakers, isEndless: isEndless)
        else { throw .tooFewChannels(found: channelCount, needed: newChannelCount) }
        self = conversion
    }
}
