// The chunks of WAV, AIFF, W64 and CAF files.

import System

/// A chunk of a file.
struct FileChunk: Equatable {
    /// Offset of the content in the file.
    let start: Int
    /// Size of the content by the chunk's header, which may be wrong.
    let countBytes: Int
}

/// A file that consists of chunks.
struct FileChunks {
    /// WAV and RF64; AIFF and AIFC; W64; CAF; another RIFF or IFF file, such as AVI.
    enum Container { case wav, aiff, w64, caf, other }
    let container: Container
    let isBigEndian: Bool
    /// The name in front of the chunks' sizes: "RIFF", "RF64", "FORM".
    let magic: String
    /// The first chunks of each wanted name that were passed; a list of texts has the name "INFO".
    private(set) var found: [String: [FileChunk]] = [:]
    let bytes: FileWindow

    /// nil for a file of another kind.
    init?(_ bytes: FileWindow) {
        self.bytes = bytes
        let head = bytes.slice(0, 40)
        magic = String(decoding: head.prefix(4), as: UTF8.self)
        let form = String(decoding: head.dropFirst(8).prefix(4), as: UTF8.self)
        switch magic {
        case "RIFF", "RF64", "RIFX", "BW64":
            container = form == "WAVE" ? .wav : .other
        case "FORM":
            container = form == "AIFF" || form == "AIFC" ? .aiff : .other
        case "riff" where head.count == 40 && Self.isW64(head[4..<16]): container = .w64
        case "caff": container = .caf
        default: return nil
        }
        isBigEndian = ["RIFX", "FORM", "caff"].contains(magic)
    }

    /// The rest of the name of a chunk in a W64 file, after its four characters.
    private static func isW64(_ bytes: ArraySlice<UInt8>) -> Bool {
        let last: [UInt8] = [0x8C, 0xD1, 0x00, 0xC0, 0x4F, 0x8E, 0xDB, 0x8A]
        // That of the first chunk of the file, `riff`.
        let first: [UInt8] = [0xA5, 0xD6, 0x28, 0xDB, 0x04, 0xC1, 0x00, 0x00]
        return bytes.suffix(8).elementsEqual(last) || bytes.suffix(8).elementsEqual(first)
    }

    /// Offset of the first chunk.
    private var firstOffset: Int { container == .w64 ? 40 : container == .caf ? 8 : 12 }

    /// The chunk at an offset; nil at the end of the file, and for a name of other bytes than ASCII.
    func chunk(at offset: Int) -> (name: UInt32, chunk: FileChunk)? {
        let nameBytes = container == .w64 ? 16 : 4
        let sizeBytes = container == .w64 || container == .caf ? 8 : 4
        let head = bytes.slice(offset, nameBytes + sizeBytes)
        guard head.count == nameBytes + sizeBytes, Self.isName(head[..<4]),
            container != .w64 || Self.isW64(head[4..<16])
        else { return nil }
        let size = Int(clamping: head[nameBytes...].number(isBigEndian: isBigEndian))
        return (
            UInt32(head[..<4].number(isBigEndian: true)),
            FileChunk(
                start: offset + head.count,
                countBytes: container == .w64 ? max(0, size - head.count) : size)
        )
    }

    static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { $0 >= 32 && $0 < 127 }
    }

    /// The offset of the chunk after one of a given size.
    func end(of chunk: FileChunk, countBytes: Int) -> Int {
        let alignment = container == .w64 ? 8 : container == .caf ? 1 : 2
        let (end, overflow) = chunk.start.addingReportingOverflow(countBytes)
        return overflow || end > Int.max - 8
            ? Int.max : end + (alignment - countBytes % alignment) % alignment
    }

    /// Passes over chunks, up to the first one of a name or the end, and keeps those that are wanted.
    ///
    /// - Parameter body: gets the name of each chunk and the offset after it; false ends the walk.
    mutating func walk(
        from offset: Int? = nil, until last: String? = nil,
        _ body: (UInt32, Int) -> Bool = { _, _ in true }
    ) {
        let last = last.map(Self.name)
        var offset = offset ?? firstOffset
        while let (name, chunk) = chunk(at: offset) {
            if Self.wanted.contains(name) {
                let isInfo = name == Self.name("LIST") && bytes.matches("INFO", at: chunk.start)
                let text = withUnsafeBytes(of: name.bigEndian) {
                    String(decoding: $0, as: UTF8.self)
                }
                let key = isInfo ? "INFO" : text
                let known = found[key, default: []]
                if known.count < AudioTags.mostValues, !known.contains(chunk) {
                    found[key] = known + [chunk]
                }
            }
            offset = end(of: chunk, countBytes: chunk.countBytes)
            if name == last || !body(name, offset) { break }
        }
    }

    /// The names of chunks that are looked for.
    private static let wanted = names([
        "fmt ", "ds64", "data", "COMM", "SSND", "desc", "LIST", "id3 ", "ID3 ", "NAME", "AUTH",
        "(c) ", "ANNO",
    ])

    /// Four characters as a number, because a file may have millions of names.
    static func name(_ text: String) -> UInt32 { text.utf8.reduce(0) { $0 << 8 | UInt32($1) } }
    static func names(_ texts: [String]) -> Set<UInt32> { Set(texts.map(name)) }
}

extension FileWindow {
    /// The end of the file by its own headers; nil if they don't state it. Compressed samples are
    /// decoded by ffmpeg, which passes over a missing end.
    var announcedEnd: Int? {
        let head = slice(0, 4_096)
        guard head.count >= 64 else { return nil }
        if var chunks = FileChunks(self) {
            guard ![.w64, .caf].contains(chunks.container) else { return nil }
            // An AVI of more than a gigabyte consists of several lists.
            var end: Int?
            var start = 0
            chunks.walk(from: 0) { name, next in
                let count = next - start
                start = next
                guard FileChunks.names(["RIFF", "FORM", "RIFX"]).contains(name), count > 9,
                    !PlainSound.isPlaceholder(count - 8)
                else { return false }
                end = next
                return true
            }
            // The last byte may be one that makes the size even.
            return end == self.end + 1 ? nil : end
        }
        let isBig = head.starts(with: ".snd".utf8)
        if isBig || head.starts(with: "dns.".utf8) {
            let size = Int(head.field(8, 4, isBigEndian: isBig))
            return PlainSound.isPlaceholder(size)
                ? nil : Int(head.field(4, 4, isBigEndian: isBig)) + size
        }
        if head.starts(with: "DSD ".utf8) { return Int(exactly: head.field(12, 8)) }
        // ASF (WMA, WMV): the properties' object names the size of the file.
        let properties: [UInt8] = [
            0xA1, 0xDC, 0xAB, 0x8C, 0x47, 0xA9, 0xCF, 0x11, 0x8E, 0xE4, 0, 0xC0, 0x0C, 0x20, 0x53,
            0x65,
        ]
        guard head.starts(with: [0x30, 0x26, 0xB2, 0x75]),
            let place = head.firstRange(of: properties)?.lowerBound, place + 48 <= head.count
        else { return nil }
        return Int(exactly: head.field(place + 40, 8))
    }
}
