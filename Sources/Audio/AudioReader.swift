// Decoding, block by block, through libsndfile.

import CSndFile
import DemucsEngine

/// A sound file that is being decoded, at its own rate and with all its channels.
///
/// WAV and AIFF of PCM or floats, FLAC, Ogg Vorbis, Opus, MP3. Encoder delay is trimmed where the file
/// states it. Used by one thread at a time.
package final class AudioReader: RecordingReader {
    package let path: String
    package let sampleRateHz: Int
    package let channelCount: Int
    /// Whether libsndfile takes the file for one of the listed formats.
    let hasListedFormat: Bool

    /// Samples of each channel that have been decoded.
    private var decodedSamples = 0

    private let file: InputFile
    private let cursor: InputCursor
    private let handle: OpaquePointer
    private let announced: AnnouncedLength

    /// The decoder's error text, if there is one.
    private(set) var decoderError: String?

    /// Interleaved samples of one block.
    private var block: [Float]

    /// Samples of each channel that are decoded at once.
    private static let blockSamples = 16_384

    /// Reads the header of an open file.
    ///
    /// - Throws: every ``AudioError`` of reading but `nothingDecodable`, `tooLong` and `notFinite`.
    init(file: InputFile) throws(AudioError) {
        try file.checkUnchanged()
        var info = SF_INFO()
        let cursor = InputCursor(file)
        let path = file.path
        guard let handle = cursor.openDecoder(&info) else {
            throw .notAudio(path: path, reason: libraryReason(nil))
        }
        self.path = path
        self.file = file
        self.cursor = cursor
        self.handle = handle
        sampleRateHz = Int(info.samplerate)
        channelCount = Int(info.channels)
        announced = AnnouncedLength(of: file, format: info.format, frames: Int(info.frames))
        block = []
        hasListedFormat = isListedFormat(info.format)
        // From here on deinit closes the handle, even if this throws.
        if let problem = PlanarAudio.problem(
            channelCount: channelCount, sampleRateHz: sampleRateHz)
        {
            throw .implausibleHeader(path: path, problem: problem)
        }
        block = [Float](repeating: 0, count: Self.blockSamples * channelCount)
    }

    deinit {
        sf_close(handle)
    }

    /// The announced length, but never more than the file's size makes plausible.
    package var plausibleSamples: Int {
        // The densest coder in use (speech at 8 kbit/s) packs some 50 samples into a byte.
        let (most, overflow) = file.sizeBytes.multipliedReportingOverflow(by: 50)
        let bound = min(overflow ? Int.max : most, 1 << 26) / channelCount
        switch announced {
        case .samples(let count, _): return min(count, bound)
        case .bytes(_, let present): return min(present / channelCount, bound)
        case .endMissing, .unknown: return 0
        }
    }

    /// Decodes the next samples.
    ///
    /// - Returns: `nil` at the end, or where decoding can't go on.
    /// - Throws: `notFinite` for the first sample that is NaN or infinite; `changed` at the end, if
    ///   the file was written to since the track was opened.
    package func next() throws(AudioError) -> PlanarAudio? {
        let count = Int(sf_readf_float(handle, &block, sf_count_t(Self.blockSamples)))
        if decoderError == nil, sf_error(handle) != SF_ERR_NO_ERROR {
            decoderError = libraryReason(handle)
        }
        if let failure = cursor.failure { decoderError = failure }
        guard count > 0 else {
            try file.checkUnchanged()
            return nil
        }
        try checkFinite(count * channelCount)
        decodedSamples += count
        return block.withUnsafeBufferPointer {
            PlanarAudio(
                interleaved: UnsafeBufferPointer(rebasing: $0[..<(count * channelCount)]),
                channelCount: channelCount, sampleRateHz: sampleRateHz)
        }
    }

    /// Title, artist and so on, as far as the file states them.
    var tags: AudioTags { AudioTags(of: handle, in: file) }

    package var warnings: [AudioWarning] {
        let truncation = announced.warning(
            path: path, decodedSamples: decodedSamples, sampleRateHz: sampleRateHz,
            reason: decoderError)
        return file.warnings + (truncation.map { [$0] } ?? [])
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
