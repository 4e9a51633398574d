// Chunks of a track, cut while it is decoded.

import Audio
import Demucs
import HTDemucs
import Tensor

/// A measured track that gives normalised chunks, in memory for one of them.
struct TrackChunks {
    let channelCount: Int
    let backend: Backend

    /// Calls `body` with one chunk after the other, zeros behind the track's end.
    ///
    /// - Parameters:
    ///   - track: at its beginning.
    ///   - starts: positions in the track, rising.
    ///   - length: samples of a chunk.
    ///   - body: is given the chunk's index in `starts` and `[channels, length]`, normalised.
    /// - Throws: what reading and `body` throw, `CancellationError`.
    func forEach(
        in track: NormalizedSource, at starts: [Int], length: Int, cancellation: CancellationToken,
        _ body: (_ index: Int, _ chunk: Tensor) throws -> Void
    ) throws {
        var window = TrackWindow(track, channelCount: channelCount)
        for (index, start) in starts.enumerated() {
            try cancellation.check()
            window.forget(before: start)
            try window.fill(to: start + length)
            window.forget(before: start)
            let chunk = backend.tensor([channelCount, length])
            window.read(from: start, into: chunk)
            try body(index, chunk)
        }
    }
}
