// The box `moov.udta.stem` in an MP4 file (ISO/IEC 14496-12) that ffmpeg has just written. ffmpeg writes `moov` as the
// file's last box and `udta` as the last one in it, so that only the end of the file and two sizes change.

import System

enum StemBox {
    private struct Box {
        let type: String
        let offset: Int
        let countBytes: Int
    }

    /// Adds the box to a file.
    ///
    /// - Parameter content: of the box.
    /// - Returns: why the file can't take it; nil if it has.
    /// - Throws: `SystemError`.
    static func add(_ content: [UInt8], to descriptor: Int32, countBytes: Int) throws -> String? {
        let box = Self.box("stem", content)
        guard let movie = try last(in: 0..<countBytes, of: descriptor), movie.type == "moov",
            let child = try last(in: movie.offset + 8..<countBytes, of: descriptor)
        else { return "its last box is not 'moov'" }
        let isThere = child.type == "udta"
        let added = isThere ? box : Self.box("udta", box)
        for parent in isThere ? [movie, child] : [movie] {
            guard let size = UInt32(exactly: parent.countBytes + added.count) else {
                return "its box '\(parent.type)' is too large"
            }
            try write(size.bigEndianBytes, to: descriptor, at: parent.offset)
        }
        try write(added, to: descriptor, at: countBytes)
        return nil
    }

    private static func box(_ type: String, _ content: [UInt8]) -> [UInt8] {
        UInt32(8 + content.count).bigEndianBytes + type.utf8 + content
    }

    /// The last of the boxes that fill a range; nil if none of less than 4 GiB ends there.
    private static func last(in range: Range<Int>, of descriptor: Int32) throws -> Box? {
        var (offset, last) = (range.lowerBound, Box?.none)
        while offset < range.upperBound {
            var head = [UInt8](repeating: 0, count: 16)
            let found = try head.withUnsafeMutableBytes {
                try readAll(into: $0, from: descriptor, at: offset)
            }
            let short = head[..<4].reduce(0) { $0 << 8 | Int($1) }
            // A size of 1: it follows the type, with 64 bits.
            let size = short == 1 ? head[8...].reduce(0) { $0 << 8 | Int($1) } : short
            guard found >= 8, size >= 8, size <= range.upperBound - offset else { return nil }
            let type = String(decoding: head[4..<8], as: UTF8.self)
            last = short == 1 ? nil : Box(type: type, offset: offset, countBytes: size)
            offset += size
        }
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
