// Samples that aren't compressed: their format and their place in WAV, AIFF, AU, W64 and CAF files. One
// rule decides their length for all containers, because headers state sizes that are unknown, too small for
// 32 bits or wrong.

import CSndFile

/// PCM or float samples in a file.
struct PlainSound {
    /// libsndfile's constants for the sample format and the order of bytes.
    let codec: Int
    let channelCount: Int
    let sampleRateHz: Int
    /// The bytes of the samples.
    private(set) var bytes: Range<Int>
    /// Bytes that the header announces; nil if it states none.
    private(set) var announcedBytes: Int?
    /// Offset of another sound file after the samples, as `cat` writes it.
    private(set) var nextFile: Int?

    /// Bytes of all channels of a sample.
    var bytesPerSample: Int { channelCount * width }
    var sampleCount: Int { channelCount > 0 ? bytes.count / bytesPerSample : 0 }
    private let width: Int

    /// nil for a file of another kind, or with compressed samples.
    init?(of file: InputFile) {
        if let chunks = FileChunks(of: file) {
            switch chunks.container {
            case .wav, .w64: self.init(wave: chunks, of: file)
            case .aiff: self.init(aiff: chunks, of: file)
            case .caf: self.init(caf: chunks, of: file)
            case .other: return nil
            }
        } else {
            self.init(au: file)
        }
    }

    /// - Parameters:
    ///   - start: offset of the first sample.
    ///   - announced: bytes of the samples by the header.
    ///   - isPlaceholder: whether programs write that number when they don't know the length.
    ///   - tail: the chunks that may follow the samples; nil if nothing does.
    private init?(
        of file: InputFile, width: Int, isFloat: Bool, isUnsigned: Bool = false, isBigEndian: Bool,
        channels: Int, rate: Double, start: Int, announced: Int,
        isPlaceholder: Bool, tail: (chunks: FileChunks, offset: Int)?
    ) {
        let codecs =
            isFloat
            ? [4: SF_FORMAT_FLOAT, 8: SF_FORMAT_DOUBLE]
            : [
                1: isUnsigned ? SF_FORMAT_PCM_U8 : SF_FORMAT_PCM_S8, 2: SF_FORMAT_PCM_16,
                3: SF_FORMAT_PCM_24, 4: SF_FORMAT_PCM_32,
            ]
        guard let codec = codecs[width], rate >= 0, rate < 0x8000_0000 else { return nil }
        self.codec = codec | (isBigEndian ? SF_ENDIAN_BIG : SF_ENDIAN_LITTLE)
        self.width = width
        channelCount = channels
        sampleRateHz = Int(rate)
        bytes = start..<max(start, file.sizeBytes)
        announcedBytes = announced
        guard announced <= bytes.count else {
            if isPlaceholder { announcedBytes = nil }
            leaveOutTags(of: file, tail?.chunks)
            return
        }
        // Sizes of 32 bits leave out what doesn't fit.
        for size in stride(from: announced, through: bytes.count, by: 1 << 32) {
            switch Self.tail(
                of: file, after: start + size,
                tail.map { ($0.chunks, $0.offset + size - announced) })
            {
            case .samples: continue
            case .file(let offset): nextFile = offset
            case .tags: break
            }
            bytes = start..<start + size
            return
        }
        if isPlaceholder { announcedBytes = nil }
        leaveOutTags(of: file, tail?.chunks)
    }

    /// Ends the samples before chunks and tags at the end of the file, where no size tells.
    private mutating func leaveOutTags(of file: InputFile, _ chunks: FileChunks?) {
        var end = bytes.upperBound
        if file.isTag(at: end - 128) { end -= 128 }
        let first = max(bytes.lowerBound, end - Self.longestTagBytes)
        let rest = file.bytes(at: first, count: end - first)
        // Chunks begin at even places, and reach to the end of the file.
        for offset in stride(from: first % 2, to: rest.count - 8, by: 2) {
            let name = rest[offset..<offset + 4]
            guard let chunks, name.allSatisfy({ $0 < 128 }),
                Self.tagChunks.contains(String(decoding: name, as: UTF8.self)),
                case .tags = Self.tail(of: file, at: first + offset, chunks)
            else { continue }
            end = first + offset
            break
        }
        bytes = bytes.lowerBound..<max(bytes.lowerBound, end)
    }

    /// Covers are larger than texts.
    private static let longestTagBytes = 1 << 20

    // MARK: - The end of the samples

    private enum Tail {
        case tags
        case file(Int)
        case samples
    }

