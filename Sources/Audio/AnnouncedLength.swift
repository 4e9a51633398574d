// The length that a file announces. It is only compared with the decoded length: a header may state
// an estimate, a lie or a placeholder.

import CSndFile

/// The length that a file announces, and how far it can be relied on.
enum AnnouncedLength: Equatable {
    /// The container counts its samples; `tolerated` missing ones need no warning.
    case samples(Int, tolerated: Int)
    /// The container counts the bytes of its samples; `present` of them are in the file.
    case bytes(announced: Int, present: Int)
    /// The container marks its end, and the mark is missing.
    case endMissing
    /// The file announces no length.
    case unknown

    /// - Parameters:
    ///   - format: `SF_INFO.format` of the opened file.
    ///   - frames: `SF_INFO.frames`. libsndfile lowers it to the samples that a truncated WAV or
    ///     AIFF holds, and estimates it for an MP3 without a Xing header.
    init(of file: InputFile, format: Int32, frames: Int) {
        let unknownFrames = frames <= 0 || frames == Int.max
        switch Int(format) & SF_FORMAT_TYPEMASK {
        case SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_RF64, SF_FORMAT_AIFF:
            self.init(ofSoundChunkIn: file)
        case SF_FORMAT_OGG:
            self = unknownFrames ? .endMissing : .samples(frames, tolerated: 0)
        case SF_FORMAT_MPEG:
            self =
                unknownFrames || !Self.hasLengthHeader(file)
                ? .unknown : .samples(frames, tolerated: Self.mp3FrameSamples)
        default:
            self = unknownFrames ? .unknown : .samples(frames, tolerated: 0)
        }
    }

    /// An MP3 may lose a frame to one damaged byte and be whole otherwise.
    private static let mp3FrameSamples = 1_152

    /// The warning about a file with less to decode than it announces; nil if there is enough.
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
            guard announced > present, present > 0 else {
                return reason.map { _ in truncated(nil) }
            }
            let announcedSamples = Double(decodedSamples) * Double(announced) / Double(present)
            // Less than one sample is a padding byte that was counted.
            return announcedSamples - Double(decodedSamples) >= 1
                ? truncated(announcedSamples / Double(sampleRateHz)) : nil
        case .endMissing:
            return truncated(nil)
        case .unknown:
            return reason.map { _ in truncated(nil) }
        }
    }

    /// Whether the first frame of an MP3 is a Xing, Info or VBRI header that counts the frames.
    private static func hasLengthHeader(_ file: InputFile) -> Bool {
        var offset = 0
        while true {
            let tag = file.bytes(at: offset, count: 10)
            guard tag.count == 10, tag.starts(with: "ID3".utf8) else { break }
            // The size has seven bits per byte and leaves out the tag's header and footer.
            let size = tag[6...].reduce(0) { $0 << 7 | Int($1 & 0x7F) }
            offset += 10 + size + (tag[5] & 0x10 != 0 ? 10 : 0)
        }
        let bytes = file.bytes(at: offset, count: 4096)
        let sync = bytes.indices.dropLast().first { index in
            bytes[index] == 0xFF && bytes[index + 1] & 0xE0 == 0xE0
        }
        guard let sync else { return false }
        let frame = bytes[sync...]
        // After the frame's header (4 bytes) and side information: 9, 17 or 32 bytes by version and
        // channels. The lowest of the flags after the name says that the frame count follows.
        let isXing = [13, 21, 36].contains { place in
            let header = frame.dropFirst(place)
            return header.count >= 8
                && (header.starts(with: "Xing".utf8) || header.starts(with: "Info".utf8))
                && header[header.startIndex + 7] & 1 == 1
        }
        return isXing || frame.dropFirst(36).starts(with: "VBRI".utf8)
    }

    /// The length of a WAV or AIFF file's samples; unknown if there are none or their size is a
    /// placeholder of a program that wrote to a pipe.
    private init(ofSoundChunkIn file: InputFile) {
        self = .unknown
        guard let riff = RIFFChunks(of: file), let sound = riff.sound else { return }
        let longSize = riff.chunks.last { $0.name == "ds64" }
            .map { file.bytes(at: $0.start + 8, count: 8) }
            .flatMap {
                $0.count == 8 ? $0.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } : nil
            }
        // AIFF puts two numbers before the samples and includes them in the size.
        let extra = riff.isForm ? 8 : 0
        let announced = (longSize.map { Int(clamping: $0) } ?? sound.countBytes) - extra
        guard announced > 0, longSize != nil || !Self.isPlaceholder(sound.countBytes) else {
            return
        }
        self = .bytes(announced: announced, present: file.sizeBytes - sound.start - extra)
    }

    /// Sizes close to the largest signed or unsigned number: the length was not known in advance.
    private static func isPlaceholder(_ size: Int) -> Bool {
        (0x7FFF_F000...0x7FFF_FFFF).contains(size) || size >= 0xFFFF_F000
    }
}
