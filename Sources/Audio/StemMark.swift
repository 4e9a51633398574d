// The mark by which a search of folders knows the stems of this program: its name, where encoders put theirs. It goes with
// the file, whatever its folder and its name become, and `--no-tags` keeps it.

import System

/// Writes and finds the mark of a stem.
package enum StemMark {
    static let name = Array("swift-demucs".utf8)
    /// The content of the chunk `ISFT` in `LIST INFO` of WAV, after which readers expect a zero.
    static let software = name + [0]
    /// The content of the frame `TSSE` of ID3, in UTF-8, the first in its tag.
    static let frame = [3] + name
    /// The first Vorbis comment of FLAC.
    static let comment = "ENCODER=" + String(decoding: name, as: UTF8.self)
    /// A box `free`, the last of MP4.
    package static let box = [0, 0, 0, UInt8(8 + name.count)] + "free".utf8 + name

    /// The bytes before the name: at the beginning of WAV and FLAC, at the end of MP4.
    private static let contexts: [(start: String, before: [UInt8], isAtEnd: Bool)] = [
        ("RIFF", Array("ISFT".utf8) + .little(UInt32(software.count)), false),
        ("RF64", Array("ISFT".utf8) + .little(UInt32(software.count)), false),
        ("fLaC", .little(UInt32(comment.utf8.count)) + "ENCODER=".utf8, false),
        ("\0\0\0", Array("free".utf8), true),
    ]
    /// Taggers may put the frames of their own choice before it.
    private static let headBytes = 1 << 14

    /// Whether a file is a stem or a stem file that this program has written.
    package static func isIn(_ path: String) -> Bool {
        let descriptor = FilePath.withCString(path) { open($0, O_RDONLY | O_NONBLOCK | O_CLOEXEC) }
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        func bytes(at offset: Int) -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: headBytes) { buffer, count in
                count =
                    (try? readAll(
                        into: UnsafeMutableRawBufferPointer(buffer), from: descriptor, at: offset))
                    ?? 0
            }
        }
        let head = bytes(at: 0)
        if head.starts(with: "ID3".utf8) { return isFrame(in: head) }
        guard let context = contexts.first(where: { head.starts(with: $0.start.utf8) }) else {
            return false
        }
        let mark = context.before + name
        if !context.isAtEnd { return head.firstRange(of: mark) != nil }
        let end = Int(lseek(descriptor, 0, SEEK_END))
        return bytes(at: max(0, end - mark.count)) == mark
    }

    /// Whether a tag of ID3 has the frame, in any of its encodings: a tagger writes it anew.
    private static func isFrame(in tag: [UInt8]) -> Bool {
        guard let frame = tag.firstRange(of: Array("TSSE".utf8)) else { return false }
        // Size and flags have six bytes; the encoding, a mark of the order and zeros are no letters.
        let letters = tag[frame.upperBound...].dropFirst(6).prefix(40)
            .filter { (0x20..<0x7F).contains($0) }
        return letters.starts(with: name)
    }
}
