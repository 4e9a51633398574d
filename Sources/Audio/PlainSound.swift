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
    /// The chunks of texts and pictures of a file that consists of chunks.
    private(set) var chunks: [String: [FileChunk]] = [:]
    /// Bits of WAVE_FORMAT_EXTENSIBLE for the loudspeakers of the channels.
    private(set) var channelMask: UInt64?
    /// The name of compressed sound that is stored as if it were samples, as on DTS-CDs; nil for samples.
    private(set) var disguised: String?

    /// Bytes of all channels of a sample.
    var bytesPerSample: Int { channelCount * width }
    var sampleCount: Int { channelCount > 0 ? bytes.count / bytesPerSample : 0 }
    var seconds: Double { Double(sampleCount) / Double(max(1, sampleRateHz)) }
    private let width: Int

    /// nil for a file of another kind, or with compressed samples.
    init?(_ bytes: FileWindow) {
        if let chunks = FileChunks(bytes) {
            switch chunks.container {
            case .wav, .w64: self.init(wave: chunks)
            case .aiff: self.init(aiff: chunks)
            case .caf: self.init(caf: chunks)
            case .other: return nil
            }
        } else {
            self.init(au: bytes)
        }
    }

    /// - Parameters:
    ///   - start: offset of the first sample.
    ///   - announced: bytes of the samples by the header.
    ///   - isPlaceholder: whether programs write that number when they don't know the length.
    ///   - chunks: the chunks that may follow the samples; nil if none do.
    ///   - next: offset of the chunk after the announced samples.
    private init?(
        _ file: FileWindow, width: Int, isFloat: Bool, isUnsigned: Bool = false, isBigEndian: Bool,
        channels: Int, rate: Double, start: Int, announced: Int,
        isPlaceholder: Bool, chunks: FileChunks?, next: Int
    ) {
        let codecs =
            isFloat
            ? [4: SF_FORMAT_FLOAT, 8: SF_FORMAT_DOUBLE]
            : [
                1: isUnsigned ? SF_FORMAT_PCM_U8 : SF_FORMAT_PCM_S8, 2: SF_FORMAT_PCM_16,
                3: SF_FORMAT_PCM_24, 4: SF_FORMAT_PCM_32,
            ]
        guard let codec = codecs[width], rate >= 0, rate < 0x8000_0000, channels < 1 << 16 else {
            return nil
        }
        self.codec = codec | (isBigEndian ? SF_ENDIAN_BIG : SF_ENDIAN_LITTLE)
        self.width = width
        channelCount = channels
        sampleRateHz = Int(rate)
        announcedBytes = isPlaceholder ? nil : announced
        var all = chunks
        var end = max(start, file.end)
        let room = end - start
        var (size, isFound) = (announced, false)
        // Sizes of 32 bits leave out what doesn't fit.
        while size <= room, !isFound {
            defer { size += 1 << 32 }
            switch Self.tail(file, after: start + size, &all, next + size - announced) {
            case .samples: continue
            case .file(let offset): nextFile = offset
            case .tags: break
            }
            (end, isFound) = (start + size, true)
            announcedBytes = announced
        }
        if !isFound { end = Self.startOfTail(file, after: start, end, &all) }
        bytes = start..<max(start, end)
        self.chunks = all?.found ?? [:]
        if self.codec == SF_FORMAT_PCM_16 | SF_ENDIAN_LITTLE, channels == 2 {
            disguised = Self.disguised(file.slice(start, min(1 << 16, bytes.count)))
        }
    }

    // MARK: - The end of the samples

    private enum Tail {
        case tags
        case file(Int)
        case samples
    }

    /// The bytes after the announced end of the samples.
    private static func tail(
        _ file: FileWindow, after end: Int, _ chunks: inout FileChunks?, _ next: Int
    ) -> Tail {
        let rest = file.end - end
        guard rest > 8 else { return .tags }
        let afterTags = file.endOfTags(from: end)
        if afterTags > end { return file.end - afterTags > 8 ? .file(end) : .tags }
        if file.frame(at: end) != nil || file.matches("fLaC", at: end)
            || file.matches("OggS", at: end)
        {
            return .file(end)
        }
        // Recorders fill the last block of a disk.
        if rest < 1 << 16, file.endOfZeros(from: end) == file.end { return .tags }
        guard chunks != nil else { return .samples }
        // Some programs leave out the byte that makes an odd size even.
        for start in next == end + 1 ? [next, end] : [next] {
            let tail = Self.tail(file, at: start, &chunks)
            if case .samples = tail { continue }
            return tail
        }
        return .samples
    }

    private static func tail(
        _ file: FileWindow, at start: Int, _ chunks: inout FileChunks?
    ) -> Tail {
        var (offset, next) = (start, start)
        var tail = Tail.tags
        chunks?.walk(from: start) { name, end in
            if files.contains(name) {
                tail = .file(offset)
                return false
            }
            // A chunk that is cut short is one only if its name is known: samples can look alike.
            if end > file.end + 1, !tagChunks.contains(name) {
                if file.endOfTags(from: offset) == offset { tail = .samples }
                return false
            }
            (offset, next) = (end, end)
            return true
        }
        guard case .tags = tail else { return tail }
        return next > start && (file.end - next <= 8 || file.endOfTags(from: next) > next)
            ? .tags : .samples
    }

    /// The end of the samples where no size tells: the beginning of the chunks and tags at the end of the file.
    private static func startOfTail(
        _ file: FileWindow, after start: Int, _ end: Int, _ chunks: inout FileChunks?
    ) -> Int {
        let end = file.matches("TAG", at: end - 128) ? end - 128 : end
        guard let form = chunks else { return end }
        let first = max(start, end - longestTagBytes)
        // With the head of the last chunk, so that nothing is read again.
        let rest = file.slice(first, end - first + 32).prefix(end - first)
        // Chunks reach to the end of the file, one after the other, and begin at even places. From the last place
        // to the first, so that each is looked at once.
        var leads = [Bool](repeating: false, count: rest.count + 9)
        for place in max(0, rest.count - 8)..<leads.count { leads[place] = true }
        var found = end
        let last = (rest.count - 9) / 2 * 2 + first % 2
        for place in stride(from: last, through: first % 2, by: -2)
        where FileChunks.isName(rest[place..<place + 4]) {
            guard let (name, chunk) = form.chunk(at: first + place), !files.contains(name) else {
                continue
            }
            let isTag = tagChunks.contains(name)
            let next = form.end(of: chunk, countBytes: chunk.countBytes) - first
            leads[place] = next < leads.count ? leads[next] : isTag
            if leads[place], isTag { found = first + place }
        }
        if found < end { chunks?.walk(from: found) }
        return found
    }

    /// Covers are larger than texts.
    private static let longestTagBytes = 1 << 20

    /// Names at the beginning of a file of chunks, and of chunks with samples.
    private static let files = FileChunks.names([
        "RIFF", "RF64", "RIFX", "FORM", "riff", "caff", "data", "SSND",
    ])
    private static let tagChunks = FileChunks.names([
        "LIST", "id3 ", "ID3 ", "bext", "iXML", "cue ", "smpl", "ANNO", "afsp", "cart", "acid",
        "inst", "axml", "chna", "PAD ", "JUNK", "minf", "elm1", "umid", "_PMX", "fact", "PEAK",
        "NAME", "AUTH", "(c) ", "info", "strg",
    ])

    /// The first samples' name as a stream of DTS (ETSI TS 102 114) or IEC 61937 with a second sync word behind the
    /// first one.
    private static func disguised(_ bytes: [UInt8]) -> String? {
        let words: [(name: String, sync: [UInt8])] = [
            ("DTS", [0x7F, 0xFE, 0x80, 0x01]), ("DTS", [0xFE, 0x7F, 0x01, 0x80]),
            ("DTS", [0x1F, 0xFF, 0xE8, 0x00]), ("DTS", [0xFF, 0x1F, 0x00, 0xE8]),
            ("IEC 61937", [0x72, 0xF8, 0x1F, 0x4E]), ("IEC 61937", [0xF8, 0x72, 0x4E, 0x1F]),
        ]
        return words.first { _, sync in
            // `firstRange(of:)` takes sixty times as long.
            bytes.indices.count { bytes[$0] == sync[0] && bytes[$0...].starts(with: sync) } > 1
        }?.name
    }

    // MARK: - Containers

    /// WAV, RF64 (EBU Tech 3306) and W64.
    private init?(wave chunks: FileChunks) {
        var chunks = chunks
        chunks.walk(until: "data")
        guard let data = chunks.found["data"]?.first, let format = chunks.found["fmt "]?.first
        else { return nil }
        let file = chunks.bytes
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
        // Cool Edit calls floats 24 bits of 32.
        guard kind == 1 || kind == 3, block == channels * width, width * 8 >= bits,
            tag != 1 || width != 4 || bits != 24
        else { return nil }
        var announced = data.countBytes
        var isPlaceholder =
            chunks.container == .w64 ? announced > 1 << 62 : Self.isPlaceholder(announced)
        if chunks.magic == "RF64" || chunks.magic == "BW64", announced == 0xFFFF_FFFF,
            let sizes = chunks.found["ds64"]?.first,
            let size = file.number(at: sizes.start + 8, 8, isBigEndian: false)
        {
            announced = Int(clamping: size)
            isPlaceholder = announced == 0
        }
        let after = chunks.end(of: data, countBytes: announced)
        // A second format would be a file that means something else to other programs.
        var hasSecond = false
        chunks.walk(from: after) { name, _ in
            hasSecond = name == FileChunks.name("fmt ")
            return !hasSecond
        }
        guard !hasSecond else { return nil }
        self.init(
            file, width: width, isFloat: kind == 3, isUnsigned: true, isBigEndian: isBig,
            channels: channels, rate: Double(rate), start: data.start, announced: announced,
            isPlaceholder: isPlaceholder, chunks: chunks, next: after)
        if tag == 0xFFFE, format.countBytes >= 40 {
            channelMask = file.number(at: format.start + 20, 4, isBigEndian: isBig)
        }
    }

    /// Sizes close to the largest signed or unsigned number: the length was not known in advance.
    static func isPlaceholder(_ size: Int) -> Bool {
        (0x7FFF_F000...0x7FFF_FFFF).contains(size) || size >= 0xFFFF_F000
    }

    /// AIFF 1.3 and AIFC.
    private init?(aiff chunks: FileChunks) {
        var chunks = chunks
        chunks.walk(until: "SSND")
        if let sound = chunks.found["SSND"]?.first, chunks.found["COMM"] == nil {
            chunks.walk(from: chunks.end(of: sound, countBytes: sound.countBytes))
        }
        let file = chunks.bytes
        guard let sound = chunks.found["SSND"]?.first, let common = chunks.found["COMM"]?.first,
            let skipped = file.number(at: sound.start, 4, isBigEndian: true).map({ Int($0) })
        else { return nil }
        let head = file.slice(common.start, min(common.countBytes, 22))
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
            file, width: form.isFloat ? (type.hasSuffix("64") ? 8 : 4) : (bits + 7) / 8,
            isFloat: form.isFloat, isUnsigned: type == "raw ", isBigEndian: form.isBigEndian,
            channels: Int(head[0..<2].number(isBigEndian: true)),
            rate: mantissa * Double(sign: .plus, exponent: exponent, significand: 1),
            start: sound.start + 8 + skipped, announced: announced,
            isPlaceholder: Self.isPlaceholder(sound.countBytes),
            chunks: chunks, next: chunks.end(of: sound, countBytes: sound.countBytes))
    }

    /// Compression types of AIFC that only order the bytes.
    private static let aifcTypes: [String: (isFloat: Bool, isBigEndian: Bool)] = [
        "NONE": (false, true), "twos": (false, true), "raw ": (false, true), "sowt": (false, false),
        "in24": (false, true), "in32": (false, true), "fl32": (true, true), "FL32": (true, true),
        "fl64": (true, true), "FL64": (true, true),
    ]

    /// Core Audio Format (Apple, "CAF file specification").
    private init?(caf chunks: FileChunks) {
        var chunks = chunks
        chunks.walk(until: "data")
        guard let data = chunks.found["data"]?.first, let description = chunks.found["desc"]?.first
        else {
            return nil
        }
        let head = chunks.bytes.slice(description.start, 32)
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
            chunks.bytes, width: packet / channels, isFloat: flags & 1 != 0,
            isBigEndian: flags & 2 == 0, channels: channels,
            rate: Double(bitPattern: head[0..<8].number(isBigEndian: true)),
            start: data.start + 4, announced: max(0, data.countBytes - 4),
            isPlaceholder: data.countBytes == Int.max,
            chunks: chunks, next: chunks.end(of: data, countBytes: data.countBytes))
    }

    /// Sun and NeXT's AU.
    private init?(au file: FileWindow) {
        let head = file.slice(0, 24)
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
            file, width: width, isFloat: encoding > 5, isBigEndian: isBig,
            channels: field(5), rate: Double(field(4)), start: start, announced: announced,
            isPlaceholder: Self.isPlaceholder(announced), chunks: nil, next: 0)
    }
}
