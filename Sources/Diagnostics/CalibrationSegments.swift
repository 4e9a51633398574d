// The music, or the noise, that a quantisation is calibrated on.

import Audio
import Demucs
import HTDemucs
import Tensor
import WeightsLoader

/// Segments as a network gets them, spread over sound files.
package struct CalibrationSegments: Sendable {
    /// Each `[audioChannels, samples]`, normalised like a whole track.
    package let mixes: [[Float]]
    /// What a quantised file says of them.
    package let description: [String: ArgumentValue]

    private static let noiseSegments = 4

    /// Reads segments of the model's length: as many of each file, at equal distances. What a short
    /// file lacks is zeros.
    ///
    /// - Parameters:
    ///   - paths: at least one sound file.
    ///   - count: segments in all, at least one for each file.
    /// - Throws: `AudioError`, `SeparationError.emptyAudio`, `CancellationError`.
    package init(
        of paths: [String], count: Int, for configuration: Configuration, on backend: Backend,
        cancellation: CancellationToken
    ) throws {
        var mixes: [[Float]] = []
        for (index, path) in paths.enumerated() {
            let segments = (index + 1) * count / paths.count - index * count / paths.count
            mixes += try Self.spread(
                AudioInput(path: path), segments, of: configuration, on: backend,
                cancellation: cancellation)
        }
        self.mixes = mixes
        description = [
            "files": .integer(paths.count), "segments": .integer(mixes.count),
            "segment_samples": .integer(configuration.segmentSamples),
        ]
    }

    /// Segments of noise, where no music is given.
    package init(noiseFor configuration: Configuration) {
        var draws = SeededDraws("mix")
        mixes = (0..<Self.noiseSegments).map { _ in
            (0..<configuration.audioChannels * configuration.segmentSamples).map { _ in
                draws.next(in: -1...1)
            }
        }
        description = [:]
    }

    private static func spread(
        _ input: AudioInput, _ count: Int, of configuration: Configuration, on backend: Backend,
        cancellation: CancellationToken
    ) throws -> [[Float]] {
        let samples = configuration.segmentSamples
        let track = try Track(
            input, channelCount: configuration.audioChannels,
            sampleRateHz: configuration.samplerate, cancellation: cancellation)
        let room = max(0, track.sampleCount - samples)
        // The middles of equal parts.
        let starts = (0..<count).map { room * (2 * $0 + 1) / (2 * count) }
        var mixes: [[Float]] = []
        try track.forEachPiece(
            at: starts, length: samples, on: backend, cancellation: cancellation
        ) { _, piece in
            mixes.append(piece.floats)
        }
        return mixes
    }
}
