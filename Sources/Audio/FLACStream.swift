// FLAC (RFC 9639), walked from frame to frame before it is decoded. Frames count samples and have checksums,
// so what is damaged is known exactly. Decoders pass over it, or stop.

import System

/// A FLAC stream in a file: its header, and the frames that are right.
struct FLACStream {
    /// Signature and STREAMINFO, without the other metadata: none of it is needed for decoding.
    private var head: [UInt8]
    /// Samples of the first block, and whether frames count samples; nil while it is unknown. STREAMINFO and a bit
    /// in the frames say it, too, but not always the truth.
    private var blockSamples = 0
    private var countsSamples: Bool?
    private let channelCount: Int
    private let bits: Int
    private let sampleRateHz: Int
    private let statedSamples: Int

    /// Samples of each channel in the frames that are kept and in the silence between them.
    private(set) var samples = 0
    /// The offset after the last frame.
    private(set) var end: Int
    /// Damage within the stream; its time counts from the stream's beginning.
    private(set) var damage: SoundParts.Damage?
    private var frames: [ByteSpan] = []

    var seconds: Double { Double(samples) / Double(sampleRateHz) }

    /// Bytes that may be read to tell frames from bytes that look like one, and seconds of silence that may be
    /// added. A crafted file could ask for all there are.
    private(set) var limits: Limits
    struct Limits {
        var bytes = 1 << 28
        var silence: Double
    }

    /// nil if no stream begins at the offset.
    init?(_ bytes: inout FileWindow, at start: Int, _ limits: Limits) {
        self.limits = limits
        head = bytes.slice(start, 42)
        guard head.count == 42, Self.isSignature(head[0..<8]) else { return nil }
        let format = head.field(18, 8, isBigEndian: true)
        sampleRateHz = Int(format >> 44)
        channelCount = Int(format >> 41 & 7) + 1
        bits = Int(format >> 36 & 31) + 1
        statedSamples = Int(format & 0xF_FFFF_FFFF)
        guard sampleRateHz > 0 else { return nil }
        end = start + 42
        // The highest bit marks the last block of the metadata.
        var isLast = head[4] & 0x80 != 0
        while !isLast, case let block = bytes.slice(end, 4), block.count == 4 {
            isLast = block[0] & 0x80 != 0
            end += 4 + Int(block.field(1, 3, isBigEndian: true))
        }
        if end > bytes.end || FLACFrame(bytes.slice(end, 16), in: self) == nil { end = start + 42 }
        walk(&bytes)
    }

    /// Whether 8 bytes are the signature and the header of a STREAMINFO block.
    private static func isSignature(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.starts(with: "fLaC".utf8) && bytes.dropFirst(5).elementsEqual([0, 0, 34])
    }

    /// What a decoder sees. A number of samples that is too small is set right, because decoders stop there;
    /// one that is too large tells of a file that is cut short.
    var spans: [ByteSpan] {
        var head = head
        head[4] = 0x80
        if samples > statedSamples {
            head[21] = head[21] & 0xF0 | UInt8(samples >> 32 & 0xF)
            head.replaceSubrange(22..<26, with: UInt32(truncatingIfNeeded: samples).bigEndianBytes)
        }
        return [.bytes(head)] + frames
    }

    /// Bits of a frame's header that all frames of the stream share.
    fileprivate func owns(_ frame: FLACFrame) -> Bool { frame.channelCount == channelCount }

    /// The number of the first sample by a frame's header, which counts samples or blocks of one size.
    private func start(of frame: FLACFrame) -> Int {
        countsSamples ?? frame.countsSamples ? frame.number : frame.number * blockSamples
    }

    // MARK: - The walk

