// The same from asynchronous code: nothing blocks, and cancelling the task stops the work.

import Audio
import Foundation
import HTDemucs

extension Separator {
    /// Separates a track without blocking the caller; cancelling its task stops the work.
    ///
    /// ```swift
    /// let (steps, progress) = AsyncStream.makeStream(of: SeparationProgress.self)
    /// async let separation = separator.separate(audio, progress: progress)
    /// for await step in steps { print(step.audioSecondsDone) }
    /// let vocals = try await separation["vocals"]
    /// ```
    ///
    /// - Parameters:
    ///   - audio: at least one sample; all samples finite.
    ///   - options: how it is cut into segments.
    ///   - progress: takes a value before the first and after each segment, and is finished when the
    ///     work ends, however it does.
    /// - Throws: `SeparationError`, `AudioError`, `CancellationError`.
    public func separate(
        _ audio: AudioBuffer, options: SeparationOptions = SeparationOptions(),
        progress: AsyncStream<SeparationProgress>.Continuation? = nil
    ) async throws -> Separation {
        try await detached(progress) { cancellation, report in
            try self.separate(
                audio, options: options, cancellation: cancellation, progress: report)
        }
    }

    /// Separates a track into files without blocking the caller; cancelling its task stops the work.
    ///
    /// - Parameters:
    ///   - input: an opened track.
    ///   - excerpt: the part to separate; `nil` for all of it.
    ///   - outputs: at least one; folders have to be there.
    ///   - output: how signals are written.
    ///   - options: how the track is cut into segments.
    ///   - progress: takes a value before the first and after each segment, and is finished when the
    ///     work ends, however it does.
    /// - Throws: `SeparationError`, `AudioError`, `CancellationError`.
    public func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil, into outputs: [StemOutput],
        output: OutputOptions = OutputOptions(),
        options: SeparationOptions = SeparationOptions(),
        progress: AsyncStream<SeparationProgress>.Continuation? = nil
    ) async throws -> TrackReport {
        try await detached(progress) { cancellation, report in
            try self.separate(
                input, excerpt: excerpt, into: outputs, output: output, options: options,
                cancellation: cancellation, progress: report)
        }
    }

    /// Separates a track that arrives in pieces, into files; cancelling its task stops the work.
    ///
    /// A track is normalised by its statistics, which are known at its end: until then it is put
    /// into a temporary file, 4 bytes for each sample of each channel.
    ///
    /// - Parameters:
    ///   - buffers: of one rate and number of channels; all samples finite.
    ///   - outputs: at least one; folders have to be there.
    ///   - output: how signals are written.
    ///   - options: how the track is cut into segments.
    ///   - progress: takes a value before the first and after each segment, and is finished when the
    ///     work ends, however it does.
    /// - Throws: `SeparationError`, `AudioError`, `CancellationError`, what the sequence throws.
    public func separate<Buffers: AsyncSequence & Sendable>(
        _ buffers: Buffers, into outputs: [StemOutput],
        output: OutputOptions = OutputOptions(),
        options: SeparationOptions = SeparationOptions(),
        progress: AsyncStream<SeparationProgress>.Continuation? = nil
    ) async throws -> TrackReport where Buffers.Element == AudioBuffer {
        defer { progress?.finish() }
        var spooled: SpooledRecording?
        for try await buffer in buffers where buffer.sampleCount > 0 {
            try Task.checkCancellation()
            let recording =
                try spooled
                ?? SpooledRecording(
                    like: buffer, in: output.spoolFolder ?? NSTemporaryDirectory())
            try recording.append(buffer)
            spooled = recording
        }
        guard let recording = spooled else {
            throw SeparationError.emptyAudio(channels: 0, samples: 0)
        }
        try recording.spool.finish()
        return try await detached(progress) { cancellation, report in
            try self.separate(
                self.recording(downmix: output.downmix) { SpoolReader(recording) }, tags: nil,
                into: outputs, output: output, options: options, cancellation: cancellation,
                progress: report)
        }
    }

    /// Runs work on a thread of its own: it would hold up the few that run tasks.
    private func detached<Value: Sendable>(
        _ progress: AsyncStream<SeparationProgress>.Continuation?,
        _ work:
            @escaping @Sendable (
                CancellationToken, (SeparationProgress) -> Void
            ) throws -> Value
    ) async throws -> Value {
        defer { progress?.finish() }
        let cancellation = CancellationToken()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result { try work(cancellation) { progress?.yield($0) } })
                }
            }
        } onCancel: {
            cancellation.cancel()
        }
    }
}
