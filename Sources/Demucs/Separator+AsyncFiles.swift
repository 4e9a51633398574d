// The public asynchronous functions of files, which are stopped by cancelling their task. Each runs
// its blocking counterpart on its own thread.

import Audio
import DemucsEngine
import Signal
import System
import Tracks

extension Separator {
    /// Separates a track into files; cancelling the task stops the work.
    ///
    /// The track is read twice: once for its length and statistics, once for its segments. Stems
    /// are encoded as they leave the network. With the clip mode `rescale` they are also kept in
    /// temporary files, 4 bytes for each sample of each output, and encoded again if they clip.
    /// Files appear under their names when they are complete.
    ///
    /// Only the models that the outputs need run; samples are the same as if all did.
    /// - Parameters:
    ///   - input: a file, audio in memory, or pieces: see `AudioInput`.
    ///   - excerpt: the part to separate; `nil` for all of it.
    ///   - outputs: at least one, with names and files of their own, none of them the input; folders
    ///     have to exist.
    ///   - output: how signals are written. Names that end in .wav, .flac or .mp3 must fit the format.
    ///   - options: how the track is cut into segments.
    /// - Throws: ``SeparationError``, `AudioError`, `CancellationError`. Files that were complete by
    ///   then stay.
    @discardableResult
    public func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil, into outputs: [StemOutput],
        output: OutputOptions = OutputOptions(),
        options: SeparationOptions = SeparationOptions()
    ) async throws -> TrackReport {
        try await onOwnThread { cancellation in
            try self.separate(
                input, excerpt: excerpt, into: outputs, output: output, options: options,
                cancellation: cancellation)
        }
    }

    /// Separates a track into a folder: a file for each stem, `vocals.wav`.
    ///
    /// As ``separate(_:excerpt:into:output:options:)``, but the folder is made if there is none.
    @discardableResult
    public func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil, intoFolder folder: String,
        output: OutputOptions = OutputOptions(),
        options: SeparationOptions = SeparationOptions()
    ) async throws -> TrackReport {
        try Task.checkCancellation()
        let isNew = !FilePath.isFolder(folder)
        do throws(SystemError) { try FilePath.makeFolder(folder) } catch {
            throw AudioError.unwritable(path: folder, reason: "\(error)")
        }
        do {
            return try await separate(
                input, excerpt: excerpt,
                into: StemOutput.all(of: model, in: folder, format: output.format), output: output,
                options: options)
        } catch {
            // Of an empty folder; one with files stays.
            if isNew { rmdir(folder) }
            throw error
        }
    }

    /// Separates a track into files, and tells how far it is.
    ///
    /// The work begins with the iteration and ends with it: cancelling the task stops it, and the
    /// sequence throws `CancellationError`. The last element is the report.
    ///
    /// The parameters and errors are those of ``separate(_:excerpt:into:output:options:)``.
    public func updates(
        of input: AudioInput, excerpt: Excerpt? = nil, into outputs: [StemOutput],
        output: OutputOptions = OutputOptions(),
        options: SeparationOptions = SeparationOptions()
    ) -> some AsyncSequence<SeparationUpdate<TrackReport>, any Error> & Sendable {
        updates { cancellation, progress in
            try self.separate(
                input, excerpt: excerpt, into: outputs, output: output, options: options,
                cancellation: cancellation, progress: progress)
        }
    }
}

extension AudioInput {
    /// Opens a track and reads its header.
    ///
    /// - Parameters:
    ///   - path: a file, or a named pipe, which is read to its end.
    ///   - spoolFolder: folder of the temporary copy that unseekable input and formats that ffmpeg
    ///     decodes need; `nil` for the system's. ffmpeg makes 1.3 GB of an hour of stereo.
    /// - Throws: `AudioError`, `CancellationError`.
    public static func open(_ path: String, spoolFolder: String? = nil) async throws -> AudioInput {
        try await onOwnThread { cancellation in
            try AudioInput(
                path: path, spool: Spool(folder: spoolFolder) { cancellation.isCancelled })
        }
    }
}

extension AudioFile {
    /// Decodes a whole file at its own rate, with all its channels.
    ///
    /// A truncated file is read as far as it decodes, with a warning.
    ///
    /// - Throws: an `AudioError` that names the file, if nothing can be decoded or a sample is not
    ///   finite.
    public static func read(_ path: String) async throws -> DecodedAudio {
        try await onOwnThread { _ in try read(path) }
    }

    /// Writes a sound file, which appears under its name when it is complete.
    ///
    /// - Parameters:
    ///   - audio: at least one channel, all equally long.
    ///   - path: its folder must exist. An existing file is replaced.
    ///   - format: the container, and how a sample is stored; `nil` for the one that the name's
    ///     extension says: WAV or FLAC of 16 bits, or MP3.
    ///   - clip: how samples beyond full scale are brought into range.
    ///   - tags: title, artist and so on; `nil` for none.
    /// - Throws: `AudioError`.
    public static func write(
        _ audio: PlanarAudio, to path: String, format: OutputFormat? = nil,
        clip: ClipMode = .rescale, tags: AudioTags? = nil
    ) async throws {
        try await onOwnThread { _ in
            try write(audio, to: path, format: format, clip: clip, tags: tags)
        }
    }
}
