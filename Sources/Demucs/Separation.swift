// Results of a separation.

import Audio

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
