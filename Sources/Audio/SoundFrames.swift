// Frames of MPEG audio, ADTS and FLAC: their headers, as far as their lengths need them.

import System

/// The header of a frame of MPEG audio (ISO/IEC 11172-3, 13818-3) or ADTS (13818-7).
struct MPEGFrame {
    let countBytes: Int
    let samples: Int
    let sampleRateHz: Int
    let isADTS: Bool
    private let header: [UInt8]
    private let versionAndLayer: UInt8

    /// - Parameter bytes: the first 4 bytes of the frame, or 7 for ADTS.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 4, bytes[0] == 0xFF, bytes[1] & 0xE0 == 0xE0 else { return nil }
        header = Array(bytes.prefix(4))
        let (version, layer) = (Int(bytes[1] >> 3 & 3), Int(bytes[1] >> 1 & 3))
        versionAndLayer = bytes[1] & 0x1E
        isADTS = layer == 0
        if isADTS {
            let rate = Int(bytes[2] >> 2 & 15)
            guard bytes.count == 7, bytes[1] & 0xF0 == 0xF0, rate < Self.aacRates.count else {
                return nil
            }
            sampleRateHz = Self.aacRates[rate]
            samples = 1_024 * (Int(bytes[6] & 3) + 1)
            countBytes = Int(bytes[3] & 3) << 11 | Int(bytes[4]) << 3 | Int(bytes[5] >> 5)
            guard countBytes > 7 else { return nil }
            return
        }
        let (rate, bitRate) = (Int(bytes[2] >> 2 & 3), Int(bytes[2] >> 4))
        guard version != 1, rate < 3, 1..<15 ~= bitRate else { return nil }
        let isVersion1 = version == 3
        sampleRateHz = [44_100, 48_000, 32_000][rate] >> [2, 0, 1, 0][version]
        let rates = Self.kilobits[isVersion1 ? 3 - layer : layer == 3 ? 3 : 4]
        samples = layer == 3 ? 384 : layer == 1 && !isVersion1 ? 576 : 1_152
        let slot = layer == 3 ? 4 : 1
        let padding = Int(bytes[2] >> 1 & 1)
        countBytes = (samples / 8 / slot * rates[bitRate] * 1_000 / sampleRateHz + padding) * slot
    }

    /// Bit rates in kbit/s: layers I, II and III of version 1, layers I and II of version 2.
    private static let kilobits = [
        [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ]
    private static let aacRates = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8_000, 7_350,
    ]

    /// Whether both can be frames of one stream.
    func isLike(_ other: MPEGFrame) -> Bool {
        versionAndLayer == other.versionAndLayer && sampleRateHz == other.sampleRateHz
            && (isADTS || isMono == other.isMono)
    }

    private var isMono: Bool { header[3] >> 6 == 3 }

    /// The number of frames in a Xing, Info or VBRI header, which is a frame without sound.
    ///
    /// - Returns: the number, if there is one, and its offset in the frame; nil for another frame.
    func statedFrames(_ frame: [UInt8]) -> (count: Int?, offset: Int, isVBRI: Bool)? {
        guard !isADTS else { return nil }
        // The name follows the frame's header and side information: 9, 17 or 32 bytes by version
        // and channels.
        for place in [13, 21, 36] where frame.count >= place + 18 {
            let name = frame[place..<place + 4]
            if name.elementsEqual("Xing".utf8) || name.elementsEqual("Info".utf8) {
                // The lowest flag says that the number follows.
                let hasCount = frame[place + 7] & 1 == 1
                return (
                    hasCount ? Int(frame.field(place + 8, 4, isBigEndian: true)) : nil, place + 8,
                    false
                )
            }
            if place == 36, name.elementsEqual("VBRI".utf8) {
                return (Int(frame.field(place + 14, 4, isBigEndian: true)), place + 14, true)
            }
        }
        return nil
    }

    /// A frame without sound: nothing but zeros after a header without padding and checksum.
    var silent: [UInt8] {
        let head = [header[0], header[1] | 1, header[2] & ~2, header[3]]
        let count = MPEGFrame(head)?.countBytes ?? countBytes
        return head + [UInt8](repeating: 0, count: count - 4)
    }
}

/// The frames of one MP3 file that have been passed.
struct MPEGWalk {
    private(set) var frames = 0
    /// The number of frames by the file's header, and the number's offset.
    var stated: (count: Int, offset: Int)?
    private(set) var seconds = 0.0
    private(set) var samples = 0

    private var last: MPEGFrame?
    /// Whether decoders guess the length, and stop there: frames of different sizes without a number.
    private(set) var isGuessed = false
    private var soundBytes = 0
    /// Silent frames, and the place of the last of them in `spans`.
    private var filled = 0
    private var endOfGap = 0
    private var spans: [ByteSpan] = []
    private var keptFrom: Int

    init(from offset: Int) { keptFrom = offset }

    mutating func add(_ frame: MPEGFrame) {
        // Frames of one bit rate differ by a byte.
        if stated == nil, let last, abs(frame.countBytes - last.countBytes) > 4 { isGuessed = true }
        frames += 1
        soundBytes += frame.countBytes
        samples += frame.samples
        seconds += Double(frame.samples) / Double(frame.sampleRateHz)
        last = frame
    }

