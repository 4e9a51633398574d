// How the file of a RoFormer says that tracks are cut into chunks.

import Networks
import WeightsLoader

/// The chunks of a track: their length, and how many of them each sample is in.
package struct ChunkRules: Sendable, Equatable {
    /// `chunk_size`: samples of a chunk.
    package let chunkSamples: Int
    /// `inference.num_overlap`: chunks that a sample in the middle of a track is in; a chunk begins
    /// every `chunkSamples / overlapCount` samples.
    package let overlapCount: Int
    /// `inference.normalize`: whether the track's mean and deviation are removed first.
    package let normalises: Bool

    init(_ sections: [String: ArgumentValue]) throws(ConfigurationError) {
        let audio = try SectionReader("audio", of: sections)
        let inference = try SectionReader("inference", of: sections)
        let allowed = 16...1 << 30
        if let samples = try inference.optionalInteger("chunk_size", allowed) {
            chunkSamples = samples
        } else {
            chunkSamples = try audio.integer("chunk_size", nil, allowed)
        }
        overlapCount = try inference.integer("num_overlap", 2, 1...64)
        normalises = try inference.flag("normalize", false)
    }
}
