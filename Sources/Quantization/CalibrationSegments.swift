import DemucsEngine
import Networks
import System
import Tensor
import WeightsLoader

/// Segments of a network's input, spread over sound files.
package struct CalibrationSegments: Sendable {
    /// The segments, `[audioChannels, samples]` each, normalised by the statistics of the whole
    /// track if the model's tracks are.
    package let mixes: [[Float]]
    /// Description of the segments for a quantised file's metadata.
    package let description: [String: ArgumentValue]

    /// Problems of the files that did not stop the reading.
    package let warnings: [AudioWarning]

    private static let noiseSegments = 4

    /// Reads segments of the model's length, equally many from each file and at equal distances. A
    /// file shorter than a segment is padded with zeros. Of more files than segments, as many are
    /// read, at equal distances in the list.
    ///
    /// - Parameters:
    ///   - tracks: number of sound files, at least one, of which `open` opens each.
    ///   - count: number of segments in all.
    /// - Throws: `AudioError`, `SeparationError.emptyAudio`, `CancellationError`.
    package init(
        of tracks: Int, count: Int, for rules: TrackRules, on backend: Backend,
        cancellation: CancellationToken, open: (Int) throws -> AudioInput
    ) throws {
        let samples = rules.segmentSamples
        let fileCount = min(tracks, count)
        var mixes: [[Float]] = []
        var warnings: [AudioWarning] = []
        for index in 0..<fileCount {
            let recording = try Recording(
                open(index * tracks / fileCount),
                channelCount: rules.audioChannels, sampleRateHz: rules.sampleRateHz,
                cancellation: cancellation)
            warnings += recording.warnings
            let track = recording.track
            let segments = (index + 1) * count / fileCount - index * count / fileCount
            let room = max(0, track.sampleCount - samples)
            // Segments begin in the middles of equal parts.
            let starts = (0..<segments).map { room * (2 * $0 + 1) / (2 * segments) }
            try track.forEachPiece(
                at: starts, length: samples, normalises: rules.normalises, on: backend,
                cancellation: cancellation
            ) { _, piece in
                mixes.append(piece.floats)
            }
        }
        self.mixes = mixes
        self.warnings = warnings
        description = [
            "files": .integer(fileCount), "segments": .integer(mixes.count),
            "segment_samples": .integer(samples),
        ]
    }

    /// Segments of noise, for when no music is given.
    package init(noiseFor rules: TrackRules) {
        var draws = SeededDraws("mix")
        mixes = (0..<Self.noiseSegments).map { _ in
            draws.next(rules.audioChannels * rules.segmentSamples, in: -1...1)
        }
        warnings = []
        description = [:]
    }
}
