// The public asynchronous functions, which are stopped by cancelling their task. Each runs its
// blocking counterpart on its own thread.

import ModelZoo
import Signal
import System
import Tensor
import Tracks

extension Separator {
    /// Loads a model: a checkpoint, or a bag of several.
    ///
    /// - Parameters:
    ///   - files: the model's files.
    ///   - stems: names of the stems that are wanted; `nil` wants all. Only the models of a bag that
    ///     have a weight in one of them are loaded and run; with shifts, the stems are the same as
    ///     without this limit.
    ///   - threads: how many cores to use; `nil` takes all that this process may run on. Results are
    ///     the same, bit for bit, for any number.
    ///   - segmentsInParallel: how many segments of a track run at once, sharing the threads; no
    ///     more than there are threads. Each takes the memory of a forward pass. Results are the
    ///     same, bit for bit, for any number.
    ///   - precision: the precision of matrix products; `nil` takes INT8 for a model with INT8 weights
    ///     and float32, which alone gives the reference's samples, for all others.
    ///     ``EngineInformation/automaticPrecision(of:)`` is what the command's `auto` takes.
    /// - Throws: `WeightsError`, `ConfigurationError`, `YAMLFileError`, `BagError`,
    ///   ``SeparationError`` for the number of threads or segments and unknown stems; the errors of
    ///   ``EngineInformation/init()``.
    public static func load(
        _ files: ModelFiles, stems: [String]? = nil, threads: Int? = nil,
        segmentsInParallel: Int = 1, precision: Precision? = nil
    ) async throws -> Separator {
        try await onOwnThread { _ in
            let opened = try OpenedModel(files)
            let choice = precision.map(PrecisionChoice.fixed) ?? .ofModel
            return try Separator(
                opened, stems: stems, threads: threads, segmentsInParallel: segmentsInParallel,
                precision: choice.precision(for: opened.int8Support))
        }
    }

