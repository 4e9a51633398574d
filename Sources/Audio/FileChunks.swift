// The chunks of WAV, AIFF, W64 and CAF files.

import System

/// A chunk of a file.
struct FileChunk {
    /// Four characters.
    let name: String
    /// Offset of the content in the file.
    let start: Int
    /// Size of the content by the chunk's header, which may be wrong.
    let countBytes: Int
}

/// A file that consists of chunks.
struct FileChunks {
    enum Container: Equatable {
        /// WAV and RF64.
        case wav
        /// AIFF and AIFC.
        case aiff
        case w64
        case caf
        /// Another RIFF or IFF file, such as AVI.
        case other
    }
    let container: Container
    let isBigEndian: Bool
    /// The name in front of the chunks' sizes: "RIFF", "RF64", "FORM".
    let magic: String
    private let file: InputFile

    /// nil for a file of another kind.
    init?(of file: InputFile) {
        self.file = file
        let head = file.bytes(at: 0, count: 40)
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
        return bytes.suffix(8).elementsEqual(last) || bytes.suffix(8).elementsEqual(firstW64)
    }
    /// The same for the first chunk of the file, `riff`.
    private static let firstW64: [UInt8] = [0xA5, 0xD6, 0x28, 0xDB, 0x04, 0xC1, 0x00, 0x00]

    /// Offset of the first chunk.
    var firstOffset: Int {
        switch container {
        case .w64: 40
        case .caf: 8
        default: 12
        }
    }

    /// The chunk at an offset; nil at the end of the file, and for a name of other bytes than ASCII.
    func chunk(at offset: Int) -> FileChunk? {
        let nameBytes = container == .w64 ? 16 : 4
        let sizeBytes = container == .w64 || container == .caf ? 8 : 4
        let head = file.bytes(at: offset, count: nameBytes + sizeBytes)
        guard head.count == nameBytes + sizeBytes, head[..<4].allSatisfy({ $0 >= 32 && $0 < 127 }),
            container != .w64 || Self.isW64(head[4..<16])
        else { return nil }
        let size = Int(clamping: head[nameBytes...].number(isBigEndian: isBigEndian))
        let start = offset + head.count
        return FileChunk(
            name: String(decoding: head[..<4], as: UTF8.self), start: start,
            countBytes: container == .w64 ? max(0, size - head.count) : size)
    }

    /// The offset of the chunk after one of a given size.
    func end(of chunk: FileChunk, countBytes: Int) -> Int {
        let alignment = container == .w64 ? 8 : container == .caf ? 1 : 2
        let (end, overflow) = chunk.start.addingReportingOverflow(countBytes)
        return overflow || end > Int.max - 8
            ? Int.max : end + (alignment - countBytes % alignment) % alignment
    }

    /// The chunks from an offset on, up to the first one of the name `last`; nil for all.
    func chunks(from offset: Int? = nil, until last: String? = nil) -> [FileChunk] {
        var chunks: [FileChunk] = []
        var offset = offset ?? firstOffset
        // A file of headers alone would take minutes to scan; recordings have ten chunks or so.
        while chunks.count < 1_000, let chunk = chunk(at: offset) {
            chunks.append(chunk)
            if chunk.name == last { break }
            offset = end(of: chunk, countBytes: chunk.countBytes)
        }
        return chunks
    }
}

extension InputFile {
    /// A text in a WAV file's list of type INFO, if the list is before the samples.
    func infoText(_ name: String) -> [UInt8]? {
        guard let riff = FileChunks(of: self), riff.container == .wav else { return nil }
        for list in riff.chunks(until: "data")
        where list.name == "LIST" && bytes(at: list.start, count: 4) == Array("INFO".utf8) {
            // Limit of the list's size; real lists are shorter.
            let end = list.start + min(list.countBytes, 1 << 20)
            let texts = riff.chunks(from: list.start + 4, until: name).filter { $0.start < end }
            if let text = texts.last, text.name == name {
                let content = bytes(at: text.start, count: min(text.countBytes, end - text.start))
                return Array(content.prefix { $0 != 0 })
            }
        }
        return nil
    }

    /// The end of the file by its own headers; nil if they don't state it. Compressed samples are
    /// decoded by ffmpeg, which passes over a missing end.
    var announcedEnd: Int? {
        let head = bytes(at: 0, count: 4_096)
        guard head.count >= 64 else { return nil }
        if let chunks = FileChunks(of: self) {
            switch chunks.container {
            case .w64: return Int(exactly: head.field(16, 8))
            case .caf:
                guard let data = chunks.chunks(until: "data").last, data.name == "data" else {
                    return nil
                }
                let end = chunks.end(of: data, countBytes: data.countBytes)
                return end == Int.max ? nil : end
            case .wav, .aiff, .other: break
            }
            // An AVI of more than a gigabyte consists of several lists.
            let parts = chunks.chunks(from: 0).prefix {
                ["RIFF", "FORM", "RIFX"].contains($0.name) && $0.countBytes > 0
                    && !PlainSound.isPlaceholder($0.countBytes)
            }
            let end = parts.last.map { chunks.end(of: $0, countBytes: $0.countBytes) }
            // The last byte may be one that makes the size even.
            return end == sizeBytes + 1 ? nil : end
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

    /// The unsigned number of `count` bytes at an offset; nil at the end of the file.
    func number(at offset: Int, _ count: Int, isBigEndian: Bool) -> UInt64? {
        let bytes = bytes(at: offset, count: count)
        return bytes.count == count ? bytes[...].number(isBigEndian: isBigEndian) : nil
    }
}

extension ArraySlice<UInt8> {
    /// The unsigned number that up to eight bytes are.
    func number(isBigEndian: Bool) -> UInt64 {
        isBigEndian
            ? reduce(0) { $0 << 8 | UInt64($1) } : reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
