// A cheap look at compressed sound decides one thing: are its frames plainly in order, and how many samples do they
// hold? Where they are, libsndfile decodes; where they aren't, ffmpeg does. Nothing is repaired here.

import System
import Tracks

/// How the frames of FLAC, Ogg Vorbis, Opus, MPEG audio or ADTS follow each other in a file.
struct FrameOrder: Sendable {
    /// A place at which something is as it shouldn't be.
    struct Place: Sendable {
        let offset: Int
        let seconds: Double
        /// Such as "its channels change".
        let fact: String
        /// Whether libsndfile's samples may be wrong although none is missing.
        let misleads: Bool
    }

    enum Codec { case flac, ogg, mpeg }

    /// What libsndfile decodes: the frames with their headers, without tags and other bytes around them.
    fileprivate(set) var bytes: Range<Int>
    let codec: Codec
    let sampleRateHz: Int
    /// Samples of each channel in the frames that are right, up to ``loss``.
    var samples = 0
    /// Samples of each channel by a header of the whole.
    var announcedSamples: Int?
    /// The first place at which the frames aren't plainly in order, although none is missing.
    private(set) var oddity: Place?
    /// The first place at which sound is missing or wrong, where the look ends.
    private(set) var loss: Place?
    /// Whether the file ends within a frame, or before the announced number of them.
    private(set) var isCut = false
    /// Whether frames follow whose samples can't be added: of another codec, rate or number of channels.
    private(set) var isPartial = false
    /// Bytes at the end that belong to no frame, or to frames that weren't looked at.
    private(set) var unreadBytes = 0
    /// Whether MPEG audio states no number of frames.
    var hidesLength = false

    init(_ codec: Codec, _ start: Int, _ end: Int, sampleRateHz: Int) {
        bytes = start..<max(start, end)
        (self.codec, self.sampleRateHz) = (codec, sampleRateHz)
    }

    /// Files that follow the first one.
    private(set) var joints = 0

    var seconds: Double { Double(samples) / Double(max(1, sampleRateHz)) }

    mutating func note(_ fact: String, at offset: Int, misleads: Bool = false) {
        if let oddity, oddity.misleads || !misleads { return }
        oddity = Place(offset: offset, seconds: seconds, fact: fact, misleads: misleads)
    }

    mutating func join(at offset: Int) {
        joints += 1
        note("another file begins", at: offset)
    }

    mutating func stop(_ fact: String, at offset: Int) {
        note(fact, at: offset, misleads: true)
        (isPartial, unreadBytes) = (true, max(0, bytes.upperBound - offset))
    }

    mutating func lose(_ fact: String, at offset: Int, isCut: Bool = false) {
        guard loss == nil else { return }
        let seconds = offset < bytes.lowerBound ? 0 : seconds
        loss = Place(offset: offset, seconds: seconds, fact: fact, misleads: true)
        self.isCut = isCut
    }

    /// Notes what follows the last frame: another file, or no sound at all.
    mutating func end(at offset: Int, _ file: FileWindow) {
        let end = bytes.upperBound
        bytes = bytes.lowerBound..<max(bytes.lowerBound, min(offset, end))
        let start = file.endOfTags(from: offset)
        guard end - start >= 4_096, file.endOfZeros(from: start) < end else { return }
        unreadBytes = end - start
    }

    /// The warning about sound that a decoder did not give; nil if it gave all.
    ///
    /// - Parameters:
    ///   - seconds: what it gave, without `filled` seconds of silence.
    ///   - isLimited: whether it was told to stop.
    ///   - reason: the decoder's.
    ///   - advice: what would give more.
    func lack(
        _ path: String, _ seconds: Double, filled: Double = 0, isLimited: Bool = false,
        reason: String? = nil, advice: String? = nil
    ) -> AudioWarning? {
        func text(_ reason: String?) -> String? {
            let parts = [reason, advice].compactMap(\.self)
            return parts.isEmpty ? nil : parts.joined(separator: "; ")
        }
        let announced = announcedSamples.map { Double($0) / Double(max(1, sampleRateHz)) }
        if let loss, isCut, !isLimited {
            return .truncated(
                path: path, decodedSeconds: seconds, announcedSeconds: announced,
                reason: text(loss.fact))
        }
        // Without an advice, the decoder is one that reads what misleads others.
        if let place = loss ?? (advice != nil && oddity?.misleads == true ? oddity : nil) {
            return .damaged(
                path: path, reason: text("byte \(place.offset): \(place.fact)") ?? "",
                atSeconds: place.seconds, filledSeconds: filled)
        }
        if unreadBytes > 0, seconds < self.seconds + 0.2 {
            return .unread(path: path, bytes: unreadBytes, afterSeconds: seconds)
        }
        // MPEG audio begins and ends with up to four frames that its headers leave out. Decoders of Vorbis and Opus
        // differ by a packet where files are joined.
        let isExact = codec == .flac || codec == .ogg && joints == 0
        let tolerance = isExact ? 0 : 4_608 * Double(1 + joints) / Double(sampleRateHz)
        return self.seconds - seconds > tolerance && !isLimited
            ? .truncated(
                path: path, decodedSeconds: seconds, announcedSeconds: self.seconds,
                reason: text(reason ?? oddity?.fact)) : nil
    }

    // MARK: - The look

    /// nil for a file of another kind.
    init?(_ file: FileWindow) {
        let end = file.startOfTags
        // Some programs write zeros between a tag and the sound.
        let start = file.endOfZeros(from: file.endOfTags(from: 0))
        guard
            let order = Self.ogg(file, from: start, to: end)
                ?? Self.flac(file, from: start, to: end)
                ?? Self.mpeg(file, from: start, to: end)
                ?? Self.behindOtherBytes(file, after: start, to: end)
        else { return nil }
        self = order
        if file.isSpent {
            (loss, isCut) = (nil, false)
            note("its headers are too many", at: bytes.lowerBound)
        }
    }

    /// Sound that other bytes stand before, if all of the file after them is its frames. A container may have
    /// the same bytes in it, but not to its end.
    private static func behindOtherBytes(
        _ file: FileWindow, after start: Int, to end: Int
    ) -> FrameOrder? {
        if file.matches("ftyp", at: 4) { return nil }
        var tries = 0
        var offset = start
        while offset < min(end, start + 1 << 18), tries < 16 {
            offset += 1
            let order =
                Self.flac(file, from: offset, to: end) ?? Self.ogg(file, from: offset, to: end)
                ?? (file.frame(at: offset, isFollowedBy: 3) == nil
                    ? nil : Self.mpeg(file, from: offset, to: end))
            if let order {
                tries += 1
                if order.loss == nil, order.oddity == nil, order.unreadBytes == 0, order.samples > 0
                {
                    return order
                }
            }
        }
        return nil
    }
}
