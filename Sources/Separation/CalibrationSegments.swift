// The music that a quantisation is calibrated on.

import HTDemucs
import Tensor
import WeightsLoader

/// Segments spread over sound files, as a network gets them.
package struct CalibrationSegments: Sendable {
    /// Each `[audioChannels, samples]`, normalised like a whole track.
    package let mixes: [[Float]]
    /// What a quantised file says of them.
    package let description: [String: ArgumentValue]
    /// Whether they are music, not noise.
    package let isMusic: Bool

    /// Reads segments of the model's length: as many of each file, at equal distances. What a short
    /// file lacks is zeros.
    ///
    /// - Parameters:
    ///   - paths: at least one sound file.
    ///   - count: segments in all, at least one for each file.
    /// - Throws: `AudioError`.
    package init(
        of paths: [String], count: Int, for configuration: Configuration, threads: Int
    ) throws {
        let backend = try Backend(threads: threads)
        var mixes: [[Float]] = []
        for (index, path) in paths.enumerated() {
            let track = try AudioFile.read(path).buffer.converted(
                toChannels: configuration.audioChannels, rateHz: configuration.samplerate,
                on: backend
            ).channels
            let segments = (index + 1) * count / paths.count - index * count / paths.count
            mixes += Self.spread(track, segments, samples: configuration.segmentSamples)
        }
        self.mixes = mixes
        isMusic = true
        description = [
            "files": .integer(paths.count), "segments": .integer(mixes.count),
            "segment_samples": .integer(configuration.segmentSamples),
        ]
    }

    /// A segment of noise, to measure layers on where no music is given.
    package init(noiseFor configuration: Configuration) {
        var draws = SeededDraws("mix")
        mixes = [
            (0..<configuration.audioChannels * configuration.segmentSamples).map { _ in
                draws.next(in: -1...1)
            }
        ]
        isMusic = false
        description = [:]
    }

    private static func spread(_ track: [[Float]], _ count: Int, samples: Int) -> [[Float]] {
        var statistics = TrackStatistics()
        statistics.add(track)
        let (mean, scale) = (statistics.mean, statistics.scale)
        let room = max(0, track[0].count - samples)
        return (0..<count).map { index in
            // The middle of the index-th of equal parts.
            let start = room * (2 * index + 1) / (2 * count)
            return track.flatMap { channel in
                (start..<start + samples).map { time in
                    time < channel.count ? (channel[time] - mean) / scale : 0
                }
            }
        }
    }
}
