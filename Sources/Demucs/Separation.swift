// Progress and results of a separation.

import Audio

/// Progress of a separation.
public struct SeparationProgress: Sendable, Equatable {
    /// A segment that begins or has ended.
    package struct Segment: Sendable, Equatable {
        /// Indices of the segment's network in the bag, and of its shift.
        package let member: Int
        package let shift: Int
        /// First sample of the segment, counted from the beginning of the shifted track.
        package let offsetSamples: Int
        package let hasEnded: Bool
    }

    /// Segments that went through the network, over all shifts and models of a bag.
    public let segmentsDone: Int
    public let segmentsTotal: Int
    /// The segment by which this progress differs from the one before; `nil` before the first.
    package let segment: Segment?
    /// Length of the track; `nil` while the length of a live track is unknown, and with it the number
    /// of segments.
    package let trackSamples: Int?
    let sampleRateHz: Int

    /// Length of the track.
    public var audioSecondsTotal: Double { Double(trackSamples ?? 0) / Double(sampleRateHz) }

    /// The finished share of the track, in seconds of audio.
    public var audioSecondsDone: Double {
        segmentsTotal > 0
            ? audioSecondsTotal * Double(segmentsDone) / Double(segmentsTotal) : 0
    }
}

/// One separated source.
public struct Stem: Sendable, Equatable {
    /// The source's name in the model, `vocals`.
    public let name: String
    /// Samples of the stem: as long as the track, with the model's channels and rate.
    public let audio: PlanarAudio
}

/// A track that was separated in memory.
public struct Separation: Sendable, Equatable {
    /// The stems, in the order of the model's sources.
    public let stems: [Stem]
    /// The seed of the shifts' offsets: given in the options, or drawn. `nil` without shifts.
    public let seed: UInt64?
    /// Problems of the track that did not stop the separation.
    public let warnings: [AudioWarning]

    /// The audio of a source; `nil` if the model has no source of that name.
    public subscript(name: String) -> PlanarAudio? {
        stems.first { $0.name == name }?.audio
    }
}

/// A track that was separated into files.
public struct TrackReport: Sendable, Equatable {
    /// One signal that was written.
    public struct Output: Sendable, Equatable {
        public let name: String
        /// Path of the file; `nil` for a signal that went to a descriptor.
        public let path: String?
        /// The largest magnitude before the gain and the clip mode.
        public let peak: Float
        /// Factor that brought the samples below full scale.
        public let gain: Float
        public let durationSeconds: Double
        /// SHA-256 of the file, in hexadecimal digits.
        public let sha256: String
        public let bytes: Int
    }

    /// The seed of the shifts' offsets; `nil` without shifts.
    public let seed: UInt64?
    /// Length of the input, or of its excerpt.
    public let durationSeconds: Double
    /// Rate of the input.
    public let sampleRateHz: Int
    /// Channels of the input.
    public let channelCount: Int
    public let warnings: [AudioWarning]
    /// The written signals, in the order in which they were asked for.
    public let outputs: [Output]
}
