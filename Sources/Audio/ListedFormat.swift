// The formats that libsndfile decodes here. It knows some 25 containers and as many codecs, and the rare
// ones are where its errors are found, such as CVE-2026-37555: a stranger's file must not choose them.

import CSndFile

extension InputFile {
    /// Whether the file begins as WAV or AIFF of PCM or floats, FLAC, Ogg or MPEG audio.
    ///
    /// Read before libsndfile sees the file, whose parsers choose the format by the same bytes.
    var hasListedFormat: Bool {
        let start = endOfID3
        let head = bytes(at: start, count: 4)
        guard head.count == 4 else { return false }
        if head == Array("fLaC".utf8) || start == 0 && head == Array("OggS".utf8) { return true }
        // The sync word of a frame of MPEG audio, and a layer.
        if head[0] == 0xFF, head[1] & 0xE0 == 0xE0, head[1] & 6 != 0 { return true }
        return start == 0 && hasPlainSamples
    }

    /// The end of the ID3 tags at the beginning of the file.
    private var endOfID3: Int {
        var end = 0
        while true {
            let head = bytes(at: end, count: 10)
            guard head.count == 10, head.starts(with: "ID3".utf8) else { return end }
            end += 10 + head[6...].reduce(0) { $0 << 7 | Int($1 & 0x7F) }
        }
    }

    /// Whether the file is WAV or AIFF, and all that it says of its samples is PCM or floats.
    private var hasPlainSamples: Bool {
        let form = bytes(at: 8, count: 4)
        guard let riff = RIFFChunks(of: self, pastSamples: true) else { return false }
        let kinds = riff.chunks.filter { $0.name == (riff.isForm ? "COMM" : "fmt ") }
        guard !kinds.isEmpty else { return false }
        return kinds.allSatisfy { chunk in
            let content = bytes(at: chunk.start, count: 26)
            guard riff.isForm else {
                func tag(at offset: Int) -> Int? {
                    guard content.count >= offset + 2 else { return nil }
                    let (one, other) = (Int(content[offset]), Int(content[offset + 1]))
                    return riff.isBigEndian ? one << 8 | other : other << 8 | one
                }
                // Formats that need more than a number name it in their subformat.
                let tag = tag(at: 0) == 0xFFFE ? tag(at: 24) : tag(at: 0)
                return form == Array("WAVE".utf8) && (tag == 1 || tag == 3)
            }
            return form == Array("AIFF".utf8)
                || form == Array("AIFC".utf8)
                    && Self.plainAIFC.contains(
                        String(decoding: content.dropFirst(18).prefix(4), as: UTF8.self))
        }
    }

    /// Compression types of AIFC that only order the bytes.
    private static let plainAIFC: Set = [
        "NONE", "sowt", "twos", "raw ", "in24", "in32", "fl32", "FL32", "fl64", "FL64",
    ]
}

/// Whether a format, as libsndfile understood the file, is one of them.
func isListedFormat(_ format: Int32) -> Bool {
    let plain = [
        SF_FORMAT_PCM_S8, SF_FORMAT_PCM_U8, SF_FORMAT_PCM_16, SF_FORMAT_PCM_24, SF_FORMAT_PCM_32,
        SF_FORMAT_FLOAT, SF_FORMAT_DOUBLE,
    ]
    let codec = Int(format) & SF_FORMAT_SUBMASK
    return switch Int(format) & SF_FORMAT_TYPEMASK {
    case SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_RF64, SF_FORMAT_AIFF: plain.contains(codec)
    case SF_FORMAT_OGG: codec == SF_FORMAT_VORBIS || codec == SF_FORMAT_OPUS
    case SF_FORMAT_FLAC, SF_FORMAT_MPEG: true
    default: false
    }
}
