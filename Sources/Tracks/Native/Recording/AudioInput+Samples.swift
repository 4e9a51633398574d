// Tracks that are not files: audio in memory, and pieces that arrive one after the other.

import Signal
import System

extension AudioInput {
    /// A track in memory.
    ///
    /// - Parameter audio: at least one channel and one sample.
    /// - Throws: `SeparationError.invalidAudio`, also for a sample that is not finite;
    ///   ``SeparationError/emptyAudio(channels:samples:)``.
    public init(_ audio: PlanarAudio) throws {
        guard audio.sampleCount > 0 else {
            throw SeparationError.emptyAudio(channels: audio.channelCount, samples: 0)
        }
        try audio.validate()
        self.init(name: "audio in memory") { RangeReader(audio) }
    }

    /// Collects a track that arrives in pieces.
    ///
    /// A track is normalised by its statistics, which are known at its end: until then it is put
    /// into a temporary file, 4 bytes for each sample of each channel.
    ///
    /// - Parameters:
    ///   - pieces: buffers of one rate and number of channels; all samples finite.
    ///   - spoolFolder: folder of the temporary file; `nil` for the system's.
    /// - Throws: ``SeparationError``, `CancellationError`, the errors of the sequence.
    public static func collect<Pieces: AsyncSequence>(
        _ pieces: Pieces, spoolFolder: String? = nil
    ) async throws -> AudioInput where Pieces.Element == PlanarAudio {
        var spooled: SampleSpool?
        for try await piece in pieces where piece.sampleCount > 0 {
            try Task.checkCancellation()
            try piece.validate()
            let spool =
                try spooled
                ?? SampleSpool(
                    in: spoolFolder ?? FilePath.temporaryFolder,
                    channelCount: piece.channelCount, sampleRateHz: piece.sampleRateHz)
            try spool.append(piece)
            spooled = spool
        }
        // A sequence such as AsyncStream just ends when its task is cancelled.
        try Task.checkCancellation()
        guard let spool = spooled else {
            throw SeparationError.emptyAudio(channels: 0, samples: 0)
        }
        try spool.finish()
        return AudioInput(name: "audio in pieces") { spool.reader() }
    }
}

extension RangeReader: RecordingReader {}

extension RecordingReader {
    package var emptyError: any Error {
        SeparationError.emptyAudio(channels: channelCount, samples: 0)
    }
}
