// The chunks of WAV and AIFF files, for details that libsndfile doesn't give.

/// A chunk of a RIFF (WAV), RF64, RIFX or FORM (AIFF) file.
struct RIFFChunk {
    /// Four characters.
    let name: String
    /// Offset of the content in the file.
    let start: Int
    /// Size of the content by the chunk's header, which may be wrong.
    let countBytes: Int
}

/// The chunks of a file in their order.
struct RIFFChunks {
    /// Whether it is an AIFF file.
    let isForm: Bool
    let isBigEndian: Bool
    let chunks: [RIFFChunk]

    /// Reads the chunks; nil for a file of another format.
    ///
    /// - Parameter pastSamples: whether to look for chunks after the samples.
    init?(of file: InputFile, pastSamples: Bool = false) {
        let header = file.bytes(at: 0, count: 12)
        isForm = header.starts(with: "FORM".utf8)
        isBigEndian = isForm || header.starts(with: "RIFX".utf8)
        guard
            header.count == 12,
            isBigEndian || header.starts(with: "RIFF".utf8) || header.starts(with: "RF64".utf8)
        else { return nil }
        chunks = file.chunks(
            from: 12, to: file.sizeBytes, isBigEndian: isBigEndian,
            until: pastSamples ? nil : isForm ? "SSND" : "data")
    }

    /// The chunk that holds the samples.
    var sound: RIFFChunk? {
        chunks.last.flatMap { $0.name == (isForm ? "SSND" : "data") ? $0 : nil }
    }
}

extension InputFile {
    /// A text in a WAV file's list of type INFO, if the list is before the samples.
    func infoText(_ name: String) -> [UInt8]? {
        guard let riff = RIFFChunks(of: self), !riff.isForm else { return nil }
        for list in riff.chunks
        where list.name == "LIST" && bytes(at: list.start, count: 4) == Array("INFO".utf8) {
            // Limit of the list's size; real lists are shorter.
            let end = list.start + min(list.countBytes, 1 << 20)
            let texts = chunks(from: list.start + 4, to: end, isBigEndian: false, until: name)
            if let text = texts.last, text.name == name {
                let content = bytes(at: text.start, count: min(text.countBytes, end - text.start))
                return Array(content.prefix { $0 != 0 })
            }
        }
        return nil
    }

    /// The chunks in a part of the file, up to the first one of the name `last`; nil for all.
    fileprivate func chunks(
        from start: Int, to end: Int, isBigEndian: Bool, until last: String?
    ) -> [RIFFChunk] {
        var chunks: [RIFFChunk] = []
        var offset = start
        // A file of headers alone would take minutes to scan; recordings have ten chunks or so.
        while offset + 8 <= end, chunks.count < 1_000, last == nil || chunks.last?.name != last {
            let header = bytes(at: offset, count: 8)
            guard header.count == 8 else { break }
            let size = header[4...]
            let chunk = RIFFChunk(
                name: String(decoding: header[..<4], as: UTF8.self), start: offset + 8,
                countBytes: (isBigEndian ? Array(size) : size.reversed())
                    .reduce(0) { $0 << 8 | Int($1) })
            chunks.append(chunk)
            offset = chunk.start + chunk.countBytes + chunk.countBytes % 2
        }
        return chunks
    }
}
