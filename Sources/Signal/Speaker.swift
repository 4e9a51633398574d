// Also Embedded Swift: typed throws, no key paths, no casts.
// The loudspeakers of channels, and their mix to stereo. Reference: Recommendation ITU-R BS.775-4, table 2.

/// The place of a channel's loudspeaker; the raw value is a letter that names it.
package enum Speaker: UInt8, Sendable {
    case left = 0x4C  // L
    case right = 0x52  // R
    case centre = 0x43  // C
    case lowFrequency = 0x45  // E
    case leftSurround = 0x6C  // l
    case rightSurround = 0x72  // r
    case backCentre = 0x42  // B

    /// The speakers of three to eight channels in the order of WAV and FLAC; nil for other numbers.
    package static func layout(channelCount: Int) -> [Speaker]? {
        layout(channelCount, "LRC LRlr LRClr LRCElr LRCEBlr LRCElrlr")
    }

    /// The speakers in the order of Vorbis and Opus. (Vorbis I specification, 4.3.9; RFC 7845, 5.1.1.2.)
    package static func vorbisLayout(channelCount: Int) -> [Speaker]? {
        layout(channelCount, "LCR LRlr LCRlr LCRlrE LCRlrBE LCRlrlrE")
    }

    private static func layout(_ channelCount: Int, _ layouts: String) -> [Speaker]? {
        layouts.utf8.split(separator: 0x20).first { $0.count == channelCount }
            .map { $0.compactMap { Speaker(rawValue: $0) } }
    }

    /// Factors of the channel in the left and the right channel of a mix.
    fileprivate var gains: (left: Float, right: Float) {
        let half = Float(0.5).squareRoot()
        return switch self {
        case .left: (1, 0)
        case .right: (0, 1)
        case .centre: (half, half)
        case .lowFrequency: (0, 0)
        case .leftSurround: (half, 0)
        case .rightSurround: (0, half)
        case .backCentre: (0.5, 0.5)
        }
    }
}

extension [Speaker] {
    /// Factors `[new channel][channel]` of a mix to stereo, or of the mean of its channels.
    func gains(channelCount: Int) -> [[Float]] {
        channelCount == 1
            ? [map { ($0.gains.left + $0.gains.right) / 2 }]
            : [map { $0.gains.left }, map { $0.gains.right }]
    }
}
