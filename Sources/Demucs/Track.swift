// A track in a model's channels and rate. It is read twice: a first pass for its length and
// statistics, because announced lengths can't be trusted, then a pass for its segments.
// Reference: `Separator.separate_tensor` in demucs/api.py.

import Audio
import System
import Tensor

/// A track that has been read once, and can be read again any number of times.
package struct Track {
    /// Rate of the recording.
    let recordedRateHz: Int
    /// Channels of the recording.
    let recordedChannels: Int
    /// Samples of each channel of the recording, or of its excerpt.
    let recordedSamples: Int
    /// Warnings about the recording.
    package let warnings: [AudioWarning]
    /// Statistics of the whole track, at the model's rate.
    package let statistics: TrackStatistics

    /// Channels and rate of the model.
    let channelCount: Int
    let sampleRateHz: Int
    private let openStream: () throws -> TrackStream

    /// Samples of each channel at the model's rate, at least 1.
    package var sampleCount: Int { statistics.sampleCount }

    /// Reads a recording to its end.
    ///
    /// - Parameters:
    ///   - excerpt: the part to use; `nil` for all of it.
    ///   - channelCount: channels of the model.
    ///   - sampleRateHz: rate of the model.
    ///   - downmix: channels that are used of a recording with more channels than the model.
    ///   - maximumSeconds: longest recording, or excerpt of it, to accept; `nil` for any length.
    ///   - open: returns a reader at the beginning of the recording, for each pass.
    /// - Throws: `SeparationError.emptyAudio` if nothing is left at the model's rate,
    ///   `SeparationError.tooLoud`, and for the excerpt and its length; `AudioError`;
    ///   `CancellationError`; the errors of the reader.
    package init(
        excerpt: Excerpt? = nil, channelCount: Int, sampleRateHz: Int, downmix: Downmix = .first,
        maximumSeconds: Double? = nil, cancellation: CancellationToken,
        open: @escaping () throws -> any RecordingReader
    ) throws {
        self.channelCount = channelCount
        self.sampleRateHz = sampleRateHz
        openStream = {
            try TrackStream(
                open(), excerpt: excerpt, channelCount: channelCount, sampleRateHz: sampleRateHz,
                downmix: downmix)
        }
        let stream = try openStream()
        let reader = stream.reader
        var statistics = TrackStatistics()
        while let block = try stream.next() {
            try cancellation.check()
            // Announced lengths can't be trusted: the samples are counted.
            if let maximumSeconds,
                Double(stream.recordedSamples) > maximumSeconds * Double(reader.sampleRateHz)
            {
                throw SeparationError.longerThanAllowed(limitSeconds: maximumSeconds)
            }
            statistics.add(block)
        }
        if stream.recordedSamples == 0 { throw reader.emptyError }
        guard statistics.sampleCount > 0 else {
            throw SeparationError.emptyAudio(channels: channelCount, samples: 0)
        }
        guard statistics.mean.isFinite, statistics.scale.isFinite else {
            throw SeparationError.tooLoud
        }
        self.statistics = statistics
        recordedRateHz = reader.sampleRateHz
        recordedChannels = reader.channelCount
        recordedSamples = stream.recordedSamples
        warnings = stream.warnings
    }

    /// Reads a sound file to its end.
    ///
    /// - Throws: `SeparationError.emptyAudio`, `SeparationError.tooLoud`, `AudioError`,
    ///   `CancellationError`.
    package init(
        _ input: AudioInput, channelCount: Int, sampleRateHz: Int, cancellation: CancellationToken
    ) throws {
        try self.init(
            channelCount: channelCount, sampleRateHz: sampleRateHz, cancellation: cancellation,
            open: { try input.reader() })
    }

    /// A new pass over the track.
    ///
    /// - Throws: the error of opening the recording.
    package func stream() throws -> TrackStream { try openStream() }

    /// Reads normalised pieces in an extra pass, in memory for one piece.
    ///
    /// - Parameters:
    ///   - starts: positions in the track, ascending.
    ///   - length: samples of a piece.
    ///   - body: receives the piece's index in `starts` and `[channels, length]`, with zeros after
    ///     the track's end.
    /// - Throws: `CancellationError`, the errors of reading and of `body`.
    package func forEachPiece(
        at starts: [Int], length: Int, on backend: Backend, cancellation: CancellationToken,
        _ body: (_ index: Int, _ piece: Tensor) throws -> Void
    ) throws {
        var window = try TrackWindow(self)
        for (index, start) in starts.enumerated() {
            try cancellation.check()
            window.forget(before: start)
            try window.fill(to: start + length)
            window.forget(before: start)
            let piece = backend.keptTensor([channelCount, length])
            window.read(from: start, into: piece)
            try body(index, piece)
        }
    }
}

/// Normalisation: channels reach the network as `(x - mean) / scale`, stems leave it as
/// `x * scale + mean`.
package struct Normalization: Sendable {
    /// Mean of the track's mono mix.
    let mean: Float
    /// Standard deviation of the mono mix plus 1e-8, which keeps silence finite.
    let scale: Float

    /// - Parameter standardDeviation: at least 0.
    package init(mean: Float, standardDeviation: Float) {
        self.mean = mean
        scale = standardDeviation + 1e-8
    }
}

/// Length, mean and standard deviation of a track's mono mix.
///
/// Samples are added one by one in float64, so the result does not depend on how a track is cut
/// into blocks. (Welford 1962, "Note on a method for calculating corrected sums of squares".)
///
/// PyTorch equivalent: `ref = wav.mean(0); mean = ref.mean(); scale = ref.std() + 1e-8`, except that
/// the standard deviation of a single sample is 0 instead of NaN.
package struct TrackStatistics: Sendable {
    /// Samples of each channel so far.
    package private(set) var sampleCount = 0
    private var runningMean = 0.0
    private var squaredDeviations = 0.0

    package init() {}

    /// Adds samples of a track.
    package mutating func add(_ audio: PlanarAudio) {
        let channelCount = Float(audio.channelCount)
        for index in 0..<audio.sampleCount {
            var sum: Float = 0
            for channel in audio.channels { sum += channel[index] }
            add(Double(sum / channelCount))
        }
    }

    private mutating func add(_ sample: Double) {
        sampleCount += 1
        let deviation = sample - runningMean
        runningMean += deviation / Double(sampleCount)
        squaredDeviations += deviation * (sample - runningMean)
    }

    package var mean: Float { Float(runningMean) }

    /// Unbiased standard deviation, rounded to float32 as in the reference.
    package var standardDeviation: Float {
        let variance = sampleCount > 1 ? squaredDeviations / Double(sampleCount - 1) : 0
        return Float(variance.squareRoot())
    }

    package var scale: Float { normalization.scale }

    package var normalization: Normalization {
        Normalization(mean: mean, standardDeviation: standardDeviation)
    }
}
