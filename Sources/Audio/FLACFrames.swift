// FLAC (RFC 9639), looked at from frame to frame. Frames count samples and have checksums.

extension FrameOrder {
    /// - Parameter start: the place of the signature.
    static func flac(_ file: FileWindow, from start: Int, to end: Int) -> FrameOrder? {
        guard var stream = FLACStream(file, at: start) else { return nil }
        var order = FrameOrder(.flac, start, end, sampleRateHz: stream.sampleRateHz)
        order.announcedSamples = stream.samples > 0 ? stream.samples : nil
        if stream.bits == 32 {
            order.note(
                "its samples have 32 bits, which few programs decode: convert it to 24 bits",
                at: start)
        }
        var offset = stream.end
        if FLACFrame(file.slice(offset, 16)) == nil {
            order.note("its metadata are damaged", at: start)
            order.samples = stream.samples
            return order
        }
        // The frame before; nil at the beginning of a stream.
        var last: FLACFrame?
        while offset < end {
            if last != nil, let next = FLACStream(file, at: offset) {
                order.join(at: offset)
                order.announcedSamples = nil
                (stream, last, offset) = (next, nil, next.end)
                continue
            }
            guard let frame = FLACFrame(file.slice(offset, 16)) else { break }
            let room = stream.mostBytes(of: frame)
            guard
                let frameEnd = Self.end(
                    of: frame, file, offset, min(end, offset + room),
                    isLast: order.samples + frame.samples == order.announcedSamples)
            else {
                var next = offset
                repeat {
                    next = file.place(of: 0xFF, from: next + 1)
                } while next < end && FLACFrame(file.slice(next, 16)) == nil
                let isCut = end < offset + room && next >= end
                let fact = isCut ? "it ends within a frame" : "a frame is damaged"
                order.lose(fact, at: offset, isCut: isCut)
                break
            }
            if let change = stream.difference(of: frame) {
                // Samples of another rate can't be added.
                order.stop(change, at: offset)
                order.announcedSamples = nil
                return order
            }
            // Frames count samples or blocks, and what their header says of that isn't always true.
            if let last, frame.number != last.number + 1, frame.number != last.number + last.samples
            {
                if frame.number < last.number {
                    order.note("its times go back", at: offset)
                } else {
                    order.lose("frames are missing", at: offset)
                    break
                }
            } else if last == nil, frame.number > 0 {
                order.note("its times begin late", at: offset)
            }
            order.samples += frame.samples
            (last, offset) = (frame, frameEnd)
        }
        let missing = (order.announcedSamples ?? 0) - order.samples
        if missing > 0, offset < end {
            order.lose("a frame is damaged", at: offset)
        } else if order.oddity == nil, missing >= 16 {
            // Fewer than any block but the last has may be a wrong count; frames that begin late are a part of a file.
            order.lose("it ends between frames", at: offset, isCut: true)
        }
        order.end(at: order.loss == nil ? offset : end, file)
        return order
    }

    /// The end of a frame: where its checksum is right, and another frame, another stream or the end follows; else, for
    /// the last one, the last place with a right checksum, because the decoder passes over what follows.
    private static func end(
        of frame: FLACFrame, _ file: FileWindow, _ start: Int, _ end: Int, isLast: Bool
    ) -> Int? {
        var remainder: UInt32 = 0
        var other: Int?
        var (offset, step) = (start, 256)
        while offset < end {
            // Twice as much each time, because frames may be small.
            step = min(2 * step, 1 << 14)
            let block = file.slice(offset, min(step, end - offset))
            if block.isEmpty { return nil }
            for (index, byte) in block.enumerated() {
                // The remainder of a frame with its checksum is 0. Frames begin with 0xFF, streams with an f.
                let place = offset + index
                if remainder == 0, place > start + 6 {
                    guard byte != 0xFF || FLACFrame(file.slice(place, 16)) == nil,
                        byte != UInt8(ascii: "f") || FLACStream(file, at: place) == nil
                    else { return place }
                    if isLast { other = place }
                }
                remainder = CRC.crc16.adding(byte, to: remainder)
            }
            offset += block.count
        }
        return remainder == 0 ? end : other
    }
}

/// The signature of a stream and its first block, STREAMINFO (RFC 9639, 8.2).
private struct FLACStream {
    let sampleRateHz: Int
    let channelCount: Int
    let bits: Int
    /// Samples of each channel; 0 if it doesn't say.
    let samples: Int
    /// The offset after the metadata.
    let end: Int

