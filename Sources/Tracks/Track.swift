// Also Embedded Swift: typed throws, no key paths, no casts.
// A track in a model's channels and rate. It is read twice: a first pass for its length and
// statistics, because announced lengths can't be trusted, then a pass for its segments.
// Reference: `Separator.separate_tensor` in demucs/api.py.

import Signal
import System
import Tensor

/// A track that has been read once, and can be read again any number of times.
package struct Track {
    /// Statistics of the whole track, at the model's rate.
    package let statistics: TrackStatistics

    /// Channels and rate of the model.
    package let channelCount: Int
    package let sampleRateHz: Int
    private let openStream: () throws(AnyError) -> TrackStream

    /// Samples of each channel at the model's rate, at least 1.
    package var sampleCount: Int { statistics.sampleCount }

    /// Reads a track to its end.
    ///
    /// - Parameters:
    ///   - first: the first pass.
    ///   - open: begins another pass.
    /// - Throws: `SeparationError.emptyAudio` if nothing is left at the model's rate,
    ///   `SeparationError.tooLoud`, `CancellationError`; the errors of the pass.
    package init(
        _ first: TrackStream, cancellation: CancellationToken,
        reopening open: @escaping () throws(AnyError) -> TrackStream
    ) throws(AnyError) {
        openStream = open
        channelCount = first.channelCount
        sampleRateHz = first.sampleRateHz
        var statistics = TrackStatistics()
        while let block = try first.next() {
            do { try cancellation.check() } catch { throw error.erased }
            statistics.add(block)
        }
        guard statistics.sampleCount > 0 else {
            throw SeparationError.emptyAudio(channels: channelCount, samples: 0).erased
        }
        guard statistics.mean.isFinite, statistics.scale.isFinite else {
            throw SeparationError.tooLoud.erased
        }
        self.statistics = statistics
    }

    /// Reads a recording of known length, such as samples in memory, to its end.
    ///
    /// - Parameters:
    ///   - open: returns a reader at the beginning of the recording, for each pass; all samples
    ///     finite.
    ///   - conversion: from the recording's channels and rate to the model's.
    /// - Throws: as ``init(_:cancellation:reopening:)``.
    package init(
        _ conversion: AudioConversion, cancellation: CancellationToken,
        ranges open: @escaping () -> RangeReader
    ) throws(AnyError) {
        func stream() throws(AnyError) -> TrackStream {
            let reader = open()
            return TrackStream(conversion) { () throws(AnyError) in try reader.next() }
        }
        try self.init(stream(), cancellation: cancellation, reopening: stream)
    }

    /// A new pass over the track.
    ///
    /// - Throws: the error of opening the recording.
    package func stream() throws(AnyError) -> TrackStream { try openStream() }

    /// Reads pieces in an extra pass, in memory for one piece.
    ///
    /// - Parameters:
    ///   - starts: positions in the track, ascending.
    ///   - length: samples of a piece.
    ///   - normalises: whether the pieces are normalised by the track's statistics.
    ///   - body: receives the piece's index in `starts` and `[channels, length]`, with zeros after
    ///     the track's end.
    /// - Throws: `CancellationError`, the errors of reading and of `body`.
    package func forEachPiece(
        at starts: [Int], length: Int, normalises: Bool = true, on backend: Backend,
        cancellation: CancellationToken,
        _ body: (_ index: Int, _ piece: Tensor) throws(AnyError) -> Void
    ) throws(AnyError) {
        var window = try TrackWindow(self)
        let normalization = normalises ? statistics.normalization : .identity
        for (index, start) in starts.enumerated() {
            do { try cancellation.check() } catch { throw error.erased }
            try window.skip(to: start)
            try window.fill(to: start + length)
            let piece = backend.keptTensor([channelCount, length])
            window.read(from: start, into: piece, by: normalization)
            try body(index, piece)
        }
    }
}
