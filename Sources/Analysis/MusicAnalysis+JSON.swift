// Also Embedded Swift: typed throws, no key paths, no casts.
// The analysis as the command, the service and the records write it.

import System

extension MusicAnalysis {
    /// The fields of the analysis; null for what was not found.
    package var fields: [String: JSON] {
        [
            "tempo_bpm": JSON(beatsPerMinute), "beats": .array(beats.map(JSON.number)),
            "downbeats": .array(downbeats.map(JSON.number)), "metre": JSON(metre),
            "downbeat_confidence": JSON(downbeatConfidence), "key": JSON(key?.description),
        ]
    }
}