    init?(_ file: FileWindow, at start: Int) {
        let head = file.slice(start, 42)
        guard head.count == 42, head.starts(with: "fLaC".utf8),
            head[5..<8].elementsEqual([0, 0, 34])
        else { return nil }
        let format = head.field(18, 8, isBigEndian: true)
        sampleRateHz = Int(format >> 44)
        channelCount = Int(format >> 41 & 7) + 1
        bits = Int(format >> 36 & 31) + 1
        samples = Int(format & 0xF_FFFF_FFFF)
        guard sampleRateHz > 0 else { return nil }
        var end = start + 42
        // The highest bit marks the last block of the metadata.
        var isLast = head[4] & 0x80 != 0
        while !isLast, case let block = file.slice(end, 4), block.count == 4 {
            isLast = block[0] & 0x80 != 0
            end += 4 + Int(block.field(1, 3, isBigEndian: true))
        }
        self.end = end
    }

    /// Bytes of a frame that isn't compressed, with a bit more a sample for the difference of two channels.
    func mostBytes(of frame: FLACFrame) -> Int {
        64 + frame.samples * frame.channelCount * ((frame.bits ?? bits) + 1) / 8
    }

    /// What a frame has otherwise than the stream.
    func difference(of frame: FLACFrame) -> String? {
        if frame.channelCount != channelCount { return "its channels change" }
        if frame.sampleRateHz ?? sampleRateHz != sampleRateHz { return "its sample rate changes" }
        return frame.bits ?? bits == bits ? nil : "the bits of its samples change"
    }
}

/// The header of a frame (RFC 9639, 9.1).
private struct FLACFrame {
    let samples: Int
    let channelCount: Int
    /// nil where STREAMINFO says it.
    let sampleRateHz: Int?
    let bits: Int?
    /// Of its first sample, or of the block.
    let number: Int

    /// - Parameter bytes: up to 16 bytes, the longest header.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 6, bytes[0] == 0xFF, bytes[1] & 0xFE == 0xF8, bytes[3] & 1 == 0
        else { return nil }
        let channels = Int(bytes[3] >> 4)
        channelCount = channels < 8 ? channels + 1 : 2
        // The number is coded as in UTF-8, with up to seven bytes.
        let count = max(1, (~bytes[4]).leadingZeroBitCount)
        let rate = Int(bytes[2] & 15)
        let rateBytes = [12: 1, 13: 2, 14: 2][rate] ?? 0
        let block = Int(bytes[2] >> 4)
        let blockBytes = max(0, min(block, 8) - 5) % 3
        let end = 4 + count + blockBytes + rateBytes
        guard count < 8, channels < 11, end < bytes.count, rate != 15, block > 0,
            CRC.crc8.of(bytes[...end]) == 0
        else { return nil }
        number = bytes[5..<4 + count].reduce(Int(bytes[4] & (0xFF >> (count == 1 ? 1 : count + 1))))
        {
            $0 << 6 | Int($1 & 0x3F)
        }
        let rates = [
            0, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
            96_000,
        ]
        let stated = Int(bytes.field(end - rateBytes, rateBytes, isBigEndian: true))
        sampleRateHz =
            rate == 0 ? nil : rate < 12 ? rates[rate] : stated * [1_000, 1, 10][rate - 12]
        bits = [nil, 8, 12, nil, 16, 20, 24, 32][Int(bytes[3] >> 1 & 7)]
        samples =
            switch block {
            case 1: 192
            case 2...5: 576 << (block - 2)
            case 6, 7: Int(bytes.field(4 + count, blockBytes, isBigEndian: true)) + 1
            default: 256 << (block - 8)
            }
    }
}

/// The checksums of Ogg pages and FLAC frames, whose bits go from the highest to the lowest.
struct CRC {
    /// The checksum of Ogg pages.
    static let crc32 = CRC(polynomial: 0x04C1_1DB7, bits: 32)
    /// The checksums of FLAC frames and of their headers.
    static let crc16 = CRC(polynomial: 0x8005, bits: 16)
    static let crc8 = CRC(polynomial: 0x07, bits: 8)

    private let table: [UInt32]
    private let bits: UInt32

    private init(polynomial: UInt32, bits: UInt32) {
        self.bits = bits
        table = (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte) << 24) { value, _ in
                value << 1 ^ (value >> 31 == 1 ? polynomial << (32 - bits) : 0)
            }
        }
    }

    func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(0) { adding($1, to: $0) } >> (32 - bits)
    }

    /// The remainder, whose highest bits are the checksum, after one more byte.
    func adding(_ byte: UInt8, to remainder: UInt32) -> UInt32 {
        remainder << 8 ^ table[Int(remainder >> 24 ^ UInt32(byte))]
    }
}
