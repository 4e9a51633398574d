import CSndFile

/// libsndfile, reading one part of a file.
final class SoundDecoder {
    let format: Int32
    let sampleRateHz: Int
    let channelCount: Int
    let announced: AnnouncedLength

    /// Samples of each channel that have been decoded or passed.
    private(set) var decodedSamples = 0
    /// The text of the first error.
    private(set) var failure: String?

    private let cursor: InputCursor
    private let handle: OpaquePointer
    /// Samples up to which seeking is exact.
    private let seekable: Int

    /// Opens a part by the header in it; nil if libsndfile refuses it.
    ///
    /// - Parameter isStated: whether an MP3 states the number of its frames.
    init?(_ file: InputFile, _ spans: [ByteSpan], isStated: Bool) {
        var info = SF_INFO()
        cursor = InputCursor(file, spans)
        guard let handle = cursor.openDecoder(&info) else { return nil }
        self.handle = handle
        format = info.format
        (sampleRateHz, channelCount) = (Int(info.samplerate), Int(info.channels))
        announced = AnnouncedLength(
            format: info.format, frames: Int(info.frames), isStated: isStated)
        // Seeking in the others is not exact.
        seekable = Int(format) & SF_FORMAT_TYPEMASK == SF_FORMAT_FLAC ? Int(info.frames) : 0
    }

    /// Opens samples without compression; nil if there are none.
    init?(_ file: InputFile, _ sound: PlainSound) {
        let present = sound.bytes.count / sound.bytesPerSample * sound.bytesPerSample
        guard present > 0 else { return nil }
        var info = SF_INFO()
        info.format = Int32(SF_FORMAT_RAW | sound.codec)
        info.channels = Int32(sound.channelCount)
        info.samplerate = Int32(sound.sampleRateHz)
        let start = sound.bytes.lowerBound
        cursor = InputCursor(file, [.file(start..<start + present)])
        guard let handle = cursor.openDecoder(&info) else { return nil }
        self.handle = handle
        format = info.format
        (sampleRateHz, channelCount) = (sound.sampleRateHz, sound.channelCount)
        announced =
            sound.announcedBytes.map { .bytes(announced: $0, present: sound.bytes.count) }
            ?? .unknown
        seekable = Int(info.frames)
    }

    deinit { sf_close(handle) }

    /// Decodes interleaved samples.
    ///
    /// - Returns: samples of each channel; 0 at the end and after an error.
    func read(into block: inout [Float], _ samples: Int) -> Int {
        let count = Int(sf_readf_float(handle, &block, sf_count_t(samples)))
        if sf_error(handle) != SF_ERR_NO_ERROR { failure = libraryReason(handle) }
        decodedSamples += max(0, count)
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
