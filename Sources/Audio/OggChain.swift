// Ogg (RFC 3533), walked from page to page before it is decoded. A decoder passes over pages that are damaged or
// missing, which brings what follows forward; pages state the time at which they end, so what follows is decoded
// as a part with its own time.

import System

/// The links of a chain in an Ogg file, which `cat` and broadcasts join, in parts without damage.
struct OggChain {
    private(set) var parts: [SoundParts.Part] = []
    private(set) var damage: SoundParts.Damage?
    /// The offset after the last page.
    private(set) var end = 0

    /// A page (RFC 3533, 6).
    private struct Page {
        let count: Int
        let bytes: [UInt8]

        /// nil if the bytes at an offset are no page.
        init?(_ window: inout FileWindow, at offset: Int) {
            let head = window.slice(offset, 27)
            guard head.count == 27, head.starts(with: "OggS".utf8) else { return nil }
            let lacing = window.slice(offset + 27, Int(head[26]))
            count = 27 + lacing.count + lacing.reduce(0) { $0 + Int($1) }
            bytes = window.slice(offset, count)
        }

        var isFirst: Bool { bytes[5] & 2 != 0 }
        var isLast: Bool { bytes[5] & 4 != 0 }
        /// The sample at which the page ends; nil if no packet ends in it.
        var endSample: Int? { Int(exactly: bytes.field(6, 8)) }
        var serial: UInt64 { bytes.field(14, 4) }
        var number: UInt64 { bytes.field(18, 4) }
        /// Packets that end in the page: each has a length of less than 255 bytes at its end.
        var packets: Int { bytes[27..<27 + Int(bytes[26])].count { $0 < 255 } }
        var content: ArraySlice<UInt8> { bytes[(27 + Int(bytes[26]))...] }

        /// Samples at 48 kHz of the Opus packets that begin in the page (RFC 6716, 3.1 and 3.2).
        var opusSamples: Int {
            var (samples, offset, isBeginning) = (0, 27 + Int(bytes[26]), bytes[5] & 1 == 0)
            for size in bytes[27..<offset] {
                if isBeginning, size > 0 {
                    let configuration = Int(bytes[offset] >> 3)
                    let frame =
                        configuration < 12
                        ? [480, 960, 1_920, 2_880][configuration & 3]
                        : configuration < 16
                            ? 480 << (configuration & 1) : 120 << (configuration & 3)
                    let count = size > 1 ? Int(bytes[offset + 1] & 63) : 0
                    samples += frame * [1, 2, 2, count][Int(bytes[offset] & 3)]
                }
                isBeginning = size < 255
                offset += Int(size)
            }
            return samples
        }

        /// Whether the page has the checksum that it states, which counts as zero itself.
        var isRight: Bool {
            bytes.count == count
                && UInt64(Checksum.crc32.of(Self.unsigned(bytes))) == bytes.field(22, 4)
        }

        private static func unsigned(_ bytes: [UInt8]) -> [UInt8] {
            bytes[..<22] + [0, 0, 0, 0] + bytes[26...]
        }

        /// The first page of Opus without the samples to leave out at the start (RFC 7845, 5.1), which count
        /// for the start of the link alone.
        var withoutPreSkip: [UInt8] {
            var page = Self.unsigned(bytes)
            let place = bytes.count - content.count + 10
            page.replaceSubrange(place..<place + 2, with: [0, 0])
            let checksum = Checksum.crc32.of(page)
            page.replaceSubrange(22..<26, with: checksum.bigEndianBytes.reversed())
            return page
        }
    }

    /// A link: the headers of its only stream, and the part that is being passed.
    private struct Link {
        let start: Int
        let first: Page
        /// The offset after the headers, and packets of headers that are missing; nil for other codecs than Vorbis
        /// and Opus.
        var endOfHeaders = 0
        var missingHeaders: Int?
        var number: UInt64
        /// Whether no other page than the first ones of streams was passed.
        var isBeginning = true
        /// The beginning of the part.
        var partStart: Int
        var isAfterDamage = false
        var endSample = 0
        var hasEnded = false

        init(_ page: Page, at offset: Int) {
            (start, partStart, first, number) = (offset, offset, page, page.number)
            missingHeaders =
                isOpus ? 2 : page.content.starts(with: "\u{1}vorbis".utf8) ? 3 : nil
        }

        var isOpus: Bool {
            first.content.starts(with: "OpusHead".utf8) && first.content.count >= 19
        }

