// A recording that is separated: what was recorded, and its track in a model's channels and rate.

import Signal
import System

/// A recording, or an excerpt of it, that has been read once.
package struct Recording {
    /// The recording in the model's channels and rate.
    package let track: Track
    /// Rate and channels of the recording.
    package let sampleRateHz: Int
    package let channelCount: Int
    /// Samples of each channel of the recording, or of its excerpt.
    package let sampleCount: Int
    package let warnings: [AudioWarning]
    /// Begins a pass over the recording at its own rate, in the model's channels.
    package let ownRate: @Sendable () throws -> TrackStream

    /// Reads a recording to its end.
    ///
    /// - Parameters:
    ///   - excerpt: the part to use; `nil` for all of it.
    ///   - channelCount: channels of the model.
    ///   - sampleRateHz: rate of the model.
    ///   - downmix: channels that are used of a recording with more channels than the model.
    ///   - maximumSeconds: longest recording, or excerpt of it, to accept; `nil` for any length.
    ///   - open: returns a reader at the beginning of the recording, for each pass.
    /// - Throws: `SeparationError.invalidAudio` if nothing is left at the model's rate,
    ///   `SeparationError.tooLoud`, and for the excerpt, its length and too few
    ///   channels; `CancellationError`; the errors of the reader.
    package init(
        excerpt: Excerpt? = nil, channelCount: Int, sampleRateHz: Int, downmix: Downmix = .first,
        maximumSeconds: Double? = nil, cancellation: CancellationToken,
        open: @escaping @Sendable () throws -> any RecordingReader
    ) throws {
        @Sendable func stream(
            _ reader: ExcerptReader, rateHz: Int
        ) throws(SeparationError) -> TrackStream {
            TrackStream(
                try AudioConversion(
                    fromChannels: reader.channelCount, rateHz: reader.sampleRateHz,
                    toChannels: channelCount, rateHz: rateHz, downmix: downmix,
                    speakers: reader.speakers),
                next: reader.next)
        }
        @Sendable func reader() throws -> ExcerptReader {
            try ExcerptReader(open(), excerpt: excerpt, maximumSeconds: maximumSeconds)
        }
        let first = try reader()
        do {
            track = try Track(
                stream(first, rateHz: sampleRateHz), cancellation: cancellation,
                reopening: { try stream(reader(), rateHz: sampleRateHz) })
        } catch SeparationError.emptyAudio {
            guard first.recordedSamples > 0 else { throw first.emptyError }
            throw SeparationError.tooShort(
                samples: first.recordedSamples, rateHz: first.sampleRateHz,
                modelRateHz: sampleRateHz)
        }
        self.sampleRateHz = first.sampleRateHz
        self.channelCount = first.channelCount
        sampleCount = first.recordedSamples
        let ownRateHz = first.sampleRateHz
        ownRate = { try stream(reader(), rateHz: ownRateHz) }
        // A mono model gets the mean of all channels.
        let isCut = downmix == .first && channelCount > 1 && first.channelCount > channelCount
        let leftOut = AudioWarning.channelsLeftOut(
            path: first.name, channelCount: first.channelCount, used: channelCount)
        warnings = first.warnings + (isCut ? [leftOut] : [])
    }

    /// Reads a track, or an excerpt of it, to its end.
    ///
    /// - Throws: `SeparationError.emptyAudio`, `SeparationError.tooLoud`, and for the excerpt;
    ///   `CancellationError`; the errors of the track.
    package init(
        _ input: AudioInput, excerpt: Excerpt? = nil, channelCount: Int, sampleRateHz: Int,
        cancellation: CancellationToken
    ) throws {
        try self.init(
            excerpt: excerpt, channelCount: channelCount, sampleRateHz: sampleRateHz,
            cancellation: cancellation,
            open: { try input.reader() })
    }
}
