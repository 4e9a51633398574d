// The mark by which a search of folders knows the stems of this program: its name, where encoders put theirs. It goes with
// the file, whatever its folder and its name become, and it is all that `--no-tags` leaves.

import System

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

    /// What comes before the name in the first bytes of a WAV, an MP3 and a FLAC file, and in the last of MP4.
    private static let contexts: [(start: String, before: [UInt8], isAtEnd: Bool)] = [
        ("RIFF", Array("ISFT".utf8) + .little(UInt32(software.count)), false),
        ("RF64", Array("ISFT".utf8) + .little(UInt32(software.count)), false),
        ("ID3", [UInt8(frame.count), 0, 0, 3], false),
        ("fLaC", .little(UInt32(comment.utf8.count)) + "ENCODER=".utf8, false),
        ("\0\0\0", Array("free".utf8), true),
    ]
    /// Enough for what containers have before it.
    private static let headBytes = 512

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
        guard let context = contexts.first(where: { head.starts(with: $0.start.utf8) }) else {
            return false
        }
        let mark = context.before + name
        if !context.isAtEnd { return head.firstRange(of: mark) != nil }
        let end = Int(lseek(descriptor, 0, SEEK_END))
        return bytes(at: max(0, end - mark.count)) == mark
    }
}
