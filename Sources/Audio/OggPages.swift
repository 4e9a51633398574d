// Ogg (RFC 3533), looked at from page to page. Pages have numbers, checksums and the times at which they end, and
// packets of Vorbis and Opus say how long they are.

extension FrameOrder {
    /// nil for other codecs than Vorbis and Opus, too.
    static func ogg(_ file: FileWindow, from start: Int, to end: Int) -> FrameOrder? {
        guard let first = OggPage(file, at: start), !first.isCut, first.isFirst,
            let codec = OggCodec(first), first.isRight
        else { return nil }
        var look = OggLook(start, end, codec)
        var offset = start
        while offset < end, look.isOpen {
            guard let page = OggPage(file, at: offset), page.isRight else {
                let isCut = OggPage(file, at: offset)?.isCut == true
                if isCut || !look.hasEnded {
                    let fact = isCut ? "it ends within a page" : "a page is damaged"
                    look.order.lose(fact, at: offset, isCut: isCut)
                }
                break
            }
            look.add(page, at: offset)
            offset += page.bytes.count
        }
        if look.isOpen { look.order.end(at: look.order.loss == nil ? offset : end, file) }
        return look.order
    }
}

/// A page (RFC 3533, 6).
struct OggPage {
    let bytes: [UInt8]
    /// Whether the file ends within it.
    let isCut: Bool
    private let contentStart: Int

    /// nil if the bytes at an offset are no page.
    init?(_ file: FileWindow, at offset: Int) {
        let head = file.slice(offset, 27)
        guard head.count == 27, head.starts(with: "OggS".utf8) else { return nil }
        let lacing = file.slice(offset + 27, Int(head[26]))
        contentStart = 27 + lacing.count
        let count = contentStart + lacing.reduce(0) { $0 + Int($1) }
        bytes = file.slice(offset, count)
        isCut = lacing.count < Int(head[26]) || bytes.count < count
        if bytes.count < 27 { return nil }
    }

    var isContinued: Bool { bytes[5] & 1 != 0 }
    var isFirst: Bool { bytes[5] & 2 != 0 }
    var isLast: Bool { bytes[5] & 4 != 0 }
    /// The sample at which the page ends; nil if no packet ends in it, and for times beyond all recordings.
    var endSample: Int? { Int(exactly: bytes.field(6, 8)).flatMap { $0 < 1 << 60 ? $0 : nil } }
    var serial: UInt64 { bytes.field(14, 4) }
    var number: UInt64 { bytes.field(18, 4) }
    var content: ArraySlice<UInt8> { bytes[contentStart...] }

    /// Whether the page has the checksum that it states, which counts as zero itself.
    var isRight: Bool {
        guard !isCut else { return false }
        let unsigned = bytes[..<22] + [0, 0, 0, 0] + bytes[26...]
        return UInt64(CRC.crc32.of(unsigned)) == bytes.field(22, 4)
    }

    /// The pieces of packets in the page, and whether the packet ends with each; none in one that is cut.
    var pieces: [(bytes: ArraySlice<UInt8>, isEnd: Bool)] {
        if isCut { return [] }
        var pieces: [(ArraySlice<UInt8>, Bool)] = []
        var (start, offset) = (contentStart, contentStart)
        for size in bytes[27..<contentStart] {
            offset += Int(size)
            if size < 255 {
                pieces.append((bytes[start..<offset], true))
                start = offset
            }
        }
        if start < offset { pieces.append((bytes[start..<offset], false)) }
        return pieces
    }
}

/// How long packets are.
private struct OggCodec {
    let sampleRateHz: Int
    /// Packets of headers.
    let headers: Int
    /// Samples to leave out at the start of Opus (RFC 7845, 5.1).
    var preSkip = 0
    /// Samples of Vorbis' short and long blocks; empty for Opus.
    var blocks: [Int] = []

    /// - Parameter page: the first one of a stream.
    init?(_ page: OggPage) {
        let head = Array(page.content)
        if head.starts(with: "OpusHead".utf8), head.count >= 19 {
            (sampleRateHz, headers, preSkip) = (48_000, 2, Int(head.field(10, 2)))
        } else if head.starts(with: "\u{1}vorbis".utf8), head.count >= 30 {
            (sampleRateHz, headers) = (Int(head.field(12, 4)), 3)
            blocks = [1 << Int(head[28] & 15), 1 << Int(head[28] >> 4)]
        } else {
            return nil
        }
    }

    /// Samples of an Opus packet at 48 kHz (RFC 6716, 3.1 and 3.2).
    static func opusSamples(_ packet: [UInt8]) -> Int {
        guard let first = packet.first else { return 0 }
        let configuration = Int(first >> 3)
        let frame =
            configuration < 12
            ? [480, 960, 1_920, 2_880][configuration & 3]
            : configuration < 16 ? 480 << (configuration & 1) : 120 << (configuration & 3)
        let count = packet.count > 1 ? Int(packet[1] & 63) : 0
        return frame * [1, 2, 2, count][Int(first & 3)]
    }

