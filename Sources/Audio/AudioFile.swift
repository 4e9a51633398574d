// Reads and writes whole sound files, by an interface with types of Tracks.

import Signal
import System
@_exported import Tracks

/// The content of a sound file.
public struct DecodedAudio: Sendable, Equatable {
    /// The samples as decoded: the file's own rate, all its channels.
    public var buffer: PlanarAudio

    /// Problems that did not stop the decoding, such as a truncated file.
    public var warnings: [AudioWarning]
}

/// Reading and writing whole sound files.
public enum AudioFile {
    /// Most samples that are held in memory, over all channels: 8 GiB, six hours of stereo.
    private static let maximumValues = 1 << 31

    package static func read(_ path: String) throws -> DecodedAudio {
        try read(AudioInput(path: path))
    }

    /// Decodes a whole track.
    ///
    /// The length that a file announces is not trusted: a truncated file is read as far as it
    /// decodes, with a warning.
    ///
    /// - Throws: an ``AudioError`` that names the track, if nothing can be decoded or a sample is
    ///   not finite.
    package static func read(_ input: AudioInput) throws -> DecodedAudio {
        let reader = try input.reader()
        var audio = PlanarAudio(
            channelCount: reader.channelCount, sampleRateHz: reader.sampleRateHz,
            capacity: reader.plausibleSamples)
        let limit = maximumValues / reader.channelCount
        while let block = try reader.next() {
            audio.append(block)
            guard audio.sampleCount <= limit else {
                throw AudioError.tooLong(
                    path: input.name, limitSeconds: Double(limit) / Double(reader.sampleRateHz))
            }
        }
        if audio.sampleCount == 0 { throw reader.emptyError }
        return DecodedAudio(buffer: audio, warnings: reader.warnings)
    }

    /// Writes a sound file.
    ///
    /// The asynchronous `write(_:to:format:clip:tags:)` of Demucs describes the parameters.
    ///
    /// - Throws: ``AudioError`` `invalidAudio`, `unsupportedOutput`, `unwritable`, `writeFailed` or
    ///   `outputNotFinite`.
    ///
    /// Demucs: `demucs.audio.save_audio`.
    package static func write(
        _ audio: PlanarAudio, to path: String, format: OutputFormat? = nil,
        clip: ClipMode = .rescale, tags: AudioTags? = nil
    ) throws(AudioError) {
        if let problem = audio.problem(checksSamples: false) {
            throw .invalidAudio(problem: problem)
        }
        let format = try OutputFormat(format, ofFile: path)
        let writer = try AudioWriter(
            to: .file(path), channelCount: audio.channelCount, sampleRateHz: audio.sampleRateHz,
            sampleCount: audio.sampleCount, format: format,
            clip: clip, divisor: clip.divisor(peak: audio.peak), tags: tags)
        try writer.append(audio)
        try writer.finish()
    }
}

extension OutputFormat {
    /// The format of a file: the given one, or else that of the name's extension.
    ///
    /// - Parameters:
    ///   - sampleFormat: of a format that isn't given.
    ///   - mp3: of a format that isn't given.
    /// - Throws: ``AudioError/unsupportedOutput(path:problem:)`` if name and format contradict each
    ///   other, or neither says a format.
    package init(
        _ given: OutputFormat?, ofFile path: String, sampleFormat: SampleFormat = .int16,
        mp3: MP3Settings = MP3Settings()
    ) throws(AudioError) {
        let fileExtension = FilePath.pathExtension(of: path).lowercased()
        let named = Container.named(mp3: mp3).first { $0.row.name == fileExtension }
            .map { OutputFormat(container: $0, sampleFormat: sampleFormat) }
        guard let format = given ?? named else {
            throw .unsupportedOutput(
                path: path,
                problem: "its name doesn't end in \(Container.endings), and no format is given")
        }
        if let named, named.fileExtension != format.fileExtension {
            throw .unsupportedOutput(
                path: path,
                problem: "its name ends in .\(named.fileExtension), and the format is "
                    + format.fileExtension.uppercased())
        }
        self = format
    }
}
