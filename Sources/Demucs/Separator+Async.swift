// The public asynchronous functions, which are stopped by cancelling their task. Each runs its
// blocking counterpart on its own thread.

import Audio
import ModelZoo
import System
import Tensor

extension Separator {
    /// Loads a model: a checkpoint, or a bag of several.
    ///
    /// - Parameters:
    ///   - files: the model's files, as `ModelStore` finds them.
    ///   - stems: names of the stems that are wanted; `nil` wants all. Only the models of a bag that
    ///     have a weight in one of them are loaded and run; with shifts, the stems are the same as
    ///     without this limit.
    ///   - threads: how many cores to use; `nil` takes all that this process may run on. Results are
    ///     the same, bit for bit, for any number.
    ///   - segmentsInParallel: how many segments of a track run at once, sharing the threads; no
    ///     more than there are threads. Each takes the memory of a forward pass. Results are the
    ///     same, bit for bit, for any number.
    ///   - precision: the precision of matrix products. Only float32 gives the reference's samples.
    /// - Throws: `WeightsError`, `ConfigurationError`, `BagError`, ``SeparationError`` for the number
    ///   of threads or segments and unknown stems; the errors of ``EngineInformation/init()``.
    public static func load(
        _ files: ModelFiles, stems: [String]? = nil, threads: Int? = nil,
        segmentsInParallel: Int = 1, precision: Precision = .float32
    ) async throws -> Separator {
        try await onOwnThread { _ in
            try Separator(
                OpenedModel(files), stems: stems, threads: threads,
                segmentsInParallel: segmentsInParallel, precision: precision)
        }
    }

    /// Separates a track in memory; cancelling the task stops the work.
    ///
    /// A track of another rate or number of channels is converted first: mono is doubled, further
    /// channels are left out. Stems have the model's rate and channels.
    ///
    /// - Parameters:
    ///   - input: a file, audio in memory, or pieces: see `AudioInput`.
    ///   - excerpt: the part to separate; `nil` for all of it.
    ///   - options: how the track is cut into segments.
    ///   - progress: called before the first and after each segment, on a thread of the engine.
    /// - Throws: ``SeparationError``; `AudioError` for a track that can't be read or converted;
    ///   `CancellationError`.
    public func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil,
        options: SeparationOptions = SeparationOptions(),
        progress: @escaping @Sendable (SeparationProgress) -> Void = { _ in }
    ) async throws -> Separation {
        try await onOwnThread { cancellation in
            try self.separate(
                input, excerpt: excerpt, options: options, cancellation: cancellation,
                progress: { if !$0.isBegin { progress($0) } })
        }
    }

    /// Separates a track into files; cancelling the task stops the work.
    ///
    /// The track is read twice: once for its length and statistics, once for its segments. Stems
    /// are encoded as they leave the network. With the clip mode `rescale` they wait in temporary
    /// files for their peak: 4 bytes for each sample of each output. Files appear under their names
    /// when they are complete.
    ///
    /// Only the models that the outputs need run; samples are the same as if all did.
    /// - Parameters:
    ///   - input: a file, audio in memory, or pieces: see `AudioInput`.
    ///   - excerpt: the part to separate; `nil` for all of it.
    ///   - outputs: at least one; folders have to exist.
    ///   - output: how signals are written.
    ///   - options: how the track is cut into segments.
    ///   - progress: called before the first and after each segment, on a thread of the engine.
    /// - Throws: ``SeparationError``, `AudioError`, `CancellationError`. Files that were complete by
    ///   then stay.
    @discardableResult
    public func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil, into outputs: [StemOutput],
        output: OutputOptions = OutputOptions(),
        options: SeparationOptions = SeparationOptions(),
        progress: @escaping @Sendable (SeparationProgress) -> Void = { _ in }
    ) async throws -> TrackReport {
        try await onOwnThread { cancellation in
            try self.separate(
                input, excerpt: excerpt, into: outputs, output: output, options: options,
                cancellation: cancellation, progress: { if !$0.isBegin { progress($0) } })
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
    ///   - format: the container, and how a sample is stored.
    ///   - clip: how samples beyond full scale are brought into range.
    ///   - tags: title, artist and so on; `nil` for none.
    /// - Throws: `AudioError`.
    public static func write(
        _ audio: PlanarAudio, to path: String, format: OutputFormat = OutputFormat(),
        clip: ClipMode = .rescale, tags: AudioTags? = nil
    ) async throws {
        try await onOwnThread { _ in
            try write(audio, to: path, format: format, clip: clip, tags: tags)
        }
    }
}

/// Runs blocking work on its own thread, because it would block the few threads that run tasks.
///
/// - Parameter work: receives a token that is cancelled with the task.
package func onOwnThread<Value: Sendable>(
    _ work: @escaping @Sendable (CancellationToken) throws -> Value
) async throws -> Value {
    let cancellation = CancellationToken()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            let thread = SystemThread {
                continuation.resume(with: Result { try work(cancellation) })
            }
            guard let thread else {
                return continuation.resume(throwing: SystemError(code: EAGAIN))
            }
            thread.detach()
        }
    } onCancel: {
        cancellation.cancel()
    }
}
