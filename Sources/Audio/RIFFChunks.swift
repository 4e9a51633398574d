// The chunks of WAV and AIFF files, for details that libsndfile doesn't give.

/// A named piece of a RIFF (WAV), RF64, RIFX or FORM (AIFF) file.
struct RIFFChunk {
    /// Four characters.
    let name: [UInt8]
    /// Where its content begins.
    let start: Int
    /// Bytes of its content by its header, which may lie.
    let countBytes: Int
}

/// The chunks of a file in their order, up to the samples: later ones can't be found in a long file.
struct RIFFChunks: Sequence, IteratorProtocol {
    private let file: InputFile
    private let isBigEndian: Bool
    private var offset = 12
    private var isAtEnd = false

    /// A file of nothing but headers would keep us busy for minutes; recordings have ten or so.
    private var chunksLeft = 1_000

    /// Whether it is an AIFF file.
    let isForm: Bool

    /// Nil if the file is none of these.
    init?(of file: InputFile) {
        let header = file.bytes(at: 0, count: 12)
        guard header.count == 12 else { return nil }
        isForm = header.starts(with: "FORM".utf8)
        isBigEndian = isForm || header.starts(with: "RIFX".utf8)
        guard isBigEndian || header.starts(with: "RIFF".utf8) || header.starts(with: "RF64".utf8)
        else { return nil }
        self.file = file
    }

    /// The name of the chunk that holds the samples.
    var soundName: [UInt8] { Array((isForm ? "SSND" : "data").utf8) }

    mutating func next() -> RIFFChunk? {
        let header = file.bytes(at: offset, count: 8)
        guard header.count == 8, !isAtEnd, chunksLeft > 0 else { return nil }
        chunksLeft -= 1
        let size = [UInt8](header[4...])
        let chunk = RIFFChunk(
            name: Array(header[..<4]), start: offset + 8,
            countBytes: (isBigEndian ? size : size.reversed()).reduce(0) { $0 << 8 | Int($1) })
        isAtEnd = chunk.name == soundName
        offset = chunk.start + chunk.countBytes + chunk.countBytes % 2
        return chunk
    }
}

extension InputFile {
    /// A text in a WAV file's list of type INFO, if that stands before the samples.
    func infoText(_ name: String) -> [UInt8]? {
        guard let chunks = RIFFChunks(of: self), !chunks.isForm else { return nil }
        for chunk in chunks where chunk.name == Array("LIST".utf8) {
            // No list of texts is longer.
            let list = bytes(at: chunk.start, count: min(chunk.countBytes, 1 << 20))
            guard list.starts(with: "INFO".utf8) else { continue }
            var rest = list.dropFirst(4)
            while rest.count >= 8 {
                let size = rest.dropFirst(4).prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
                let content = rest.dropFirst(8)
                if rest.starts(with: name.utf8) {
                    return Array(content.prefix(size).prefix { $0 != 0 })
                }
                rest = content.dropFirst(size + size % 2)
            }
        }
        return nil
    }
}
