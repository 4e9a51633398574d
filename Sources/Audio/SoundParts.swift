// The parts of a compressed file, found before it is decoded: files joined by `cat`, headers that count
// too few samples, and damage. Decoders report none of the three.

import System

/// Bytes that a decoder sees.
enum ByteSpan {
    case file(Range<Int>)
    /// Bytes in place of some of the file's.
    case bytes([UInt8])

    var count: Int {
        switch self {
        case .file(let range): range.count
        case .bytes(let bytes): bytes.count
        }
    }
}

/// The parts of a file that are decoded one after the other.
struct SoundParts {
    struct Part {
        let spans: [ByteSpan]
        /// The time at which the part ends, if it states it.
        var endSeconds: Double?
        /// Whether the part goes on with the part before it after damage, at its own time.
        var isContinued = false
    }

    /// Damage between two places of a file.
    struct Damage: Equatable {
        let offset: Int
        /// Time before the damage; nil if the time of what follows it is known only when it is decoded.
        var seconds: Double?
        /// Silence that takes the place of what is lost; nil if the sound ends there instead.
        var filledSeconds: Double?
    }

    /// Most silence in a file. Times that are farther apart are wrong.
    static let longestLossSeconds = 20 * 60

    private(set) var parts: [Part] = []
    /// The first damage.
    private(set) var damage: Damage?
    /// Whether decoders know the length of an MP3.
    private(set) var statesFrames = false
    /// Seconds of silence that may still be added to FLAC and MP3.
    private var silence = Double(longestLossSeconds)
    /// Seconds of the parts of FLAC and MP3.
    private var seconds = 0.0

    init(of file: InputFile) {
        var bytes = FileWindow(file)
        let start = bytes.endOfTags(from: 0)
        if bytes.matches("OggS", at: 0) {
            let chain = OggChain(&bytes)
            (parts, damage) = (chain.parts, chain.damage)
            if damage == nil { addRest(&bytes, from: chain.end) }
        } else if bytes.matches("fLaC", at: start) {
            scanFLAC(&bytes, from: start)
        } else {
            // Some programs write zeros between a tag and the sound.
            scanFrames(&bytes, from: bytes.endOfZeros(from: start), after: start)
        }
        if parts.isEmpty { parts = Self(whole: file).parts }
    }

    /// The whole of a file that is taken as it is.
    init(whole file: InputFile) { parts = [Part(spans: [.file(0..<file.sizeBytes)])] }

    /// Keeps the first damage, and the sum of what is filled.
    private mutating func note(_ other: Damage?, after seconds: Double) {
        guard var other else { return }
        other.seconds = other.seconds.map { $0 + seconds }
        if let filled = damage?.filledSeconds {
            damage?.filledSeconds = filled + (other.filledSeconds ?? 0)
        }
        damage = damage ?? other
    }

    /// Adds what follows the sound as a part of its own: another file, or no sound at all.
    private mutating func addRest(_ bytes: inout FileWindow, from offset: Int) {
        let start = bytes.endOfTags(from: offset)
        // A frame that is cut short, and the rest of a block, are neither.
        guard !parts.isEmpty, bytes.end - start >= 4_096,
            bytes.slice(start, 4_096).contains(where: { $0 != 0 })
        else { return }
        parts.append(Part(spans: [.file(start..<bytes.end)]))
    }

    private mutating func scanFLAC(_ bytes: inout FileWindow, from first: Int) {
        var offset = first
        var limits = FLACStream.Limits(silence: silence)
        while let stream = FLACStream(&bytes, at: offset, limits) {
            limits = stream.limits
            parts.append(Part(spans: stream.spans))
            note(stream.damage, after: seconds)
            seconds += stream.seconds
            offset = bytes.endOfTags(from: stream.end)
        }
        addRest(&bytes, from: offset)
    }