    mutating func leaveOut(_ range: Range<Int>) {
        // The tags before the first frame stay: they are read.
        guard frames > 0 else { return }
        spans.append(.file(keptFrom..<range.lowerBound))
        keptFrom = range.upperBound
    }

    /// Replaces bytes by as many silent frames as they held.
    ///
    /// - Returns: the seconds of silence.
    mutating func replace(_ range: Range<Int>) -> Double {
        leaveOut(range)
        endOfGap = spans.count
        let count = Double(range.count) * Double(frames) / Double(soundBytes)
        return fill(Int(min(count, Self.mostSilentFrames).rounded()))
    }

    /// Corrects the silent frames by the number in the header, where frames differ in size.
    ///
    /// - Returns: the seconds of silence that were added.
    mutating func addMissing() -> Double? {
        guard let stated, filled > 0, frames < stated.count,
            stated.count - frames <= 2 + filled / 8
        else { return nil }
        return fill(stated.count - frames)
    }

    /// Twenty minutes, which are held in memory.
    private static let mostSilentFrames = 46_000.0

    private mutating func fill(_ count: Int) -> Double {
        guard let last else { return 0 }
        let silence = [[UInt8]](repeating: last.silent, count: count).flatMap(\.self)
        spans.insert(.bytes(silence), at: endOfGap)
        let added = Double(count * last.samples) / Double(last.sampleRateHz)
        frames += count
        filled += count
        soundBytes += silence.count
        seconds += added
        return added
    }

    /// What a decoder sees of the file. A number of frames that is too small is set right, because
    /// decoders stop there; one that is too large tells of a file that is cut short.
    func spans(to end: Int) -> [ByteSpan] {
        var spans = spans + [.file(keptFrom..<end)]
        guard let stated, stated.count < frames - 1,
            let index = spans.firstIndex(where: {
                if case .file(let range) = $0 { range.contains(stated.offset) } else { false }
            }), case .file(let range) = spans[index]
        else { return spans }
        let number = (0..<4).map { UInt8(truncatingIfNeeded: frames >> (24 - 8 * $0)) }
        spans.replaceSubrange(
            index...index,
            with: [
                .file(range.lowerBound..<stated.offset), .bytes(number),
                .file(stated.offset + 4..<range.upperBound),
            ])
        return spans
    }
}

/// Frames of FLAC (RFC 9639).
enum FLACFrame {
    /// The number of samples up to the end of the last frame in a range; nil if no frame ends there.
    ///
    /// - Parameter block: samples of a block, for streams of equal blocks.
    static func lastSample(
        _ bytes: inout FileWindow, in range: Range<Int>, _ block: UInt64
    ) -> UInt64? {
        var end = range.upperBound
        // A tag of ID3 version 1.
        if bytes.matches("TAG", at: end - 128) { end -= 128 }
        // Real frames are shorter than this.
        let first = max(range.lowerBound, end - (1 << 18))
        let tail = bytes.slice(first, end - first)
        // A crafted tail could have thousands of sync words.
        let syncs = tail.indices.dropLast(10).reversed().lazy.filter {
            tail[$0] == 0xFF && tail[$0 + 1] & 0xFE == 0xF8
        }
        for start in syncs.prefix(64) {
            let frame = Array(tail[start...])
            guard let sample = endSample(frame, block),
                Checksum.crc16.of(frame.dropLast(2))
                    == UInt32(frame.suffix(2).reduce(0) { $0 << 8 | UInt32($1) })
            else { continue }
            return sample
        }
        return nil
    }

    private static func endSample(_ frame: [UInt8], _ block: UInt64) -> UInt64? {
        // The number is coded as in UTF-8, with up to seven bytes.
        let count = max(1, (~frame[4]).leadingZeroBitCount)
        guard count < 8, frame.count > 6 + count else { return nil }
        var number = UInt64(frame[4] & (0xFF >> (count == 1 ? 1 : count + 1)))
        for byte in frame[5..<4 + count] { number = number << 6 | UInt64(byte & 0x3F) }
        let samples: UInt64
        switch Int(frame[2] >> 4) {
        case 1: samples = 192
        case let code where 2...5 ~= code: samples = 576 << (code - 2)
        case 6: samples = UInt64(frame[4 + count]) + 1
        case 7: samples = UInt64(frame[4 + count]) << 8 + UInt64(frame[5 + count]) + 1
        case let code where code >= 8: samples = 256 << (code - 8)
        default: return nil
        }
        // The second bit says whether samples or blocks are counted.
        return frame[1] & 1 == 1 ? number + samples : number * block + samples
    }
}

/// Checksums whose bits go from the highest to the lowest.
struct Checksum {
    /// The checksum of Ogg pages.
    static let crc32 = Checksum(polynomial: 0x04C1_1DB7, bits: 32)
    /// The checksum of FLAC frames.
    static let crc16 = Checksum(polynomial: 0x8005, bits: 16)

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
        table.withUnsafeBufferPointer { table in
            bytes.reduce(0) { $0 << 8 ^ table[Int($0 >> 24 ^ UInt32($1))] }
        } >> (32 - bits)
    }

    /// Whether an Ogg page has the checksum that it states, which counts as zero itself.
    static func isRight(ofPage page: [UInt8]) -> Bool {
        var zeroed = page
        zeroed.replaceSubrange(22..<26, with: [0, 0, 0, 0])
        return UInt64(crc32.of(zeroed)) == page.field(22, 4)
    }
}
