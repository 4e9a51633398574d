/// A sound file or a stream that is being written.
///
/// A file has a temporary name in the same folder until ``finish()``; without that call no file is
/// left behind. Equal samples and tags give equal bytes. Used by one thread at a time.
package final class AudioWriter {
    private let sink: OutputSink
    private let encoder: any SampleEncoder
    private let channelCount: Int
    private let sampleRateHz: Int
    private let sampleCount: Int?
    private let clip: ClipMode
    private let divisor: Float
    private let rounding: IntegerRounding
    private var writtenSamples = 0
    private var block: EncodedBlock

    /// Samples of each channel that are encoded at once.
    private static let blockSamples = 16_384

    /// Opens the temporary file, or begins the stream.
    ///
    /// - Parameters:
    ///   - destination: where the bytes go.
    ///   - sampleCount: samples of each channel that will follow; nil if unknown. A file may get
    ///     fewer; a WAV stream must get exactly this number, because its header is sent first.
    ///   - clip: how samples beyond full scale are brought into range.
    ///   - divisor: number that divides every sample, with the clip mode `rescale`.
    ///   - rounding: `nearest` for samples that come from files.
    ///   - tags: title, artist and so on; raw samples have no place for them.
    /// - Throws: ``AudioError`` `unsupportedOutput` or `unwritable`, or the errors of ``finish()``.
    package init(
        to destination: OutputDestination, channelCount: Int, sampleRateHz: Int, sampleCount: Int?,
        format: OutputFormat, clip: ClipMode, divisor: Float = 1,
        rounding: IntegerRounding = .towardZero, tags: AudioTags? = nil
    ) throws(AudioError) {
        if let problem = format.problem(channelCount: channelCount, sampleRateHz: sampleRateHz) {
            throw .unsupportedOutput(path: destination.name, problem: problem)
        }
        let stored = format.storedFormat
        if clip == .off, stored != .float32 {
            throw .unsupportedOutput(
                path: destination.name,
                problem: "only float32 keeps samples beyond ±1, as the clip mode 'off' wants")
        }
        sink = try OutputSink(destination)
        switch format.container {
        case .wav:
            let header = WAVHeader(
                channelCount: channelCount, sampleRateHz: sampleRateHz, format: stored, tags: tags)
            encoder = PCMEncoder(to: sink, header: header, sampleCount: sampleCount)
        case .rawFloat32:
            encoder = PCMEncoder(to: sink, header: nil, sampleCount: sampleCount)
        case .flac:
            encoder = try FLACEncoder(
                to: sink, channelCount: channelCount, sampleRateHz: sampleRateHz, format: stored,
                tags: tags)
        case .mp3(let settings):
            encoder = try MP3Encoder(
                to: sink, channelCount: channelCount, sampleRateHz: sampleRateHz,
                settings: settings, tags: tags)
        }
        self.channelCount = channelCount
        self.sampleRateHz = sampleRateHz
        self.sampleCount = sampleCount
        self.clip = clip
        self.divisor = divisor
        self.rounding = rounding
        block = EncodedBlock(
            samples: Self.blockSamples, channelCount: channelCount, format: stored)
        // From here on deinit removes the file.
        if let failure = sink.failure { throw failure }
    }

    deinit { discard() }

    /// Appends samples.
    ///
    /// - Parameter audio: as many channels as the file, all equally long.
    /// - Throws: ``AudioError`` `encodingFailed`, `writeFailed`, `readerGone` or `outputNotFinite`; the
    ///   file is gone then.
    package func append(_ audio: PlanarAudio) throws(AudioError) {
        precondition(sink.isOpen && audio.channelCount == channelCount)
        let count = audio.sampleCount
        precondition(writtenSamples + count <= sampleCount ?? .max)
        for start in stride(from: 0, to: count, by: Self.blockSamples) {
            do {
                try appendBlock(audio, start..<min(start + Self.blockSamples, count))
            } catch {
                discard()
                throw error
            }
        }
    }

    private func appendBlock(
        _ audio: PlanarAudio, _ samples: Range<Int>
    ) throws(AudioError) {
        block.fill(audio, samples)
        if let index = block.firstNotFinite {
            throw .outputNotFinite(
                path: sink.name,
                seconds: Double(writtenSamples + index / channelCount) / Double(sampleRateHz),
                channel: index % channelCount)
        }
        block.encode(clip, divisor: divisor, rounding: rounding)
        try encoder.append(block)
        if let failure = sink.failure { throw failure }
        writtenSamples += samples.count
    }

    /// Samples, counted in all channels, that ±1 limited with the clip mode `none`.
    package var limitedSamples: Int { block.limitedSamples }

    /// Replaces the tags, before the end of a file whose first tags left room. Tags of a stream stay.
    package func replaceTags(_ tags: AudioTags) { encoder.replaceTags(tags) }

    /// Completes the file and gives it its name.
    ///
    /// - Returns: length of the file or the stream, and its checksum in 64 hexadecimal digits.
    /// - Throws: ``AudioError`` `encodingFailed`, `writeFailed` or `readerGone`; the file is gone then.
    @discardableResult
    package func finish() throws(AudioError) -> (count: Int, sha256: String) {
        precondition(sink.isOpen)
        do {
            try encoder.finish(sampleCount: writtenSamples)
        } catch {
            discard()
            throw error
        }
        return try sink.complete()
    }

    /// Removes an unfinished file. Bytes that went to a stream stay there.
    package func discard() { sink.discard() }
}
