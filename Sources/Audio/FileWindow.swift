// A file's bytes in blocks, for all walks from header to header, and what they may cost.

import System

/// The bytes of a file. Those around the last place that was read are held. Used by one thread at a time.
final class FileWindow {
    let file: InputFile
    /// The end of the file, or less: the end of what may be read.
    let end: Int
    /// Bytes that were handed out to walks, ``callBytes`` for each call, and a part of those that were read.
    private(set) var spentBytes = 0

    private var held: [UInt8] = []
    private var base = 0
    private let isCancelled: @Sendable () -> Bool

    private static let blockBytes = 1 << 18
    /// The work of a call, as that of so many bytes.
    private static let callBytes = 16

    /// - Parameter isCancelled: asked before each read of the file; then there are no more bytes.
    init(_ file: InputFile, isCancelled: @escaping @Sendable () -> Bool = { false }) {
        self.file = file
        end = file.sizeBytes
        self.isCancelled = isCancelled
    }

    /// Whether all walks of the file together have done more than several passes over it; then there are no more
    /// bytes.
    var isSpent: Bool { spentBytes / 4 > end + 1 << 24 }

    /// Bytes at an offset, fewer at the end of the file.
    func slice(_ offset: Int, _ count: Int) -> [UInt8] {
        guard hold(offset, count) else { return [] }
        spentBytes += count
        return Array(held[(offset - base)..<min(offset - base + count, held.count)])
    }

    /// Holds bytes at an offset, as far as the file has them.
    private func hold(_ offset: Int, _ count: Int) -> Bool {
        spentBytes += Self.callBytes
        guard offset >= 0, offset < end, count > 0, !isSpent else { return false }
        let wanted = min(count, end - offset)
        if offset < base || offset + wanted > base + held.count {
            held = isCancelled() ? [] : file.bytes(at: offset, count: max(wanted, Self.blockBytes))
            base = offset
            spentBytes += held.count / 16
        }
        return !held.isEmpty
    }

    func matches(_ text: StaticString, at offset: Int) -> Bool {
        slice(offset, text.utf8CodeUnitCount).elementsEqual("\(text)".utf8)
    }

    /// The unsigned number of `count` bytes at an offset; nil at the end of the file.
    func number(at offset: Int, _ count: Int, isBigEndian: Bool) -> UInt64? {
        let bytes = slice(offset, count)
        return bytes.count == count ? bytes[...].number(isBigEndian: isBigEndian) : nil
    }

    /// The first offset of a byte that is as wanted; the file's end if there is none.
    private func place(from offset: Int, where isWanted: (UInt8) -> Bool) -> Int {
        var offset = offset
        while hold(offset, 1) {
            let found = held[(offset - base)...].firstIndex(where: isWanted) ?? held.count
            spentBytes += found - (offset - base)
            if found < held.count { return base + found }
            offset = base + held.count
        }
        return end
    }

    /// The offset of the first byte that is not zero.
    func endOfZeros(from offset: Int) -> Int { place(from: offset) { $0 != 0 } }

    /// The offset of a byte.
    func place(of byte: UInt8, from offset: Int) -> Int { place(from: offset) { $0 == byte } }

    // MARK: - Tags around a sound

    /// The offset after the tags that begin at an offset; the offset itself where none does.
    func endOfTags(from offset: Int) -> Int {
        var (end, next) = (offset, offset)
        var hasLyrics = false
        // A size beyond the file is none of a tag.
        while next <= self.end {
            end = next
            let tag = slice(end, 16)
            if tag.starts(with: "ID3".utf8), tag.count >= 10 {
                // The size has seven bits per byte and leaves out the tag's header and footer.
                let size = tag[6..<10].reduce(0) { $0 << 7 | Int($1 & 0x7F) }
                next += 10 + size + (tag[5] & 0x10 != 0 ? 10 : 0)
            } else if tag.starts(with: "TAG".utf8) {
                next += 128
            } else if tag.starts(with: "APETAGEX".utf8), tag.count == 16 {
                // The size leaves out the header, which is there before the fields.
                next += 32 + Int(tag.field(12, 4))
            } else if tag.starts(with: "LYRICSBEGIN".utf8), !hasLyrics {
                // Lyrics3: the text ends with "LYRICS200", or "LYRICSEND" in version 1.
                let most = min(end + (1 << 16), self.end)
                var place = end + 10
                repeat {
                    place = self.place(of: UInt8(ascii: "L"), from: place + 1)
                } while place < most && !matches("LYRICS200", at: place)
                    && !matches("LYRICSEND", at: place)
                guard place < most else { break }
                hasLyrics = true
                next = place + 9
            } else {
                break
            }
        }
        return end
    }

    /// The beginning of the tags at the end of the file.
    var startOfTags: Int {
        var end = end
        for _ in 0..<8 {
            let tail = slice(end - 32, 32)
            if matches("TAG", at: end - 128) {
                end -= 128
            } else if tail.count == 32, tail.starts(with: "APETAGEX".utf8) {
                // The size leaves out the header; a flag says that there is one.
                end -= Int(tail.field(12, 4)) + (tail[23] & 0x80 != 0 ? 32 : 0)
            } else if tail.suffix(9).elementsEqual("LYRICS200".utf8),
                let size = Int(String(decoding: tail[17..<23], as: UTF8.self)), size >= 0
            {
                end -= size + 15
            } else {
                break
            }
        }
        // A size beyond the file is none of a tag.
        return 0...self.end ~= end ? end : self.end
    }
}

extension [UInt8] {
    /// The unsigned number in some of the bytes.
    func field(_ offset: Int, _ count: Int, isBigEndian: Bool = false) -> UInt64 {
        self[offset..<offset + count].number(isBigEndian: isBigEndian)
    }
}

extension ArraySlice<UInt8> {
    /// The unsigned number that up to eight bytes are.
    func number(isBigEndian: Bool) -> UInt64 {
        isBigEndian
            ? reduce(0) { $0 << 8 | UInt64($1) } : reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
