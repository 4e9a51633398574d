// Frames of MPEG audio and ADTS: their headers, as far as their lengths need them.

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

    var seconds: Double { Double(samples) / Double(sampleRateHz) }

    var isLayer3: Bool { versionAndLayer & 6 == 2 }
    private var isVersion1: Bool { versionAndLayer & 0x18 == 0x18 }
    /// Bytes of the side information of layer III.
    private var sideBytes: Int { isVersion1 ? isMono ? 17 : 32 : isMono ? 9 : 17 }

    /// The side information of layer III: its place in a frame, how many bytes before the frame's own samples its
    /// first ones begin, and side information of a frame that has that number and no samples.
    func sideInformation(
        _ frame: [UInt8]
    ) -> (range: Range<Int>, samplesBegin: Int, silent: [UInt8]) {
        let start = header[1] & 1 == 1 ? 4 : 6
        guard isLayer3, frame.count >= start + sideBytes else { return (start..<start, 0, []) }
        let begin = frame.field(start, 2, isBigEndian: true) >> (isVersion1 ? 7 : 8)
        let silent = [frame[start], isVersion1 ? frame[start + 1] & 0x80 : 0]
        return (
            start..<start + sideBytes, Int(begin),
            silent + [UInt8](repeating: 0, count: sideBytes - 2)
        )
    }

    /// The most bytes before a frame that belong to it.
    static let longestReservoir = 511

    /// What a Xing, Info or VBRI header states, which is a frame without sound.
    struct Header {
        let frames: Int?
        /// The number's offset in the frame.
        let offset: Int
        /// Whether the number of bytes follows.
        var hasBytes = false
        var isVBRI = false
    }

    /// The header in a frame; nil in another frame.
    func header(in frame: [UInt8]) -> Header? {
        guard isLayer3 else { return nil }
        // The name follows the frame's header and side information: 9, 17 or 32 bytes by version
        // and channels.
        for place in [13, 21, 36] where frame.count >= place + 18 {
            let name = frame[place..<place + 4]
            if name.elementsEqual("Xing".utf8) || name.elementsEqual("Info".utf8) {
                // The lowest flags say which numbers follow.
                let flags = frame[place + 7]
                let count = Int(frame.field(place + 8, 4, isBigEndian: true))
                return Header(
                    frames: flags & 1 == 1 ? count : nil, offset: place + 8,
                    hasBytes: flags & 2 == 2)
            }
            if place == 36, name.elementsEqual("VBRI".utf8) {
                let count = Int(frame.field(place + 14, 4, isBigEndian: true))
                return Header(frames: count, offset: place + 14, isVBRI: true)
            }
        }
        return nil
    }

    /// A Xing header for a number of frames and a silent frame, of whose sound nothing is left; empty for other
    /// layers than III.
    func header(stating frames: Int) -> [UInt8] {
        // Bit rate 9 has room in all formats: at least 64 kbit/s.
        let head = [header[0], header[1] | 1, header[2] & 0x0C | 0x90, header[3]]
        guard isLayer3, let count = MPEGFrame(head)?.countBytes else { return [] }
        // libmpg123 leaves out the encoder's delay and its own, 529 samples, at the start, and the encoder's
        // padding less 529 at the end. Both have 12 bits behind 21 bytes of text and settings.
        let delays = UInt32(samples - 529) << 12 | 529
        let text =
            head + [UInt8](repeating: 0, count: sideBytes) + Array("Xing".utf8) + [0, 0, 0, 1]
            + UInt32(truncatingIfNeeded: frames + 1).bigEndianBytes
            + Array("swift-dem".utf8) + [UInt8](repeating: 0, count: 12)
            + delays.bigEndianBytes[1...]
        return text + [UInt8](repeating: 0, count: count - text.count) + silent
    }

    /// A frame without sound: nothing but zeros after a header without padding and checksum.
    var silent: [UInt8] {
        let head = [header[0], header[1] | 1, header[2] & ~2, header[3]]
        let count = MPEGFrame(head)?.countBytes ?? countBytes
        return head + [UInt8](repeating: 0, count: count - 4)
    }
}

/// One file of MPEG audio, walked from frame to frame. Frames state no time: silent frames take the place of lost
/// ones.
struct MPEGStream {
    /// Frames of sound that are not lost, and their length.
    private(set) var frames = 0
    private(set) var seconds = 0.0
    private(set) var damage: SoundParts.Damage?

    /// The number of frames by the file's header, the number's offset, and whether that of bytes follows.
    private var stated: (count: Int, offset: Int, hasBytes: Bool)?
    private let model: MPEGFrame
    private var last: MPEGFrame?
    private var soundBytes = 0
    private var silencedSeconds = 0.0
    /// Whether the last frame is not complete.
    private var isCut = false
    /// Bytes of samples since the last gap. Before the first frame there may have been others.
    private var keptSinceGap: Int? = 0

    /// What is kept, but for the last frame, and its bytes.
    private var spans: [ByteSpan] = []
    private var lastSpans: [ByteSpan] = []
    /// The place in `spans` of the first frame, and places of lost frames, with estimates of their number.
    private var firstIndex = 0
    private var gaps: [(index: Int, frames: Double)] = []

    /// - Parameter tags: bytes before the first frame, which are read as tags.
    init(like model: MPEGFrame, after tags: Range<Int>) {
        self.model = model
        if !tags.isEmpty { spans = [.file(tags)] }
    }

