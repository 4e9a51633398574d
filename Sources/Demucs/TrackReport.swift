import DemucsEngine

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
        /// Samples, counted in all channels, that were limited to ±1 by the clip mode `none`.
        public let limitedSamples: Int
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
