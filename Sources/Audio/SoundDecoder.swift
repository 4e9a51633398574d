import CSndFile

/// libsndfile, reading a part of a file.
final class SoundDecoder {
    let format: Int32
    let sampleRateHz: Int
    let channelCount: Int
    /// Samples of each channel by libsndfile, at which it stops; nil if it doesn't know.
    let announcedSamples: Int?

    /// Samples of each channel that have been decoded or passed.
    private(set) var decodedSamples = 0
    /// The text of the first error.
    private(set) var failure: String?

    private let cursor: InputCursor
    private let handle: OpaquePointer
    /// Samples up to which seeking is exact.
    private let seekable: Int

    /// Opens a sound by its header; nil if libsndfile refuses it.
    init?(_ file: InputFile, _ order: FrameOrder?) {
        var info = SF_INFO()
        cursor = InputCursor(
            file, order?.bytes ?? 0..<file.sizeBytes, hidesEnd: order?.hidesLength == true)
        guard let handle = cursor.openDecoder(&info) else { return nil }
        self.handle = handle
        format = info.format
        (sampleRateHz, channelCount) = (Int(info.samplerate), Int(info.channels))
        let frames = Int(info.frames)
        announcedSamples = frames > 0 && frames < Int.max ? frames : nil
        // Seeking in the others is not exact.
        let isFLAC = Int(format) & SF_FORMAT_TYPEMASK == SF_FORMAT_FLAC
        seekable = isFLAC && order?.oddity == nil && order?.loss == nil ? max(0, frames) : 0
    }

    /// Opens samples without compression; nil if there are none.
    init?(_ file: InputFile, _ sound: PlainSound) {
        let present = sound.sampleCount * sound.bytesPerSample
        guard present > 0 else { return nil }
        var info = SF_INFO()
        info.format = Int32(SF_FORMAT_RAW | sound.codec)
        info.channels = Int32(sound.channelCount)
        info.samplerate = Int32(sound.sampleRateHz)
        let start = sound.bytes.lowerBound
        cursor = InputCursor(file, start..<start + present, hidesEnd: false)
        guard let handle = cursor.openDecoder(&info) else { return nil }
        self.handle = handle
        format = info.format
        (sampleRateHz, channelCount) = (sound.sampleRateHz, sound.channelCount)
        (announcedSamples, seekable) = (sound.sampleCount, sound.sampleCount)
    }

    deinit { sf_close(handle) }

    /// Decodes interleaved samples.
    ///
    /// - Returns: samples of each channel; 0 at the end and after an error.
    func read(into block: inout [Float], _ samples: Int) -> Int {
        guard failure == nil else { return 0 }
        let count = max(0, Int(sf_readf_float(handle, &block, sf_count_t(samples))))
        if sf_error(handle) != SF_ERR_NO_ERROR { failure = libraryReason(handle) }
        decodedSamples += count
        return count
    }

    /// Passes over samples, where that is exact.
    ///
    /// - Returns: samples that were passed.
    func skip(_ count: Int) -> Int {
        let target = min(decodedSamples + count, seekable)
        guard target > decodedSamples, failure == nil else { return 0 }
        let place = Int(sf_seek(handle, sf_count_t(target), Int32(SEEK_SET)))
        guard place > decodedSamples else { return 0 }
        let passed = place - decodedSamples
        decodedSamples = place
        return passed
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
