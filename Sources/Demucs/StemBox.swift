// The box `moov.udta.stem` in an MP4 file (ISO/IEC 14496-12) that ffmpeg has just written. ffmpeg writes `moov` as the
// file's last box and `udta` as the last one in it, so that only the end of the file and two sizes change.

import Audio
import System

enum StemBox {
    /// Adds the box to a file.
    ///
    /// - Parameter content: of the box.
    /// - Returns: why the file can't take it; nil if it has.
    /// - Throws: `SystemError`.
    static func add(_ content: [UInt8], to descriptor: Int32, countBytes: Int) throws -> String? {
        let box = Self.box("stem", content)
        guard let movie = try last(in: 0..<countBytes, of: descriptor), movie.type == "moov",
            let child = try last(in: movie.content, of: descriptor)
        else { return "its last box is not 'moov'" }
        let isThere = child.type == "udta"
        let added = isThere ? box : Self.box("udta", box)
        for parent in isThere ? [movie, child] : [movie] {
            guard let size = UInt32(exactly: countBytes + added.count - parent.start) else {
                return "its box '\(parent.type)' is too large"
            }
            try write(size.bigEndianBytes, to: descriptor, at: parent.start)
        }
        try write(added, to: descriptor, at: countBytes)
        return nil
    }

    private static func box(_ type: String, _ content: [UInt8]) -> [UInt8] {
        UInt32(8 + content.count).bigEndianBytes + type.utf8 + content
    }

    /// The last of the boxes that fill a range; nil if none of less than 4 GiB ends there.
    private static func last(in range: Range<Int>, of descriptor: Int32) throws -> MP4Box? {
        let boxes = try mp4Boxes(in: range) { offset, count in
            try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialised in
                initialised = try readAll(
                    into: UnsafeMutableRawBufferPointer(buffer), from: descriptor, at: offset)
            }
        }
        guard let last = boxes.last, last.content.upperBound == range.upperBound,
            last.content.lowerBound == last.start + 8
        else { return nil }
        return last
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, at offset: Int) throws {
        lseek(descriptor, off_t(offset), SEEK_SET)
        try bytes.withUnsafeBytes { try writeAll($0, to: descriptor) }
    }
}

extension UInt32 {
    var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
