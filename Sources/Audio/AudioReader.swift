// Decoding, block by block, through libsndfile.

import CSndFile
import DemucsEngine

/// A sound file that is being decoded, at its own rate and with all its channels.
///
/// PCM or floats in WAV, AIFF, AU, W64 and CAF; FLAC, Ogg Vorbis, Opus, MP3. Encoder delay is trimmed where
/// the file states it. Files that `cat` has joined are read one after the other. Nothing that is lost in the
/// middle of a file brings what follows forward. Used by one thread at a time.
package final class AudioReader: RecordingReader {
    package let path: String
    package let sampleRateHz: Int
    package let channelCount: Int
    /// Whether libsndfile takes the file for one of the listed formats.
    let hasListedFormat: Bool

    /// Samples of each channel that have been decoded.
    private var decodedSamples = 0

    let file: InputFile
    private let parts: SoundParts
    private var decoder: SoundDecoder?
    private var nextPart = 1
    /// Samples of silence before the part that follows damage, and those that may still be added.
    private var silence = 0
    private var silenceLeft: Int
    /// Samples before the part that doesn't follow damage, less its beginning by its own time.
    private var origin = 0
    private var damage: SoundParts.Damage?
    private var foundWarnings: [AudioWarning]
    /// Bytes of another file that follow samples without compression.
    private let bytesOfNextFile: Int

    /// The decoder's error text, if there is one.
    private(set) var decoderError: String?

    /// Interleaved samples of one block.
    private var block: [Float]

    /// Samples of each channel that are decoded at once.
    private static let blockSamples = 16_384

    /// Reads the header of an open file.
    ///
    /// - Throws: every ``AudioError`` of reading but `nothingDecodable`, `tooLong` and `notFinite`.
    init(_ decoded: DecodedFile) throws(AudioError) {
        let (file, plain) = (decoded.file, decoded.plain)
        try file.checkUnchanged()
        path = file.path
        self.file = file
        parts = decoded.parts
        damage = parts.damage
        foundWarnings = decoded.warnings
        bytesOfNextFile = plain?.nextFile.map { file.sizeBytes - $0 } ?? 0
        if let plain {
            (sampleRateHz, channelCount, hasListedFormat) =
                (plain.sampleRateHz, plain.channelCount, true)
        } else {
            let decoder = SoundDecoder(
                file, parts.parts[0].spans, isStated: parts.statesFrames)
            guard let decoder else {
                throw .notAudio(path: file.path, reason: libraryReason(nil))
            }
            (sampleRateHz, channelCount) = (decoder.sampleRateHz, decoder.channelCount)
            hasListedFormat = isListedFormat(decoder.format)
            self.decoder = decoder
        }
        block = []
        silenceLeft = 0
        if let problem = PlanarAudio.problem(
            channelCount: channelCount, sampleRateHz: sampleRateHz)
        {
            throw .implausibleHeader(path: path, problem: problem)
        }
        silenceLeft = SoundParts.longestLossSeconds * sampleRateHz
        block = [Float](repeating: 0, count: Self.blockSamples * channelCount)
        if let plain { decoder = SoundDecoder(file, plain) }
        place(parts.parts[0])
    }

    /// The announced length, but never more than the file's size makes plausible.
    package var plausibleSamples: Int {
        // The densest coder in use (speech at 8 kbit/s) packs some 50 samples into a byte.
        let (most, overflow) = file.sizeBytes.multipliedReportingOverflow(by: 50)
        let bound = min(overflow ? Int.max : most, 1 << 26) / channelCount
        switch decoder?.announced {
        case .samples(let count, _): return min(count, bound)
        case .bytes(_, let present): return min(present / channelCount, bound)
        case .endMissing, .unknown, nil: return 0
        }
    }

    /// Decodes the next samples.
    ///
    /// - Returns: `nil` at the end, or where decoding can't go on.
    /// - Throws: `notFinite` for the first sample that is NaN or infinite; `changed` at the end, if
    ///   the file was written to since the track was opened; `unreadable` if the disk fails.
    package func next() throws -> PlanarAudio? {
        if silence > 0 {
            let count = min(silence, Self.blockSamples)
            silence -= count
            decodedSamples += count
            return PlanarAudio(
                channels: [[Float]](
                    repeating: [Float](repeating: 0, count: count), count: channelCount),
                sampleRateHz: sampleRateHz)
        }
        while let decoder {
            if decoder.failure == nil {
                let count = decoder.read(into: &block, Self.blockSamples)
                decoderError = decoderError ?? decoder.failure
                if count > 0 {
                    try checkFinite(count * channelCount)
                    decodedSamples += count
                    return block.withUnsafeBufferPointer {
                        PlanarAudio(
                            interleaved: UnsafeBufferPointer(
                                rebasing: $0[..<(count * channelCount)]),
                            channelCount: channelCount, sampleRateHz: sampleRateHz)
                    }
                }
            }
            try file.checkUnchanged()
            endPart(decoder)
            if silence > 0 { return try next() }
        }
        try file.checkUnchanged()
        return nil
    }

    /// Keeps the warnings about a part that has ended, and opens the next one.
    private func endPart(_ ended: SoundDecoder) {
        let seconds = Double(decodedSamples) / Double(sampleRateHz)
        decoder = nil
        if bytesOfNextFile > 0 { foundWarnings.append(unread(bytesOfNextFile)) }
        while decoder == nil, nextPart < parts.parts.count {
            let part = parts.parts[nextPart]
            nextPart += 1
            // After an error in a part, one without a time would come too early.
            if ended.failure == nil || part.isContinued {
                decoder = SoundDecoder(file, part.spans, isStated: parts.statesFrames)
            }
            if decoder?.sampleRateHz != sampleRateHz || decoder?.channelCount != channelCount {
                decoder = nil
            }
            if decoder != nil {
                place(part)
                if part.isContinued, decoder != nil { return }
            } else if !part.isContinued {
                let rest = parts.parts[(nextPart - 1)...].flatMap(\.spans)
                foundWarnings.append(unread(rest.reduce(0) { $0 + $1.count }))
                nextPart = parts.parts.count
            }
        }
        let end = damage.flatMap {
            decoder == nil && $0.filledSeconds == nil ? "it is damaged at byte \($0.offset)" : nil
        }
        if let warning = ended.announced.warning(
            path: path, decodedSamples: ended.decodedSamples, sampleRateHz: sampleRateHz,
            reason: ended.failure ?? end)
        {
            foundWarnings.append(warning)
        } else if let end {
            foundWarnings.append(
                .truncated(
                    path: path, decodedSeconds: seconds, announcedSeconds: nil, reason: end))
        }
    }

    /// Puts silence before a part that follows damage, so that it begins at its own time.
    private func place(_ part: SoundParts.Part) {
        // Headers may state times beyond all numbers.
        guard let end = part.endSeconds, end < 1e9,
            case .samples(let count, _) = decoder?.announced
        else { return }
        let start = Int((end * Double(sampleRateHz)).rounded()) - count
        guard part.isContinued else {
            origin = decodedSamples - start
            return
        }
        let lost = max(0, origin + start - decodedSamples)
        guard lost <= silenceLeft else {
            // The rest would come too early.
            decoder = nil
            nextPart = parts.parts.count
            return
        }
        silenceLeft -= lost
        silence = lost
        guard var damage else { return }
        damage.seconds = damage.seconds ?? Double(decodedSamples) / Double(sampleRateHz)
        damage.filledSeconds = (damage.filledSeconds ?? 0) + Double(lost) / Double(sampleRateHz)
        self.damage = damage
    }

    private func unread(_ bytes: Int) -> AudioWarning {
        .unread(
            path: path, bytes: bytes, afterSeconds: Double(decodedSamples) / Double(sampleRateHz))
    }

    /// Passes over samples without decoding them, where that is exact.
    package func skip(_ count: Int) throws -> Int {
        guard parts.parts.count == 1, let decoder else { return 0 }
        let passed = decoder.skip(count)
        decodedSamples += passed
        return passed
    }

    package var warnings: [AudioWarning] {
        var warnings = foundWarnings
        if let damage, let filled = damage.filledSeconds {
            warnings.append(
                .damaged(
                    path: path, reason: "byte \(damage.offset)", atSeconds: damage.seconds,
                    filledSeconds: filled))
        }
        return warnings
    }

    package var emptyError: any Error {
        AudioError.nothingDecodable(path: path, reason: decoderError)
    }

    /// - Parameter count: number of decoded values in the block.
    private func checkFinite(_ count: Int) throws(AudioError) {
        let index = block.withUnsafeBufferPointer {
            UnsafeBufferPointer(rebasing: $0[..<count]).firstNotFinite
        }
        guard let index else { return }
        throw .notFinite(
            path: path, value: block[index],
            seconds: Double(decodedSamples + index / channelCount) / Double(sampleRateHz),
            channel: index % channelCount)
    }
}

/// libsndfile's text for its last error, as part of a sentence: "Error : flac decoder lost sync."
/// becomes "flac decoder lost sync".
func libraryReason(_ handle: OpaquePointer?) -> String {
    var text = Substring(String(cString: sf_strerror(handle)))
    for prefix in ["Error : ", "System error : "] where text.hasPrefix(prefix) {
        text = text.dropFirst(prefix.count)
    }
    return String(text.hasSuffix(".") ? text.dropLast() : text)
}
