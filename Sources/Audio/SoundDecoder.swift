import CSndFile

/// libsndfile, reading a part of a file.
final class SoundDecoder {
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

    /// Opens a sound; nil if libsndfile refuses it, and for samples without compression that aren't there.
    init?(_ sound: Sound) {
        var info = SF_INFO()
        var bytes = sound.order?.bytes ?? 0..<sound.file.sizeBytes
        if let plain = sound.plain {
            guard plain.sampleCount > 0 else { return nil }
            info.format = Int32(SF_FORMAT_RAW | plain.codec)
            info.channels = Int32(plain.channelCount)
            info.samplerate = Int32(plain.sampleRateHz)
            let start = plain.bytes.lowerBound
            bytes = start..<start + plain.sampleCount * plain.bytesPerSample
        }
        cursor = InputCursor(sound.file, bytes, hidesEnd: sound.order?.hidesLength == true)
        guard let handle = cursor.openDecoder(&info) else { return nil }
        self.handle = handle
        (sampleRateHz, channelCount) = (Int(info.samplerate), Int(info.channels))
        let frames = Int(info.frames)
        announcedSamples = frames > 0 && frames < Int.max ? frames : nil
        // Seeking in the others is not exact.
        let isExact = sound.plain != nil || sound.order?.codec == .flac
        let isWhole = sound.order?.oddity == nil && sound.order?.loss == nil
        seekable = isExact && isWhole ? announcedSamples ?? 0 : 0
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
        let passed = max(0, place - decodedSamples)
        decodedSamples += passed
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