    /// The first frame of MPEG audio or ADTS, and its offset: where two in a row are alike. Its own header may be
    /// damaged.
    private static func firstFrame(
        _ bytes: inout FileWindow, from first: Int, after tags: Int
    ) -> (model: MPEGFrame, offset: Int)? {
        let head = bytes.slice(first, 7)
        let frame = MPEGFrame(head)
        guard tags > 0 || head.count == 7 && head[0] == 0xFF && head[1] & 0xE0 == 0xE0 else {
            return nil
        }
        var offset = first
        while offset < min(first + (1 << 16), bytes.end) {
            if let model = bytes.frame(at: offset) { return (model, offset) }
            offset = bytes.place(of: 0xFF, from: offset + 1)
        }
        return frame.map { ($0, first) }
    }

    /// Walks from frame to frame of MPEG audio or ADTS. In ADTS there are no silent frames, so the sound ends
    /// before the damage.
    private mutating func scanFrames(_ bytes: inout FileWindow, from first: Int, after tags: Int) {
        guard let (model, start) = Self.firstFrame(&bytes, from: first, after: tags) else { return }
        func frame(_ offset: Int, _ bytes: inout FileWindow) -> MPEGFrame? {
            MPEGFrame(bytes.slice(offset, 7)).flatMap { $0.isLike(model) ? $0 : nil }
        }
        var stream = MPEGStream(like: model, after: 0..<(tags == first ? tags : 0))
        var offset = start
        if start > first, !model.isADTS { stream.addGap(first..<start) }
        // The last frame, unless tags follow it.
        var last: Int?
        while offset < bytes.end {
            let afterTags = bytes.endOfTags(from: offset)
            if afterTags > offset {
                (offset, last) = (afterTags, nil)
            } else if let frame = frame(offset, &bytes) {
                let content = bytes.slice(offset, frame.countBytes)
                if let header = frame.header(in: content) {
                    if stream.frames > 0 {
                        finish(&stream, isWhole: true)
                        stream = MPEGStream(like: model, after: 0..<0)
                    }
                    stream.addHeader(header, content, at: offset)
                    last = nil
                } else {
                    stream.add(frame, content, at: offset)
                    last = offset
                }
                offset += frame.countBytes
            } else {
                // A file of another kind.
                if bytes.frame(at: offset) != nil { break }
                // Where bytes are missing, the next frame is within the last one.
                var next = last.map { $0 + 3 } ?? offset - 1
                repeat {
                    next = bytes.place(of: 0xFF, from: next + 1)
                } while next < bytes.end && bytes.frame(at: next).map(model.isLike) != true
                guard next < bytes.end, let found = frame(next, &bytes) else { break }
                if let last {
                    if model.isADTS {
                        damage = Damage(offset: offset, seconds: stream.seconds)
                        return
                    }
                    // Bytes between two files are no sound, unless some is missing.
                    let header = found.header(in: bytes.slice(next, found.countBytes))
                    if header == nil || stream.isIncomplete {
                        stream.addGap(last..<next)
                    }
                }
                (offset, last) = (next, nil)
            }
        }
        finish(&stream, isWhole: offset >= bytes.end)
        addRest(&bytes, from: offset)
    }

    /// Adds one of the MP3 files that are joined.
    private mutating func finish(_ stream: inout MPEGStream, isWhole: Bool) {
        guard stream.frames > 0 else { return }
        statesFrames = stream.statesFrames
        parts.append(Part(spans: stream.finish(&silence, isWhole: isWhole)))
        note(stream.damage, after: seconds)
        seconds += stream.seconds
    }
}

extension [ByteSpan] {
    /// Adds bytes of the file, to the last span if they follow it.
    mutating func append(_ span: ByteSpan, joins: Bool) {
        if joins, case .file(let last)? = self.last, case .file(let range) = span,
            last.upperBound == range.lowerBound
        {
            self[count - 1] = .file(last.lowerBound..<range.upperBound)
        } else {
            append(span)
        }
    }

    /// The spans with other bytes in the place of some of the file's.
    func replacing(_ range: Range<Int>, by bytes: [UInt8]) -> [ByteSpan] {
        flatMap { span in
            guard case .file(let all) = span, all.contains(range.lowerBound) else { return [span] }
            return [
                .file(all.lowerBound..<range.lowerBound), .bytes(bytes),
                .file(range.upperBound..<all.upperBound),
            ]
        }
    }
}