    /// The bytes after the announced end of the samples.
    private static func tail(
        of file: InputFile, after end: Int, _ tail: (chunks: FileChunks, offset: Int)?
    ) -> Tail {
        let rest = file.sizeBytes - end
        guard rest > 8 else { return .tags }
        var bytes = FileWindow(file)
        let afterTags = bytes.endOfTags(from: end)
        if afterTags > end { return bytes.end - afterTags > 8 ? .file(end) : .tags }
        if bytes.frame(at: end) != nil || bytes.matches("fLaC", at: end)
            || bytes.matches("OggS", at: end)
        {
            return .file(end)
        }
        // Recorders fill the last block of a disk.
        if rest < 1 << 16, file.bytes(at: end, count: rest).allSatisfy({ $0 == 0 }) { return .tags }
        guard let tail else { return .samples }
        // Some programs leave out the byte that makes an odd size even.
        let starts = tail.offset == end + 1 ? [tail.offset, end] : [tail.offset]
        let tails = starts.map { Self.tail(of: file, at: $0, tail.chunks) }
        return tails.first { if case .samples = $0 { false } else { true } } ?? .samples
    }

    private static func tail(of file: InputFile, at start: Int, _ chunks: FileChunks) -> Tail {
        var offset = start
        for chunk in chunks.chunks(from: offset) {
            if file.isTag(at: offset) { break }
            if files.contains(chunk.name) { return .file(offset) }
            offset = chunks.end(of: chunk, countBytes: chunk.countBytes)
            // A chunk that is cut short is one only if its name is known: samples can look alike.
            if offset > file.sizeBytes + 1, !tagChunks.contains(chunk.name) { return .samples }
        }
        return offset > start && (file.sizeBytes - offset <= 8 || file.isTag(at: offset))
            ? .tags : .samples
    }

    /// Names at the beginning of a file of chunks, and of chunks with samples.
    private static let files: Set = [
        "RIFF", "RF64", "RIFX", "FORM", "riff", "caff", "data", "SSND",
    ]
    private static let tagChunks: Set = [
        "LIST", "id3 ", "ID3 ", "bext", "iXML", "cue ", "smpl", "ANNO", "afsp", "cart", "acid",
        "inst",
        "axml", "chna", "PAD ", "JUNK", "minf", "elm1", "umid", "_PMX", "fact", "PEAK",
        "NAME", "AUTH", "(c) ", "info", "strg",
    ]

    // MARK: - Containers

    /// WAV, RF64 (EBU Tech 3306) and W64.
    private init?(wave chunks: FileChunks, of file: InputFile) {
        let found = chunks.chunks(until: "data")
        guard let data = found.last, data.name == "data",
            let format = found.first(where: { $0.name == "fmt " })
        else { return nil }
        let isBig = chunks.isBigEndian
        func field(_ offset: Int, _ count: Int) -> Int? {
            guard offset + count <= format.countBytes else { return nil }
            return file.number(at: format.start + offset, count, isBigEndian: isBig).map { Int($0) }
        }
        guard let tag = field(0, 2), let channels = field(2, 2), let rate = field(4, 4),
            let block = field(12, 2), let bits = field(14, 2)
        else { return nil }
        // Formats that need more than a number name it in their subformat.
        let kind = tag == 0xFFFE ? field(24, 2) : tag
        let width = channels > 0 ? block / channels : 0
        // Samples may have more bytes than they need, and begin at the highest bit.
        guard kind == 1 || kind == 3, block == channels * width, width * 8 >= bits else {
            return nil
        }
        var announced = data.countBytes
        var isPlaceholder =
            chunks.container == .w64 ? announced > 1 << 62 : Self.isPlaceholder(announced)
        if chunks.magic == "RF64" || chunks.magic == "BW64", announced == 0xFFFF_FFFF,
            let sizes = found.first(where: { $0.name == "ds64" }),
            let size = file.number(at: sizes.start + 8, 8, isBigEndian: false)
        {
            announced = Int(clamping: size)
            isPlaceholder = announced == 0
        }
        let after = chunks.end(of: data, countBytes: announced)
        // A second format would be a file that means something else to other programs.
        guard !chunks.chunks(from: after).contains(where: { $0.name == "fmt " }) else { return nil }
        self.init(
            of: file, width: width, isFloat: kind == 3, isUnsigned: true, isBigEndian: isBig,
            channels: channels, rate: Double(rate), start: data.start, announced: announced,
            isPlaceholder: isPlaceholder, tail: (chunks, after))
    }

