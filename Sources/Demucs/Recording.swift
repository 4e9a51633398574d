// The first of two passes over a track: how long it is, and what it is normalised by.

import Audio
import HTDemucs

/// A track that can be read more than once, and how a model takes it.
struct Recording {
    /// What the first pass found.
    struct Measurement {
        let sampleRateHz: Int
        let channelCount: Int
        /// Of the recording or its excerpt.
        let recordedSamples: Int
        let warnings: [AudioWarning]
        /// To be read a second time.
        let track: NormalizedSource
    }

    /// Gives a reader at the beginning.
    let open: () throws -> any RecordingReader
    let channelCount: Int
    let rateHz: Int
    let downmix: Downmix

    /// Reads the track to its end: announced lengths can't be trusted.
    ///
    /// - Throws: `SeparationError.emptyAudio`, `CancellationError`, what reading throws.
    func measure(cancellation: CancellationToken) throws -> Measurement {
        let reader = try open()
        let first = try stream(reader)
        var statistics = TrackStatistics()
        var sampleCount = 0
        while let block = try first.next() {
            try cancellation.check()
            statistics.add(block)
            sampleCount += block[0].count
        }
        if first.recordedSamples == 0 { throw reader.emptyError }
        guard sampleCount > 0 else {
            throw SeparationError.emptyAudio(channels: channelCount, samples: 0)
        }
        let second = try stream(open())
        return Measurement(
            sampleRateHz: reader.sampleRateHz, channelCount: reader.channelCount,
            recordedSamples: first.recordedSamples, warnings: reader.warnings,
            track: NormalizedSource(
                sampleCount: sampleCount, statistics: statistics, next: { try second.next() }))
    }

    func stream(_ reader: any RecordingReader) throws -> TrackStream {
        try TrackStream(reader, channelCount: channelCount, rateHz: rateHz, downmix: downmix)
    }
}