        /// The time of a sample; nil for a codec whose times aren't known.
        func seconds(_ sample: Int) -> Double? {
            let content = Array(first.content)
            if isOpus { return Double(sample - Int(content.field(10, 2))) / 48_000 }
            return missingHeaders == nil || content.count < 16
                ? nil : Double(sample) / Double(max(1, content.field(12, 4)))
        }

        /// The headers, for a part that begins behind them.
        var headers: [ByteSpan] {
            isOpus
                ? [.bytes(first.withoutPreSkip), .file(start + first.count..<endOfHeaders)]
                : [.file(start..<endOfHeaders)]
        }
    }

    private var link: Link?
    /// Whether the sound ends, because it is not known how much is lost.
    private var isOver = false

    /// Bytes that may be read to find pages after damage: a crafted file could have millions that look like one.
    private var allowedBytes = 1 << 28

    init(_ bytes: inout FileWindow) {
        while bytes.endOfTags(from: end) < bytes.end {
            let page = Page(&bytes, at: end)
            if let page, page.isRight {
                add(page, at: end)
                end += page.count
            } else if let next = nextPage(&bytes, after: end) {
                beginPart(at: next, after: end)
                end = next
            } else {
                // A page that is cut short is the end of a file that is cut short.
                if let page, page.bytes.count < page.count { end = bytes.end }
                break
            }
        }
        finishPart(at: end)
        if link?.hasEnded == false { damage = damage ?? SoundParts.Damage(offset: end) }
    }

    private mutating func add(_ page: Page, at offset: Int) {
        if !page.isFirst, page.serial == link?.first.serial, page.number == link?.number {
            // The same page once more.
            beginPart(at: offset + page.count, after: offset)
            return
        }
        if page.isFirst {
            // Streams that begin together belong to one link.
            if link?.isBeginning == true {
                link?.missingHeaders = nil
            } else {
                finishPart(at: offset)
                if let link, !link.hasEnded { damage = damage ?? SoundParts.Damage(offset: offset) }
                // What follows a link without its headers would come too early.
                if let link, link.isAfterDamage, link.missingHeaders != 0 { isOver = true }
                link = Link(page, at: offset)
            }
        } else {
            link?.isBeginning = false
        }
        guard let old = link else { return }
        if let missing = old.missingHeaders, missing > 0 {
            link?.missingHeaders = old.isAfterDamage ? nil : max(0, missing - page.packets)
            link?.endOfHeaders = offset + page.count
        }
        guard page.serial == old.first.serial else { return }
        if !page.isFirst, let end = page.endSample, end > 0, old.endSample > 0 {
            let isMissing = page.number != (old.number + 1) & 0xFFFF_FFFF
            // Opus that is made of damaged sound has holes in its times, at which decoders stop. A packet from
            // the last page may end here; it has up to 120 ms.
            let isHole = old.isOpus && end - old.endSample > page.opusSamples + 5_760
            if isMissing || isHole, offset > old.partStart { beginPart(at: offset, after: offset) }
        }
        link?.number = page.number
        link?.endSample = page.endSample ?? old.endSample
        link?.hasEnded = page.isLast
    }

    /// Begins a part after damage.
    private mutating func beginPart(at offset: Int, after end: Int) {
        finishPart(at: end)
        damage = damage ?? SoundParts.Damage(offset: end)
        link?.isAfterDamage = true
        link?.partStart = offset
    }

    /// The next page that is right.
    private mutating func nextPage(_ bytes: inout FileWindow, after offset: Int) -> Int? {
        var offset = bytes.place(of: UInt8(ascii: "O"), from: offset + 1)
        while offset < bytes.end, allowedBytes > 0 {
            if let page = Page(&bytes, at: offset) {
                allowedBytes -= page.count
                if page.isRight, page.isFirst || page.serial == link?.first.serial { return offset }
            }
            offset = bytes.place(of: UInt8(ascii: "O"), from: offset + 1)
        }
        return nil
    }

    private mutating func finishPart(at end: Int) {
        guard let link, end > link.partStart, !isOver else { return }
        // Headers alone, and sound without headers, are no part.
        guard
            link.isAfterDamage
                ? link.missingHeaders == 0 : link.missingHeaders == nil || link.endSample > 0
        else { return }
        let headers = link.isAfterDamage ? link.headers : []
        parts.append(
            SoundParts.Part(
                spans: headers + [.file(link.partStart..<end)],
                endSeconds: link.seconds(link.endSample), isContinued: link.isAfterDamage))
    }
}
