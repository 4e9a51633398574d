// MPEG audio and ADTS, looked at from frame to frame. Their frames state no time, and mostly have no checksum.

import System

/// The header of a frame of MPEG audio (ISO/IEC 11172-3, 13818-3) or ADTS (13818-7).
struct MPEGFrame {
    let countBytes: Int
    let samples: Int
    let sampleRateHz: Int
    let isADTS: Bool
    let isMono: Bool
    private let versionAndLayer: UInt8

    /// - Parameter bytes: the first 4 bytes of the frame, or 7 for ADTS.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 4, bytes[0] == 0xFF, bytes[1] & 0xE0 == 0xE0 else { return nil }
        isMono = bytes[3] >> 6 == 3
        let (version, layer) = (Int(bytes[1] >> 3 & 3), Int(bytes[1] >> 1 & 3))
        versionAndLayer = bytes[1] & 0x1E
        isADTS = layer == 0
        if isADTS {
            let rate = Int(bytes[2] >> 2 & 15)
            guard bytes.count >= 7, bytes[1] & 0xF0 == 0xF0, rate < Self.aacRates.count else {
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
    }

    var isLayer3: Bool { versionAndLayer & 6 == 2 }

    /// The number of frames by a Xing, Info or VBRI header, which is a frame without sound; nil in another frame.
    /// A Xing header may leave it out.
    func header(in frame: [UInt8]) -> (frames: Int?, isVBRI: Bool)? {
        guard isLayer3 else { return nil }
        // The name follows the frame's header and side information: 9, 17 or 32 bytes by version
        // and channels.
        for place in [13, 21, 36] where frame.count >= place + 18 {
            let name = frame[place..<place + 4]
            if name.elementsEqual("Xing".utf8) || name.elementsEqual("Info".utf8) {
                // The lowest flag says whether the number follows.
                let hasCount = frame[place + 7] & 1 == 1
                return (hasCount ? Int(frame.field(place + 8, 4, isBigEndian: true)) : nil, false)
            }
            if place == 36, name.elementsEqual("VBRI".utf8) {
                return (Int(frame.field(place + 14, 4, isBigEndian: true)), true)
            }
        }
        return nil
    }
}

extension FileWindow {
    /// A frame of MPEG audio or ADTS at an offset. Any bytes may look like its header: several in a row are one.
    func frame(at offset: Int, isFollowedBy count: Int = 1) -> MPEGFrame? {
        guard let frame = MPEGFrame(slice(offset, 7)) else { return nil }
        var (next, last) = (offset, frame)
        for _ in 0..<count {
            next += last.countBytes
            guard let other = MPEGFrame(slice(next, 7)), other.isLike(frame) else { return nil }
            last = other
        }
        return frame
    }
}

extension FrameOrder {
    /// - Parameter start: the place of the first frame. Its own header may be damaged, and a recording of a
    ///   broadcast begins within a frame.
    static func mpeg(_ file: FileWindow, from start: Int, to end: Int) -> FrameOrder? {
        let head = file.slice(start, 64)
        guard head.count >= 2, head[0] == 0xFF, head[1] & 0xE0 == 0xE0 else { return nil }
        let frame = MPEGFrame(head)
        var first = start
        while file.frame(at: first) == nil, first > start || frame?.header(in: head) == nil {
            first = file.place(of: 0xFF, from: first + 1)
            if first >= min(start + (1 << 16), end) { return nil }
        }
        guard let model = MPEGFrame(file.slice(first, 7)) else { return nil }
        var order = MPEGLook(file, like: model, first, end).order
        if let frame, first - start > frame.countBytes {
            order.lose("bytes are no frame", at: start)
        }
        return order
    }
}

/// The look at MPEG audio or ADTS.
private struct MPEGLook {
    private(set) var order: FrameOrder
    private let file: FileWindow
    private let model: MPEGFrame
    /// Frames since the last header of their number, and that number.
    private var frames = 0
    private var stated: Int?
    private var offset: Int

    init(_ file: FileWindow, like model: MPEGFrame, _ start: Int, _ end: Int) {
        (self.file, self.model) = (file, model)
        offset = start
        order = FrameOrder(.mpeg, start, end, sampleRateHz: model.sampleRateHz)
        if !model.isADTS, !model.isLayer3 {
            order.note("it is MPEG audio of layer I or II", at: start)
        }
        var hasHeader = false
        while offset < end, order.loss == nil {
            let bytes = file.slice(offset, 64)
            guard let frame = MPEGFrame(bytes), frame.isLike(model) else {
                if passOther(to: end) { continue }
                break
            }
            if frame.countBytes > end - offset {
                order.lose("it ends within a frame", at: offset, isCut: true)
            } else if let header = frame.header(in: bytes) {
                endFile(at: offset)
                if offset > start { order.join(at: offset) }
                // libmpg123 takes that of VBRI for sound.
                if header.isVBRI { order.note("its header is VBRI", at: offset) }
                hasHeader = hasHeader || header.frames != nil && !header.isVBRI
                stated = header.frames
                order.announcedSamples = stated.map { order.samples + $0 * model.samples }
            } else {
                if frame.isMono != model.isMono, !model.isADTS {
                    order.note("its channels change", at: offset, misleads: true)
                }
                order.samples += frame.samples
                frames += 1
            }
            offset += frame.countBytes
        }
        if order.loss == nil { endFile(at: offset) }
        order.hidesLength = !hasHeader
        if !order.isPartial { order.end(at: order.loss == nil ? offset : end, file) }
    }

    /// Compares the number of frames with the stated one.
    private mutating func endFile(at offset: Int) {
        defer { (frames, stated) = (0, nil) }
        // A header counts itself or not.
        guard let stated, abs(stated - frames) > 1 else { return }
        if stated > frames {
            order.lose(
                "its header counts \(stated) frames, and \(frames) are there", at: offset,
                isCut: true)
        } else {
            order.note("its header counts \(stated) frames of \(frames)", at: offset)
        }
    }

    /// Passes over bytes that are no frame.
    ///
    /// - Returns: whether frames follow.
    private mutating func passOther(to end: Int) -> Bool {
        if file.frame(at: offset) != nil {
            order.stop("its sample rate or its layer changes", at: offset)
            offset = end
            return false
        }
        let afterTags = file.endOfTags(from: offset)
        var next = afterTags
        while next < end, file.frame(at: next).map(model.isLike) != true {
            next = file.place(of: 0xFF, from: next + 1)
        }
        guard next < end, let frame = file.frame(at: next) else { return false }
        // Bytes between two files are no sound, unless some is missing.
        let isFile = frame.header(in: file.slice(next, 64)) != nil && (stated ?? 0) <= frames + 1
        if isFile || afterTags == next
            || file.endOfZeros(from: afterTags) >= next && afterTags > offset
        {
            order.join(at: next)
        } else {
            order.lose("bytes are no frame", at: offset)
        }
        offset = next
        return true
    }
}
