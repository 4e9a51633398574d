// The parts of a compressed file, found before it is decoded: files joined by `cat`, headers that count
// too few samples, and damage. Decoders pass over all three without a word.

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
struct SoundPieces {
    /// Damage between two places of a file.
    struct Damage: Equatable {
        let offset: Int
        /// Time before the damage; nil where the container has its own time.
        var seconds: Double?
        /// Silence that takes the place of what is lost; nil if the sound ends there instead.
        var filledSeconds: Double?
        /// Length of the whole file, if no sound comes before the damage.
        var totalSeconds: Double?
    }

    /// The bytes of each part.
    private(set) var pieces: [[ByteSpan]] = []
    /// The first damage.
    private(set) var damage: Damage?
    /// Samples of an MP3 whose length decoders guess, because its frames differ in size and no header that
    /// they read counts them.
    private(set) var guessedSamples: Int?
    /// Whether an MP3 states the number of its frames.
    private(set) var statesFrames = false

    init(of file: InputFile) {
        var bytes = FileWindow(file)
        let start = bytes.endOfTags(from: 0)
        if bytes.matches("OggS", at: 0) {
            scanOgg(&bytes)
        } else if bytes.matches("fLaC", at: start) {
            scanFLAC(&bytes, from: start)
        } else {
            // Some programs write zeros between a tag and the sound.
            let first = bytes.endOfZeros(from: start)
            if let frame = MPEGFrame(bytes.slice(first, 7)) {
                scanFrames(&bytes, from: first, like: frame)
            }
        }
        if pieces.isEmpty { pieces = [[.file(0..<file.sizeBytes)]] }
    }

    /// The reason to decode all of the file by ffmpeg, if it is there: libsndfile passes over damage in Ogg,
    /// whose times ffmpeg keeps, and stops where it guesses the end of an MP3.
    var damageOfWhole: FFmpeg.KnownDamage? {
        if guessedSamples != nil {
            return FFmpeg.KnownDamage(reason: "its length is not stated", totalSeconds: nil)
        }
        guard let damage, damage.seconds == nil, pieces.count == 1 else { return nil }
        return FFmpeg.KnownDamage(
            reason: "byte \(damage.offset)", totalSeconds: damage.totalSeconds)
    }

    /// The whole of a file that is taken as it is.
    init(whole file: InputFile) { pieces = [[.file(0..<file.sizeBytes)]] }

    // MARK: - Ogg (RFC 3533)

    /// Finds links of a chain, pages that are damaged, and pages that are missing.
    private mutating func scanOgg(_ bytes: inout FileWindow) {
        var (offset, start) = (0, 0)
        var isInHeaders = true
        var hasSound = false
        var numbers: [UInt64: UInt64] = [:]
        while bytes.endOfTags(from: offset) < bytes.end {
            let head = bytes.slice(offset, 27)
            guard head.count == 27, bytes.matches("OggS", at: offset) else { break }
            let lacing = bytes.slice(offset + 27, Int(head[26]))
            let count = 27 + lacing.count + lacing.reduce(0) { $0 + Int($1) }
            let page = bytes.slice(offset, count)
            // A page that is cut short is the end of a file that is cut short.
            guard page.count == count else { return finish(start..<bytes.end) }
            let serial = page.field(14, 4)
            let number = page.field(18, 4)
            if page[5] & 2 != 0 {
                if !isInHeaders {
                    finish(start..<offset)
                    (start, numbers) = (offset, [:])
                }
                isInHeaders = true
            } else {
                isInHeaders = false
                // A part of a broadcast begins with the headers and any page.
                if hasSound, number != numbers[serial].map({ ($0 + 1) & 0xFFFF_FFFF }) { break }
            }
            guard Checksum.isRight(ofPage: page) else { break }
            numbers[serial] = number
            hasSound = hasSound || page.field(6, 8) > 0
            offset += count
        }
        let isDamage = !bytes.places(of: Array("OggS".utf8), from: offset + 1).isEmpty
        if isDamage {
            damage = Damage(offset: offset, totalSeconds: hasSound ? nil : Self.oggSeconds(&bytes))
        }
        finish(start..<offset)
        if !isDamage { addRest(&bytes, from: offset) }
    }

    /// The time of the last page of Vorbis or Opus.
    private static func oggSeconds(_ bytes: inout FileWindow) -> Double? {
        let head = bytes.slice(0, 48)
        let tail = bytes.places(of: Array("OggS".utf8), from: max(0, bytes.end - 65_536))
        guard head.count == 48, let last = tail.last, last + 14 <= bytes.end else { return nil }
        let time = Double(bytes.slice(last, 14).field(6, 8))
        if head[28..<36].elementsEqual("OpusHead".utf8) {
            return (time - Double(head.field(38, 2))) / 48_000
        }
        let isVorbis = head[29..<35].elementsEqual("vorbis".utf8)
        return isVorbis ? time / Double(head.field(40, 4)) : nil
    }