    /// Separates a track in memory; cancelling the task stops the work.
    ///
    /// A track of another rate or number of channels is converted first: mono is doubled, further
    /// channels are left out. Stems have the model's rate and channels.
    ///
    /// - Parameters:
    ///   - input: audio in memory or in pieces, or a file.
    ///   - excerpt: the part to separate; `nil` for all of it.
    ///   - options: how the track is cut into segments.
    /// - Throws: ``SeparationError``; the errors of reading a file; `CancellationError`.
    public func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil,
        options: SeparationOptions = SeparationOptions()
    ) async throws -> Separation {
        try await onOwnThread { cancellation in
            try self.separate(
                input, excerpt: excerpt, options: options, cancellation: cancellation)
        }
    }

    /// Separates a track in memory, and tells how far it is.
    ///
    /// The work begins with the iteration and ends with it: cancelling the task stops it, and the
    /// sequence throws `CancellationError`. The last element is the result.
    ///
    /// The parameters and errors are those of ``separate(_:excerpt:options:)``.
    public func updates(
        of input: AudioInput, excerpt: Excerpt? = nil,
        options: SeparationOptions = SeparationOptions()
    ) -> some AsyncSequence<SeparationUpdate<Separation>, any Error> & Sendable {
        updates { cancellation, progress in
            try self.separate(
                input, excerpt: excerpt, options: options, cancellation: cancellation,
                progress: progress)
        }
    }

    /// Separates a track and gives its stems block by block, in memory for a few segments.
    ///
    /// Each block is a stem's next samples for each of the model's sources, all equally long. A block
    /// is separated when it is asked for. The parameters and errors are those of
    /// ``separate(_:excerpt:options:)``.
    public func stems(
        of input: AudioInput, excerpt: Excerpt? = nil,
        options: SeparationOptions = SeparationOptions()
    ) -> some AsyncSequence<[Stem], any Error> & Sendable {
        ProducedSequence {
            let cancellation = CancellationToken()
            var opened: StemBlocks?
            return {
                let blocks =
                    if let opened {
                        opened
                    } else {
                        try await onOwnThread(cancellation) { cancellation in
                            try StemBlocks(
                                self.begin(
                                    input, excerpt: excerpt, options: options,
                                    seed: options.seedOrDrawn(), cancellation: cancellation
                                ).stream)
                        }
                    }
                opened = blocks
                if let block = try await self.next(of: blocks, cancellation) { return block }
                try input.checkUnchanged()
                return nil
            }
        }
    }

    /// Separates audio while it arrives, and gives its stems block by block.
    ///
    /// HTDemucs normalises a track by the statistics of all of it, so the pieces wait in a temporary
    /// file until they end. With `live`, stems leave as soon as its look-ahead has arrived, normalised
    /// by what has arrived so far, and nothing is written to the disk.
    ///
    /// - Parameters:
    ///   - pieces: buffers of one rate and number of channels; all samples finite.
    ///   - live: the look-ahead, hop and window; `nil` for the exact stems after the end.
    ///   - options: how the track is cut into segments; nothing of it with `live`.
    /// - Throws: ``SeparationError``, `CancellationError`, the errors of `pieces`.
    public func stems<Pieces: AsyncSequence & Sendable>(
        of pieces: Pieces, live: LiveOptions? = nil,
        options: SeparationOptions = SeparationOptions()
    ) -> some AsyncSequence<[Stem], any Error> & Sendable where Pieces.Element == PlanarAudio {
        ProducedSequence {
            let cancellation = CancellationToken()
            var arriving = pieces.makeAsyncIterator()
            var opened: StemBlocks?
            return {
                while true {
                    if let opened {
                        if let block = try await self.next(of: opened, cancellation) {
                            return block
                        }
                        if opened.stream.hasEnded { return nil }
                    }
                    guard let piece = try await arriving.next() else {
                        // A sequence such as AsyncStream just ends when its task is cancelled.
                        try Task.checkCancellation()
                        guard let opened else {
                            throw SeparationError.emptyAudio(channels: 0, samples: 0)
                        }
                        try await onOwnThread(cancellation) { _ in try opened.stream.end() }
                        continue
                    }
                    if piece.sampleCount == 0 { continue }
                    try piece.validate()
                    let blocks =
                        try opened
                        ?? StemBlocks(
                            SeparationStream(
                                self, channelCount: piece.channelCount,
                                sampleRateHz: piece.sampleRateHz, live: live, options: options,
                                cancellation: cancellation))
                    try blocks.stream.append(piece)
                    opened = blocks
                }
            }
        }
    }

    private func next(
        of blocks: StemBlocks, _ cancellation: CancellationToken
    ) async throws -> [Stem]? {
        try await onOwnThread(cancellation) { _ in try blocks.stream.next().map(self.stems) }
    }

    /// The updates of a separation that runs on its own thread.
    package func updates<Result: Sendable>(
        _ separate:
            @escaping @Sendable (CancellationToken, (SeparationProgress) -> Void) throws -> Result
    ) -> some AsyncSequence<SeparationUpdate<Result>, any Error> & Sendable {
        ProducedSequence {
            let cancellation = CancellationToken()
            let (stream, continuation) = AsyncThrowingStream<
                SeparationUpdate<Result>, any Error
            >.makeStream()
            // Without a consumer nobody wants the result.
            continuation.onTermination = { _ in cancellation.cancel() }
            let thread = SystemThread {
                do {
                    let result = try separate(cancellation) { progress in
                        if !progress.isBegin { continuation.yield(.progress(progress)) }
                    }
                    continuation.yield(.finished(result))
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            if let thread {
                thread.detach()
            } else {
                continuation.finish(throwing: SystemError.noThread)
            }
            return {
                // The task of its own is not cancelled, so it waits until the work has ended.
                let update = Task {
                    var updates = stream.makeAsyncIterator()
                    return try await updates.next()
                }
                return try await withTaskCancellationHandler {
                    try await update.value
                } onCancel: {
                    cancellation.cancel()
                }
            }
        }
    }
}

/// A stream that one iterator advances, whose `next` is never called twice at once.
private struct StemBlocks: @unchecked Sendable {
    let stream: SeparationStream

    init(_ stream: SeparationStream) { self.stream = stream }
}

/// A sequence of what a function gives until it gives `nil`. In a cancelled task, where an
/// `AsyncThrowingStream` would just end, the function is called as ever: it stops the work and throws.
private struct ProducedSequence<Element: Sendable>: AsyncSequence, Sendable {
    /// Begins an iteration.
    let begin: @Sendable () -> () async throws -> Element?

    init(_ begin: @escaping @Sendable () -> () async throws -> Element?) { self.begin = begin }

    struct AsyncIterator: AsyncIteratorProtocol {
        let produce: () async throws -> Element?

        func next() async throws -> Element? { try await produce() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(produce: begin()) }
}
