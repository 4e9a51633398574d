// Segments of music, or of noise, to calibrate a quantisation on.

import Audio
import Demucs
import HTDemucs
import Tensor
import WeightsLoader

/// Segments of a network's input, spread over sound files.
package struct CalibrationSegments: Sendable {
    /// `[audioChannels, samples]` each, normalised by the statistics of the whole track.
    package let mixes: [[Float]]
    /// The segments' part of a quantised file's metadata.
    package let description: [String: ArgumentValue]

    private static let noiseSegments = 4

    /// Reads segments of the model's length, equally many of each file and at equal distances. Zeros
    /// follow the end of a short file.
    ///
    /// - Parameters:
    ///   - paths: at least one sound file.
    ///   - count: segments in all, at least one for each file.
    /// - Throws: `AudioError`, `SeparationError.emptyAudio`, `CancellationError`.
    package init(
        of paths: [String], count: Int, for configuration: Configuration, on backend: Backend,
        cancellation: CancellationToken
    ) throws {
        let samples = configuration.segmentSamples
        var mixes: [[Float]] = []
        for (index, path) in paths.enumerated() {
            let track = try Track(
                AudioInput(path: path), channelCount: configuration.audioChannels,
                sampleRateHz: configuration.samplerate, cancellation: cancellation)
            let segments = (index + 1) * count / paths.count - index * count / paths.count
            let room = max(0, track.sampleCount - samples)
            // The middles of equal parts.
            let starts = (0..<segments).map { room * (2 * $0 + 1) / (2 * segments) }
            try track.forEachPiece(
                at: starts, length: samples, on: backend, cancellation: cancellation
            ) { _, piece in
                mixes.append(piece.floats)
            }
        }
        self.mixes = mixes
        description = [
            "files": .integer(paths.count), "segments": .integer(mixes.count),
            "segment_samples": .integer(samples),
        ]
    }

    /// Segments of noise, for want of music.
    package init(noiseFor configuration: Configuration) {
        var draws = SeededDraws("mix")
        mixes = (0..<Self.noiseSegments).map { _ in
            draws.next(configuration.audioChannels * configuration.segmentSamples, in: -1...1)
        }
        description = [:]
    }
}
