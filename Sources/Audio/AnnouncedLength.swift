// The length that a file announces. It is only compared with the decoded length: a header may state
// an estimate, a lie or a placeholder.

import CSndFile

/// The length that a file announces, and how far it can be relied on.
enum AnnouncedLength: Equatable {
    /// The container counts its samples; `tolerated` missing ones need no warning.
    case samples(Int, tolerated: Int)
    /// The container counts the bytes of its samples; `present`, at least 1, are in the file.
    case bytes(announced: Int, present: Int)
    /// The container marks its end, and the mark is missing.
    case endMissing
    /// The file announces no length.
    case unknown

    /// - Parameters:
    ///   - format: `SF_INFO.format` of an opened file with compressed samples.
    ///   - frames: `SF_INFO.frames`, which is an estimate for an MP3 without a header of its length.
    ///   - isStated: whether an MP3 has such a header.
    init(format: Int32, frames: Int, isStated: Bool) {
        let unknownFrames = frames <= 0 || frames == Int.max
        switch Int(format) & SF_FORMAT_TYPEMASK {
        case SF_FORMAT_OGG:
            self = unknownFrames ? .endMissing : .samples(frames, tolerated: 0)
        case SF_FORMAT_MPEG:
            self =
                unknownFrames || !isStated
                ? .unknown : .samples(frames, tolerated: Self.mp3FrameSamples)
        default:
            self = unknownFrames ? .unknown : .samples(frames, tolerated: 0)
        }
    }

    /// An MP3 may lose a frame to one damaged byte and be whole otherwise.
    private static let mp3FrameSamples = 1_152

    /// The warning about a file with less or more to decode than it announces.
    func warning(
        path: String, decodedSamples: Int, sampleRateHz: Int, reason: String?
    ) -> AudioWarning? {
        let decodedSeconds = Double(decodedSamples) / Double(sampleRateHz)
        func truncated(_ announcedSeconds: Double?) -> AudioWarning {
            .truncated(
                path: path, decodedSeconds: decodedSeconds, announcedSeconds: announcedSeconds,
                reason: reason)
        }
        switch self {
        case .samples(let announced, let tolerated):
            return announced - decodedSamples > tolerated
                ? truncated(Double(announced) / Double(sampleRateHz)) : nil
        case .bytes(let announced, let present):
            let seconds = Double(announced) / Double(present) * decodedSeconds
            // Less than one sample is a padding byte that was counted.
            guard abs(seconds - decodedSeconds) * Double(sampleRateHz) >= 1 else {
                return reason.map { _ in truncated(nil) }
            }
            return announced > present
                ? truncated(seconds)
                : .longer(
                    path: path, decodedSeconds: decodedSeconds, announcedSeconds: seconds)
        case .endMissing:
            return truncated(nil)
        case .unknown:
            return reason.map { _ in truncated(nil) }
        }
    }
}