    private mutating func walk(_ bytes: inout FileWindow) {
        var offset = end
        var current = FLACFrame(bytes.slice(offset, 16), in: self)
        if current == nil { (offset, current, _) = next(&bytes, after: offset) }
        // The sample at which the next frame begins. A part of a broadcast begins anywhere.
        blockSamples = current?.samples ?? 0
        var expected = current.map { start(of: $0) } ?? 0
        if expected < Self.longestLossSeconds * sampleRateHz { expected = 0 }
        while let frame = current {
            let start = start(of: frame)
            // Where too much is lost, the rest would come too early.
            guard fill(expected..<max(expected, start), before: offset, like: frame) else { break }
            let next = next(&bytes, after: offset)
            if next.isRight, let following = next.frame, countsSamples == nil {
                let step = following.number - frame.number
                countsSamples = step == 1 ? false : step == frame.samples ? true : nil
            }
            if next.isRight {
                frames.append(.file(offset..<next.offset), joins: true)
                samples += frame.samples
            } else {
                damage = damage ?? SoundParts.Damage(offset: offset, seconds: seconds)
            }
            expected = start + (next.isRight ? frame.samples : 0)
            (offset, current) = (next.offset, next.frame)
            // What follows another stream's end keeps its time.
            if current == nil, Self.isSignature(bytes.slice(offset, 8)[...]),
                expected < statedSamples
            {
                _ = fill(expected..<statedSamples, before: offset, like: frame)
            }
        }
        end = offset
    }

    /// Longer losses are the beginning of a broadcast.
    private static let longestLossSeconds = 60

    /// The next frame, or the end of the stream, and whether the frame at `start` ends there with the right
    /// checksum.
    ///
    /// Any bytes may look like the header of a frame. They are one where a frame ends, or if they begin a
    /// frame that is right.
    private mutating func next(
        _ bytes: inout FileWindow, after start: Int, within most: Int = .max
    ) -> (offset: Int, frame: FLACFrame?, isRight: Bool) {
        var (remainder, wasRight) = (UInt32(0), false)
        var offset = start
        while case let block = bytes.slice(offset, min(1 << 16, most - (offset - start))),
            !block.isEmpty
        {
            for (index, byte) in block.enumerated() {
                let place = offset + index
                // The remainder of a frame with its checksum is 0.
                if place > start, remainder == 0 {
                    wasRight = true
                    if "ITAL".utf8.contains(byte), bytes.endOfTags(from: place) > place {
                        return (place, nil, true)
                    }
                }
                if byte == 0xFF, place > start,
                    index + 1 == block.count || block[index + 1] & 0xFE == 0xF8,
                    let frame = FLACFrame(bytes.slice(place, 16), in: self)
                {
                    if remainder == 0 { return (place, frame, true) }
                    if most == .max, isRight(frame, &bytes, at: place) {
                        return (place, frame, false)
                    }
                } else if byte == UInt8(ascii: "f"), Self.isSignature(bytes.slice(place, 8)[...]) {
                    return (place, nil, remainder == 0)
                }
                remainder = Checksum.crc16.adding(byte, to: remainder)
            }
            offset += block.count
        }
        return (bytes.end, nil, (wasRight || remainder == 0) && offset - start < most)
    }

    private mutating func isRight(
        _ frame: FLACFrame, _ bytes: inout FileWindow, at offset: Int
    ) -> Bool {
        // A frame that isn't compressed has up to a bit more a sample.
        let most = 64 + frame.samples * channelCount * (bits + 1) / 8
        limits.bytes -= most
        return limits.bytes > 0 && next(&bytes, after: offset, within: most).isRight
    }

    /// Adds frames of silence in the place of lost ones.
    ///
    /// - Returns: whether the limits allow it.
    private mutating func fill(
        _ lost: Range<Int>, before offset: Int, like frame: FLACFrame
    ) -> Bool {
        guard !lost.isEmpty else { return true }
        damage = damage ?? SoundParts.Damage(offset: offset, seconds: seconds)
        let length = Double(lost.count) / Double(sampleRateHz)
        guard length <= limits.silence else { return false }
        limits.silence -= length
        // Blocks may have a sample each.
        limits.bytes -= lost.count / max(blockSamples, 16) * (24 + channelCount * (8 + bits) / 8)
        guard limits.bytes > 0 else { return false }
        var silence: [UInt8] = []
        var start = lost.lowerBound
        while start < lost.upperBound {
            let count = min(max(blockSamples, 16), lost.upperBound - start)
            let isCount = countsSamples ?? frame.countsSamples
            let number = isCount ? start : start / max(blockSamples, 1)
            silence += frame.silent(number, count, bytes: (channelCount * (8 + bits) + 7) / 8)
            start += count
        }
        frames.append(.bytes(silence))
        samples += lost.count
        let filled = damage?.filledSeconds ?? 0
        damage?.filledSeconds = filled + length
        return true
    }
}