    private mutating func finish(_ range: Range<Int>) {
        if !range.isEmpty { pieces.append([.file(range)]) }
    }

    /// Adds what follows the sound as a part of its own: another file, or no sound at all.
    private mutating func addRest(_ bytes: inout FileWindow, from offset: Int) {
        let start = bytes.endOfTags(from: offset)
        // A frame that is cut short, and the rest of a block, are neither.
        guard !pieces.isEmpty, bytes.end - start >= 4_096,
            bytes.slice(start, 4_096).contains(where: { $0 != 0 })
        else { return }
        pieces.append([.file(start..<bytes.end)])
    }

    // MARK: - FLAC (RFC 9639)

    /// Finds files that are joined, and headers that count too few samples.
    private mutating func scanFLAC(_ bytes: inout FileWindow, from first: Int) {
        // The signature, and a STREAMINFO block of 34 bytes that is not the last or is.
        let signatures = [0, 0x80].map { Array("fLaC".utf8) + [$0, 0, 0, 34] as [UInt8] }
        var starts = [first]
        for place in signatures.flatMap({ bytes.places(of: $0, from: first + 8) }).sorted()
        where place >= starts[starts.count - 1] + 42 {
            starts.append(place)
        }
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? starts[index + 1] : bytes.end
            let head = bytes.slice(start, min(42, end - start))
            guard head.count == 42 else { continue }
            let total = head.field(21, 5, isBigEndian: true) & 0xF_FFFF_FFFF
            let block = head.field(10, 2, isBigEndian: true)
            guard total > 0, let found = FLACFrame.lastSample(&bytes, in: start + 42..<end, block),
                found > total
            else {
                pieces.append([.file(start..<end)])
                continue
            }
            let high = head[21] & 0xF0 | UInt8(found >> 32 & 0xF)
            let count = [high] + (0..<4).map { UInt8(truncatingIfNeeded: found >> (24 - 8 * $0)) }
            pieces.append([.file(start..<start + 21), .bytes(count), .file(start + 26..<end)])
        }
        // The tags before the first part count for all.
        if !pieces.isEmpty { pieces[0].insert(.file(0..<first), at: 0) }
    }

    // MARK: - MPEG audio and ADTS

    /// Walks from frame to frame. Frames state no time: silent frames take the place of lost ones. In ADTS
    /// there are none, so the sound ends before the damage.
    private mutating func scanFrames(
        _ bytes: inout FileWindow, from first: Int, like model: MPEGFrame
    ) {
        func frame(_ offset: Int, _ bytes: inout FileWindow) -> MPEGFrame? {
            MPEGFrame(bytes.slice(offset, 7)).flatMap { $0.isLike(model) ? $0 : nil }
        }
        var walk = MPEGWalk(from: bytes.endOfTags(from: 0) == first ? 0 : first)
        var offset = first
        while offset < bytes.end {
            let afterTags = bytes.endOfTags(from: offset)
            if afterTags > offset {
                walk.leaveOut(offset..<afterTags)
                offset = afterTags
            } else if let frame = frame(offset, &bytes) {
                if let stated = frame.statedFrames(bytes.slice(offset, frame.countBytes)) {
                    if walk.frames > 0 {
                        pieces.append(walk.spans(to: offset))
                        walk = MPEGWalk(from: offset)
                    }
                    if let count = stated.count, !stated.isVBRI {
                        walk.stated = (count, offset + stated.offset)
                        statesFrames = true
                    }
                } else {
                    walk.add(frame)
                }
                offset += frame.countBytes
            } else {
                // Any bytes may look like a header: two in a row are a frame.
                var next = offset
                repeat {
                    next = bytes.place(of: 0xFF, from: next + 1)
                } while next < bytes.end
                    && frame(next, &bytes).flatMap({ frame(next + $0.countBytes, &bytes) }) == nil
                guard next < bytes.end else { break }
                if walk.frames > 0 {
                    damage = damage ?? Damage(offset: offset, seconds: walk.seconds)
                    if model.isADTS { return }
                    let filled = walk.replace(offset..<next) + (damage?.filledSeconds ?? 0)
                    damage?.filledSeconds = filled
                }
                offset = next
            }
        }
        // The end of a file that is cut short is not part of the damage.
        if offset == bytes.end, let added = walk.addMissing() { damage?.filledSeconds? += added }
        guessedSamples = walk.isGuessed && pieces.isEmpty ? walk.samples : nil
        if walk.frames > 0 {
            pieces.append(walk.spans(to: bytes.end - offset < 4_096 ? bytes.end : offset))
        }
        addRest(&bytes, from: offset)
    }
}