    /// Adds a frame. After a gap, one whose samples begin in a lost frame is silenced: decoders would make noise of
    /// it. Its other bytes stay, because they may belong to the next frames.
    ///
    /// - Parameter bytes: the frame, shorter at the end of the file.
    mutating func add(_ frame: MPEGFrame, _ bytes: [UInt8], at offset: Int) {
        commit()
        if frames == 0, gaps.isEmpty { firstIndex = spans.count }
        let end = offset + bytes.count
        lastSpans = [.file(offset..<end)]
        if let kept = keptSinceGap, kept < MPEGFrame.longestReservoir {
            let side = frame.sideInformation(bytes)
            keptSinceGap = kept + max(0, bytes.count - side.range.upperBound)
            if side.samplesBegin > kept {
                let (start, rest) = (side.range.lowerBound, side.range.upperBound)
                lastSpans = [
                    .file(offset..<offset + start), .bytes(side.silent), .file(offset + rest..<end),
                ]
                silencedSeconds += frame.seconds
            }
        }
        isCut = bytes.count < frame.countBytes
        if isCut, stated == nil, damage == nil {
            damage = SoundParts.Damage(offset: offset, seconds: seconds)
        }
        frames += 1
        soundBytes += frame.countBytes
        seconds += frame.seconds
        last = frame
    }

    /// Adds the frame that states the number of frames. One that states none is left out.
    mutating func addHeader(_ header: MPEGFrame.Header, _ bytes: [UInt8], at offset: Int) {
        guard let count = header.frames, !header.isVBRI else { return }
        stated = (count, offset + header.offset, header.hasBytes)
        keptSinceGap = nil
        spans.append(.file(offset..<offset + bytes.count))
        firstIndex = spans.count
    }

    /// Whether there are fewer frames than the header states.
    var isIncomplete: Bool { stated.map { $0.count > frames } ?? false }

    /// Whether decoders know the length.
    var statesFrames: Bool { stated != nil || model.isLayer3 }

    /// Leaves out the last frame, which is damaged, and what follows it up to the next frame.
    mutating func addGap(_ range: Range<Int>) {
        let lostBytes = last.map { range.count - $0.countBytes } ?? range.count
        if let last {
            frames -= 1
            seconds -= last.seconds
            soundBytes -= last.countBytes
        }
        let frameBytes = frames > 0 ? Double(soundBytes) / Double(frames) : Double(model.countBytes)
        lastSpans = []
        // Without its last frame.
        gaps.append((spans.count, max(0, Double(lostBytes) / frameBytes) + (last == nil ? 0 : 1)))
        last = nil
        keptSinceGap = 0
        damage = damage ?? SoundParts.Damage(offset: range.lowerBound, seconds: seconds)
    }

    /// What a decoder sees of the file, with the number of its frames: decoders guess it otherwise, and stop there.
    /// A number that is too large stays, because it tells of a file that is cut short. The number of bytes is
    /// always set right: libmpg123 prints a message about another one.
    ///
    /// - Parameters:
    ///   - silence: seconds of silence that may be added.
    ///   - isWhole: whether the frames reach to the end of the file, or to another header.
    mutating func finish(_ silence: inout Double, isWhole: Bool) -> [ByteSpan] {
        commit()
        let known = isCut || !isWhole ? nil : stated.map { max(0, $0.count - frames) }
        var left = known ?? Int.max
        var counts = gaps.map { gap in
            let count = min(Int(gap.frames.rounded()), left)
            left -= count
            return count
        }
        // The header knows how many are missing.
        if known != nil, !counts.isEmpty { counts[counts.count - 1] += left }
        for index in counts.indices.reversed() {
            counts[index] = min(counts[index], Int(silence / model.seconds))
            silence -= Double(counts[index]) * model.seconds
        }
        // Built anew, because a file may have millions of gaps.
        var (filled, done) = ([ByteSpan](), 0)
        for (gap, count) in zip(gaps, counts) {
            let silent = repeatElement(model.silent, count: count).joined()
            filled += spans[done..<gap.index] + [.bytes(Array(silent))]
            done = gap.index
        }
        spans = filled + spans[done...]
        if !gaps.isEmpty {
            let lost = counts.reduce(0, +)
            frames += lost
            seconds += Double(lost) * model.seconds
            damage?.filledSeconds = silencedSeconds + Double(lost) * model.seconds
        }
        guard let stated else {
            spans.insert(.bytes(model.header(stating: frames)), at: firstIndex)
            return spans
        }
        let count = stated.count < frames - 1 ? frames : stated.count
        var numbers = UInt32(truncatingIfNeeded: count).bigEndianBytes
        let bytes = spans.reduce(0) { $0 + $1.count }
        if stated.hasBytes { numbers += UInt32(truncatingIfNeeded: bytes).bigEndianBytes }
        return spans.replacing(stated.offset..<stated.offset + numbers.count, by: numbers)
    }

    private mutating func commit() {
        // The place of the first frame, and those of gaps, stay between spans.
        let joins = spans.count > firstIndex && spans.count > gaps.last?.index ?? 0
        for (number, span) in lastSpans.enumerated() {
            spans.append(span, joins: joins || number > 0)
        }
        lastSpans = []
    }
}
