// How RoFormers treat a track.

import Tracks

extension RoFormerConfiguration {
    /// Chunks of the length and overlap that the model's file says, without normalisation unless it
    /// says so.
    package var trackRules: TrackRules {
        TrackRules(
            sources: sources, audioChannels: audioChannels, sampleRateHz: sampleRateHz,
            chunkSamples: chunks.chunkSamples, longestChunkSamples: longestChunkSamples,
            overlapCount: chunks.overlapCount, normalises: chunks.normalises)
    }
}
