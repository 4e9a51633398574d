// The loudspeakers of channels, and their mix to stereo. Reference: Recommendation ITU-R BS.775-4, table 2.

/// The place of a channel's loudspeaker.
package enum Speaker: Sendable {
    case left, right, centre, lowFrequency, leftSurround, rightSurround, backCentre

    /// The speakers of three to eight channels in the order of WAV and FLAC; nil for other numbers.
    package static func layout(channelCount: Int) -> [Speaker]? {
        layout(
            channelCount,
            [
                [.left, .right, .centre],
                [.left, .right, .leftSurround, .rightSurround],
                [.left, .right, .centre, .leftSurround, .rightSurround],
                [.left, .right, .centre, .lowFrequency, .leftSurround, .rightSurround],
                [
                    .left, .right, .centre, .lowFrequency, .backCentre, .leftSurround,
                    .rightSurround,
                ],
                [
                    .left, .right, .centre, .lowFrequency, .leftSurround, .rightSurround,
                    .leftSurround, .rightSurround,
                ],
            ])
    }

    /// The speakers in the order of Vorbis and Opus. (Vorbis I specification, 4.3.9; RFC 7845, 5.1.1.2.)
    package static func vorbisLayout(channelCount: Int) -> [Speaker]? {
        layout(
            channelCount,
            [
                [.left, .centre, .right],
                [.left, .right, .leftSurround, .rightSurround],
                [.left, .centre, .right, .leftSurround, .rightSurround],
                [.left, .centre, .right, .leftSurround, .rightSurround, .lowFrequency],
                [
                    .left, .centre, .right, .leftSurround, .rightSurround, .backCentre,
                    .lowFrequency,
                ],
                [
                    .left, .centre, .right, .leftSurround, .rightSurround, .leftSurround,
                    .rightSurround, .lowFrequency,
                ],
            ])
    }

    private static func layout(_ channelCount: Int, _ layouts: [[Speaker]]) -> [Speaker]? {
        layouts.first { $0.count == channelCount }
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