/// The header of a frame (RFC 9639, 9.1).
struct FLACFrame {
    let samples: Int
    let channelCount: Int
    /// Whether ``number`` counts samples; blocks otherwise.
    let countsSamples: Bool
    let number: Int
    /// The first four bytes, and those of an unusual sample rate.
    private let head: [UInt8]
    private let rate: [UInt8]

    /// - Parameter bytes: up to 16 bytes, the longest header.
    init?(_ bytes: [UInt8], in stream: FLACStream) {
        guard bytes.count >= 6, bytes[0] == 0xFF, bytes[1] & 0xFE == 0xF8, bytes[3] & 1 == 0
        else { return nil }
        head = Array(bytes[0..<4])
        countsSamples = bytes[1] & 1 == 1
        let channels = Int(bytes[3] >> 4)
        channelCount = channels < 8 ? channels + 1 : 2
        // The number is coded as in UTF-8, with up to seven bytes.
        let count = max(1, (~bytes[4]).leadingZeroBitCount)
        let rateBytes = [12: 1, 13: 2, 14: 2][Int(bytes[2] & 15)] ?? 0
        let block = Int(bytes[2] >> 4)
        let blockBytes = max(0, min(block, 8) - 5) % 3
        let end = 4 + count + blockBytes + rateBytes
        guard count < 8, channels < 11, end < bytes.count, bytes[2] & 15 != 15, block > 0,
            Checksum.crc8.of(bytes[...end]) == 0
        else { return nil }
        number = bytes[5..<4 + count].reduce(Int(bytes[4] & (0xFF >> (count == 1 ? 1 : count + 1))))
        {
            $0 << 6 | Int($1 & 0x3F)
        }
        rate = Array(bytes[end - rateBytes..<end])
        samples =
            switch block {
            case 1: 192
            case 2...5: 576 << (block - 2)
            case 6, 7: Int(bytes.field(4 + count, blockBytes, isBigEndian: true)) + 1
            default: 256 << (block - 8)
            }
        if !stream.owns(self) { return nil }
    }

    /// A frame of the same format whose samples are all 0.
    ///
    /// - Parameter bytes: size of a subframe of each channel with one constant value.
    func silent(_ number: Int, _ samples: Int, bytes: Int) -> [UInt8] {
        // Code 7: the size of the block follows.
        var frame = [head[0], head[1], 0x70 | head[2] & 15]
        frame += [UInt8(channelCount - 1) << 4 | head[3] & 15]
        if number < 0x80 {
            frame.append(UInt8(number))
        } else {
            let bits = Int.bitWidth - number.leadingZeroBitCount
            let count = max(2, (bits + 3) / 5)
            let first = UInt8(truncatingIfNeeded: 0xFF00 >> count)
            frame.append(first | UInt8(truncatingIfNeeded: number >> (6 * (count - 1))))
            for place in (0..<count - 1).reversed() {
                frame.append(0x80 | UInt8(number >> (6 * place) & 0x3F))
            }
        }
        frame += UInt32(samples - 1).bigEndianBytes[2...] + rate
        frame.append(UInt8(Checksum.crc8.of(frame)))
        frame += [UInt8](repeating: 0, count: bytes)
        return frame + UInt32(Checksum.crc16.of(frame)).bigEndianBytes[2...]
    }
}

extension UInt32 {
    var bigEndianBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (24 - 8 * $0)) } }
}