    /// Sizes close to the largest signed or unsigned number: the length was not known in advance.
    static func isPlaceholder(_ size: Int) -> Bool {
        (0x7FFF_F000...0x7FFF_FFFF).contains(size) || size >= 0xFFFF_F000
    }

    /// AIFF 1.3 and AIFC.
    private init?(aiff chunks: FileChunks, of file: InputFile) {
        let found = chunks.chunks(until: "SSND")
        guard let sound = found.last, sound.name == "SSND",
            let common = found.first(where: { $0.name == "COMM" }),
            let skipped = file.number(at: sound.start, 4, isBigEndian: true).map({ Int($0) })
        else { return nil }
        let head = file.bytes(at: common.start, count: min(common.countBytes, 22))
        guard head.count >= 18 else { return nil }
        let bits = Int(head[6..<8].number(isBigEndian: true))
        // The rate is a float of 80 bits: 15 bits of exponent, 64 of mantissa.
        let exponent = Int(head[8..<10].number(isBigEndian: true)) - 16_383 - 63
        guard abs(exponent) < 64 else { return nil }
        let mantissa = Double(head[10..<18].number(isBigEndian: true))
        let type = head.count == 22 ? String(decoding: head[18...], as: UTF8.self) : "NONE"
        guard let form = Self.aifcTypes[type] else { return nil }
        let announced = max(0, sound.countBytes - 8 - skipped)
        self.init(
            of: file, width: form.isFloat ? (type.hasSuffix("64") ? 8 : 4) : (bits + 7) / 8,
            isFloat: form.isFloat, isUnsigned: type == "raw ", isBigEndian: form.isBigEndian,
            channels: Int(head[0..<2].number(isBigEndian: true)),
            rate: mantissa * Double(sign: .plus, exponent: exponent, significand: 1),
            start: sound.start + 8 + skipped, announced: announced,
            isPlaceholder: Self.isPlaceholder(sound.countBytes),
            tail: (chunks, chunks.end(of: sound, countBytes: sound.countBytes)))
    }

    /// Compression types of AIFC that only order the bytes.
    private static let aifcTypes: [String: (isFloat: Bool, isBigEndian: Bool)] = [
        "NONE": (false, true), "twos": (false, true), "raw ": (false, true), "sowt": (false, false),
        "in24": (false, true), "in32": (false, true), "fl32": (true, true), "FL32": (true, true),
        "fl64": (true, true), "FL64": (true, true),
    ]

    /// Core Audio Format (Apple, "CAF file specification").
    private init?(caf chunks: FileChunks, of file: InputFile) {
        let found = chunks.chunks(until: "data")
        guard let data = found.last, data.name == "data",
            let description = found.first(where: { $0.name == "desc" })
        else { return nil }
        let head = file.bytes(at: description.start, count: 32)
        guard head.count == 32, head[8..<12].elementsEqual("lpcm".utf8) else { return nil }
        func field(_ offset: Int) -> Int {
            Int(head[offset..<offset + 4].number(isBigEndian: true))
        }
        let (flags, packet, channels) = (field(12), field(16), field(24))
        guard channels > 0, field(20) == 1, packet % channels == 0, field(28) <= 64 else {
            return nil
        }
        // Four bytes count the file's edits. A size of −1 means to the end of the file.
        self.init(
            of: file, width: packet / channels, isFloat: flags & 1 != 0,
            isBigEndian: flags & 2 == 0, channels: channels,
            rate: Double(bitPattern: head[0..<8].number(isBigEndian: true)),
            start: data.start + 4, announced: max(0, data.countBytes - 4),
            isPlaceholder: data.countBytes == Int.max,
            tail: (chunks, chunks.end(of: data, countBytes: data.countBytes)))
    }

    /// Sun and NeXT's AU.
    private init?(au file: InputFile) {
        let head = file.bytes(at: 0, count: 24)
        let isBig = head.starts(with: ".snd".utf8)
        guard head.count == 24, isBig || head.starts(with: "dns.".utf8) else { return nil }
        func field(_ index: Int) -> Int {
            Int(head[4 * index..<4 * index + 4].number(isBigEndian: isBig))
        }
        let (start, announced, encoding) = (field(1), field(2), field(3))
        guard let width = [2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8][encoding], start >= 24 else {
            return nil
        }
        self.init(
            of: file, width: width, isFloat: encoding > 5, isBigEndian: isBig,
            channels: field(5), rate: Double(field(4)), start: start, announced: announced,
            isPlaceholder: Self.isPlaceholder(announced), tail: nil)
    }
}
