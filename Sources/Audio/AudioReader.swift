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
    private let pieces: SoundPieces
    private let repair: (FFmpeg.KnownDamage) throws -> DecodedFile?
    private var decoder: SoundDecoder?
    private var nextPiece = 1
    private var foundWarnings: [AudioWarning]
    /// Bytes of another file that follow samples without compression.
    private let bytesOfNextFile: Int

    /// Reads the file that ffmpeg has made of a damaged one, from where the decoder failed.
    private var successor: AudioReader?

    /// The decoder's error text, if there is one.
    private(set) var decoderError: String?

    /// Interleaved samples of one block.
    private var block: [Float]

    /// Samples of each channel that are decoded at once.
    private static let blockSamples = 16_384

    /// Reads the header of an open file.
    ///
    /// - Parameter repair: decodes the file by ffmpeg, which goes on after errors; nil if there is none.
    /// - Throws: every ``AudioError`` of reading but `nothingDecodable`, `tooLong` and `notFinite`.
    init(
        _ decoded: DecodedFile,
        repair: @escaping (FFmpeg.KnownDamage) throws -> DecodedFile? = { _ in nil }
    ) throws(AudioError) {
        let (file, plain) = (decoded.file, decoded.plain)
        try file.checkUnchanged()
        path = file.path
        self.file = file
        pieces = decoded.pieces
        foundWarnings = decoded.warnings
        self.repair = repair
        bytesOfNextFile = plain?.nextFile.map { file.sizeBytes - $0 } ?? 0
        if let plain {
            (sampleRateHz, channelCount, hasListedFormat) =
                (plain.sampleRateHz, plain.channelCount, true)
        } else {
            let decoder = SoundDecoder(
                file, pieces.pieces[0], isStated: pieces.statesFrames,
                guessed: pieces.guessedSamples)
            guard let decoder else {
                throw .notAudio(path: file.path, reason: libraryReason(nil))
            }
            (sampleRateHz, channelCount) = (decoder.sampleRateHz, decoder.channelCount)
            hasListedFormat = isListedFormat(decoder.format)
            self.decoder = decoder
        }
        block = []
        if let problem = PlanarAudio.problem(
            channelCount: channelCount, sampleRateHz: sampleRateHz)
        {
            throw .implausibleHeader(path: path, problem: problem)
        }
        block = [Float](repeating: 0, count: Self.blockSamples * channelCount)
        if let plain { decoder = SoundDecoder(file, plain) }
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
    ///   the file was written to since the track was opened; the errors of repairing.
    package func next() throws -> PlanarAudio? {
        if let successor {
            if let audio = try successor.next() {
                decodedSamples += audio.sampleCount
                return audio
            }
            decoder.map(endPiece)
            return nil
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
            if let failure = decoder.failure, pieces.pieces.count == 1, try goOnRepaired(failure) {
                return try next()
            }
            endPiece(decoder)
        }
        try file.checkUnchanged()
        return nil
    }

    /// Goes on where the decoder failed, by another decoder.
    private func goOnRepaired(_ reason: String) throws -> Bool {
        let total =
            if case .samples(let count, _) = decoder?.announced {
                Double(count) / Double(sampleRateHz)
            } else { Double?.none }
        guard
            let repaired = try repair(
                FFmpeg.KnownDamage(reason: reason, totalSeconds: decodedSamples == 0 ? total : nil))
        else { return false }
        let successor = try AudioReader(repaired)
        guard successor.sampleRateHz == sampleRateHz, successor.channelCount == channelCount,
            try successor.skip(decodedSamples) == decodedSamples
        else { return false }
        self.successor = successor
        return true
    }

    /// Keeps the warnings about a part that has ended, and opens the next one.
    private func endPiece(_ ended: SoundDecoder) {
        let damage = pieces.damage.flatMap {
            $0.filledSeconds == nil ? "it is damaged at byte \($0.offset)" : nil
        }
        let count = successor == nil ? ended.decodedSamples : decodedSamples
        if let warning = ended.announced.warning(
            path: path, decodedSamples: count, sampleRateHz: sampleRateHz,
            reason: successor == nil ? ended.failure ?? damage : nil)
        {
            foundWarnings.append(warning)
        } else if let damage {
            foundWarnings.append(
                .truncated(
                    path: path, decodedSeconds: Double(decodedSamples) / Double(sampleRateHz),
                    announcedSeconds: nil, reason: damage))
        }
        decoder = nil
        if bytesOfNextFile > 0 { foundWarnings.append(unread(bytesOfNextFile)) }
        guard nextPiece < pieces.pieces.count else { return }
        let rest = pieces.pieces[nextPiece...]
        // After an error in a part, the next one would come too early.
        if ended.failure == nil {
            decoder = SoundDecoder(file, rest.first ?? [], isStated: pieces.statesFrames)
        }
        nextPiece += 1
        if decoder?.sampleRateHz != sampleRateHz || decoder?.channelCount != channelCount {
            decoder = nil
            let bytes = rest.joined().reduce(0) { $0 + $1.count }
            foundWarnings.append(unread(bytes))
        }
    }

    private func unread(_ bytes: Int) -> AudioWarning {
        .unread(
            path: path, bytes: bytes, afterSeconds: Double(decodedSamples) / Double(sampleRateHz))
    }

    /// Passes over samples without decoding them, where that is exact.
    package func skip(_ count: Int) throws -> Int {
        guard successor == nil, pieces.pieces.count == 1, let decoder else { return 0 }
        let passed = decoder.skip(count)
        decodedSamples += passed
        return passed
    }

    package var warnings: [AudioWarning] {
        var warnings = foundWarnings + (successor?.warnings ?? [])
        if let damage = pieces.damage, let filled = damage.filledSeconds {
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