    /// The block flags of the modes, which are the last of a Vorbis setup header (Vorbis I, 4.2.4). They are read from
    /// the end, because their place is known only to who reads all codebooks.
    static func vorbisModes(_ setup: [UInt8]) -> [Bool] {
        func bits(_ place: Int, _ count: Int) -> Int {
            (0..<count).reduce(0) {
                $0 | Int(setup[(place + $1) / 8] >> ((place + $1) % 8) & 1) << $1
            }
        }
        // The framing bit is the last one that is set.
        guard let last = setup.lastIndex(where: { $0 != 0 }) else { return [] }
        let end = 8 * last + 7 - setup[last].leadingZeroBitCount
        var (flags, found) = ([Bool](), [Bool]())
        // A mode has 41 bits: its flag, two types that are 0, a mapping. Their number stands before the first one.
        for count in 1...64 {
            let start = end - 41 * count
            guard start >= 6, bits(start + 1, 32) == 0, bits(start + 33, 8) < 64 else { break }
            flags.insert(bits(start, 1) == 1, at: 0)
            if bits(start - 6, 6) + 1 == count { found = flags }
        }
        return found
    }
}

private struct OggLook {
    var order: FrameOrder
    /// Whether it can still be told how many samples follow.
    private(set) var isOpen = true

    private var codec: OggCodec
    private var serial: UInt64?
    private var number: UInt64 = 0
    private var headersLeft = 0
    /// The packet that isn't complete: all of a header, the first two bytes of others.
    private var packet: [UInt8] = []
    private var modes: [Bool] = []
    private var lastBlock: Int?
    /// The end of the last page, and samples of packets since.
    private var endSample: Int?
    private var newSamples = 0
    private(set) var hasEnded = false
    /// Whether pages are missing since the last one with a time, by their numbers.
    private var isMissing = false

    private static let mostHeaderBytes = 1 << 20

    init(_ start: Int, _ end: Int, _ codec: OggCodec) {
        self.codec = codec
        order = FrameOrder(.ogg, start, end, sampleRateHz: codec.sampleRateHz)
    }

    mutating func add(_ page: OggPage, at offset: Int) {
        if page.isFirst {
            isOpen = begin(page, at: offset)
            guard isOpen else { return }
        } else if page.serial != serial {
            order.stop("it has several streams", at: offset)
            isOpen = false
            return
        } else if page.number != (number + 1) & 0xFFFF_FFFF {
            order.note("its pages are not numbered one after the other", at: offset)
            isMissing = true
        }
        number = page.number
        hasEnded = page.isLast
        if !page.isContinued { packet = [] }
        for piece in page.pieces {
            let room = headersLeft > 0 ? Self.mostHeaderBytes : 2
            packet += piece.bytes.prefix(max(0, room - packet.count))
            if piece.isEnd { endPacket() }
        }
        // Pages of headers have the time 0.
        guard headersLeft == 0, let end = page.endSample, newSamples > 0 || endSample != nil else {
            return
        }
        compare(end, isLast: page.isLast, at: offset)
        (endSample, newSamples, isMissing) = (end, 0, false)
    }

    /// Begins a stream.
    ///
    /// - Returns: whether its samples can be added.
    private mutating func begin(_ page: OggPage, at offset: Int) -> Bool {
        let hasSound = endSample != nil || newSamples > 0
        guard let codec = OggCodec(page),
            serial == nil || hasSound && codec.sampleRateHz == order.sampleRateHz
        else {
            order.stop("a stream of another kind follows", at: offset)
            return false
        }
        if serial != nil { order.join(at: offset) }
        self.codec = codec
        (serial, headersLeft, packet, lastBlock) = (page.serial, codec.headers, [], nil)
        (endSample, newSamples, isMissing) = (nil, 0, false)
        return true
    }

    private mutating func endPacket() {
        defer { packet = [] }
        if headersLeft > 0 {
            headersLeft -= 1
            if headersLeft == 0, !codec.blocks.isEmpty { modes = OggCodec.vorbisModes(packet) }
            return
        }
        guard !codec.blocks.isEmpty else {
            newSamples += OggCodec.opusSamples(packet)
            return
        }
        // The lowest bit says that it is no header, and the mode follows.
        let bits = Int.bitWidth - (modes.count - 1).leadingZeroBitCount
        let mode = Int(packet.first ?? 0) >> 1 & (1 << bits - 1)
        guard mode < modes.count else { return }
        let block = codec.blocks[modes[mode] ? 1 : 0]
        newSamples += lastBlock.map { ($0 + block) / 4 } ?? 0
        lastBlock = block
    }

    /// Compares the time at which a page ends with the samples of its packets.
    private mutating func compare(_ end: Int, isLast: Bool, at offset: Int) {
        let expected = (endSample ?? 0) + newSamples
        var samples = newSamples
        if endSample == nil, end != expected, !isLast {
            order.note("its times begin late or early", at: offset, misleads: true)
        } else if end > expected {
            // Pages that are there may leave out a time; then it is the encoder's.
            if isMissing, end - expected > codec.sampleRateHz / 100 {
                order.lose("pages are missing before it", at: offset)
            } else {
                order.note("its times are too high", at: offset, misleads: !isLast)
            }
        } else if end < expected {
            // The last page ends earlier than its packets, whether it says that it is the last or not.
            if isLast {
                samples = max(0, end - (endSample ?? 0))
            } else {
                order.note("its times go back", at: offset, misleads: true)
            }
        }
        if endSample == nil { samples -= codec.preSkip }
        order.samples = max(0, order.samples + samples)
    }
}
