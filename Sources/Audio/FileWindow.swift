// A file's bytes in blocks, for walks from header to header.

/// The bytes of a file. Those around the last place that was read are held.
struct FileWindow {
    let end: Int
    private let file: InputFile
    private var held: [UInt8] = []
    private var base = 0

    private static let blockBytes = 1 << 18

    init(_ file: InputFile) {
        self.file = file
        end = file.sizeBytes
    }

    /// Bytes at an offset, fewer at the end of the file.
    mutating func slice(_ offset: Int, _ count: Int) -> [UInt8] {
        guard offset >= 0, offset < end, count > 0 else { return [] }
        let wanted = min(count, end - offset)
        if offset < base || offset + wanted > base + held.count {
            held = file.bytes(at: offset, count: max(wanted, Self.blockBytes))
            base = offset
        }
        return Array(held[(offset - base)..<min(offset - base + wanted, held.count)])
    }

    mutating func matches(_ text: StaticString, at offset: Int) -> Bool {
        slice(offset, text.utf8CodeUnitCount).elementsEqual("\(text)".utf8)
    }

    /// The offset after the tags that begin at an offset; the offset itself where none does. In a
    /// stream of frames, they belong to its end.
    mutating func endOfTags(from offset: Int) -> Int {
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

    /// A frame of MPEG audio or ADTS at an offset. Any bytes may look like its header: two in a row are one.
    mutating func frame(at offset: Int) -> MPEGFrame? {
        MPEGFrame(slice(offset, 7)).flatMap { frame in
            let next = MPEGFrame(slice(offset + frame.countBytes, 7))
            return next.map(frame.isLike) == true ? frame : nil
        }
    }

    /// The offset of the first byte that is not zero.
    mutating func endOfZeros(from offset: Int) -> Int {
        var offset = offset
        while offset < end, !slice(offset, 1).isEmpty {
            if let index = held[(offset - base)...].firstIndex(where: { $0 != 0 }) {
                return base + index
            }
            offset = base + held.count
        }
        return end
    }

    /// The offset of a byte; the file's end if there is none.
    mutating func place(of byte: UInt8, from offset: Int) -> Int {
        var offset = offset
        while offset < end, !slice(offset, 1).isEmpty {
            if let index = held[(offset - base)...].firstIndex(of: byte) { return base + index }
            offset = base + held.count
        }
        return end
    }

    /// The offsets of all places of a signature.
    mutating func places(of signature: [UInt8], from offset: Int) -> [Int] {
        var places: [Int] = []
        var offset = place(of: signature[0], from: offset)
        while offset < end {
            if slice(offset, signature.count) == signature { places.append(offset) }
            offset = place(of: signature[0], from: offset + 1)
        }
        return places
    }
}

extension InputFile {
    /// Whether a tag that isn't part of a container begins at an offset.
    func isTag(at offset: Int) -> Bool {
        var bytes = FileWindow(self)
        return bytes.endOfTags(from: offset) > offset
    }
}

extension [UInt8] {
    /// The unsigned number in some of the bytes.
    func field(_ offset: Int, _ count: Int, isBigEndian: Bool = false) -> UInt64 {
        self[offset..<offset + count].number(isBigEndian: isBigEndian)
    }
}
