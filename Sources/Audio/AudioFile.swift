// Whole files in, whole files out.

/// What a file held.
public struct DecodedAudio: Sendable, Equatable {
    /// The samples as decoded: the file's own rate, all its channels.
    public var buffer: AudioBuffer

    /// What to tell the user, such as that the file is truncated.
    public var warnings: [AudioWarning]
}

/// Reading and writing sound files.
public enum AudioFile {
    /// Samples over all channels that are held in memory: 8 GiB, six hours of stereo.
    private static let maximumValues = 1 << 31

    /// Decodes a whole file: WAV, AIFF, FLAC, Ogg Vorbis, Opus or MP3.
    ///
    /// The length that a file announces is not trusted: a truncated file is read as far as it
    /// decodes, with a warning.
    ///
    /// - Throws: an ``AudioError`` that names the file, if nothing can be decoded or a sample is not
    ///   finite.
    public static func read(_ path: String) throws -> DecodedAudio {
        try read(AudioInput(path: path))
    }

    /// Decodes a whole track.
    ///
    /// - Throws: an ``AudioError`` as of ``read(_:)-(String)``.
    public static func read(_ input: AudioInput) throws(AudioError) -> DecodedAudio {
        let reader = try input.reader()
        var channels = [[Float]](repeating: [], count: reader.channelCount)
        let expected = reader.plausibleSamples
        for channel in channels.indices { channels[channel].reserveCapacity(expected) }
        while try reader.read(appendingTo: &channels) > 0 {
            guard reader.decodedSamples <= maximumValues / reader.channelCount else {
                throw .tooLong(
                    path: reader.path,
                    limitSeconds: Double(maximumValues / reader.channelCount)
                        / Double(reader.sampleRateHz))
            }
        }
        guard reader.decodedSamples > 0 else {
            throw .nothingDecodable(path: reader.path, reason: reader.complaint)
        }
        return DecodedAudio(
            buffer: AudioBuffer(channels: channels, sampleRateHz: reader.sampleRateHz),
            warnings: reader.warnings)
    }

    /// Writes a WAV file; above 4 GiB, its successor RF64.
    ///
    /// The file appears under its name only when it is complete, and replaces one that is there.
    ///
    /// - Parameters:
    ///   - buffer: at least one channel, all equally long.
    ///   - path: its folder must exist.
    ///   - format: how a sample is stored.
    ///   - clip: what happens to samples past full scale.
    /// - Throws: ``AudioError`` `invalidBuffer`, `unwritable`, `writeFailed` or `outputNotFinite`.
    ///
    /// Demucs: `demucs.audio.save_audio`.
    public static func write(
        _ buffer: AudioBuffer, to path: String, format: OutputFormat = OutputFormat(),
        clip: ClipMode = .rescale, tags: AudioTags? = nil
    ) throws(AudioError) {
        try buffer.validate()
        let writer = try AudioWriter(
            to: .file(path), channelCount: buffer.channels.count, sampleRateHz: buffer.sampleRateHz,
            sampleCount: buffer.sampleCount, format: format,
            clipping: clip.clipping(peak: buffer.channels.reduce(0) { max($0, peak(of: $1)) }),
            tags: tags)
        try writer.append(buffer.channels)
        try writer.finish()
    }

    /// The largest magnitude of a signal.
    package static func peak(of signal: [Float]) -> Float {
        signal.reduce(0) { max($0, abs($1)) }
    }
}
