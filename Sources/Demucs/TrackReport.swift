import Audio

/// What became of a track that was separated into files.
public struct TrackReport: Sendable, Equatable {
    /// One signal that was written.
    public struct Output: Sendable, Equatable {
        public let name: String
        /// `nil` for what went to a descriptor.
        public let path: String?
        /// The largest magnitude before anything was done about it.
        public let peak: Float
        /// What samples were multiplied by to stay below full scale.
        public let gain: Float
        public let durationSeconds: Double
        /// Of the file, in hexadecimal digits.
        public let sha256: String
        public let bytes: Int
    }

    /// The seed that the shifts' offsets came from; `nil` without shifts.
    public let seed: UInt64?
    /// Length of what was separated.
    public let durationSeconds: Double
    /// Rate of the input.
    public let sampleRateHz: Int
    /// Channels of the input.
    public let channelCount: Int
    public let warnings: [AudioWarning]
    /// In the order in which they were asked for.
    public let outputs: [Output]
}
