import DemucsEngine

/// A track that was separated into files.
public struct TrackReport: Sendable, Equatable, Codable {
    /// One signal that was written.
    public struct Output: Sendable, Equatable, Codable {
        /// The name of the ``StemOutput``.
        public let name: String
        /// Path of the file; `nil` for a signal that went to a descriptor.
        public let path: String?
        /// The largest magnitude before the gain and the clip mode.
        public let peak: Float
        /// Factor that brought the samples below full scale.
        public let gain: Float
        /// Length of the signal.
        public let durationSeconds: Double
        /// SHA-256 of the file, in hexadecimal digits.
        public let sha256: String
        /// Size of the file.
        public let bytes: Int
        /// Samples, counted in all channels, that were limited to ±1 by the clip mode `none`.
        public let limitedSamples: Int

        /// A report that no separation gave, for tests and previews.
        public init(
            name: String, path: String?, peak: Float = 0, gain: Float = 1,
            durationSeconds: Double = 0, sha256: String = "", bytes: Int = 0,
            limitedSamples: Int = 0
        ) {
            self.name = name
            self.path = path
            self.peak = peak
            self.gain = gain
            self.durationSeconds = durationSeconds
            self.sha256 = sha256
            self.bytes = bytes
            self.limitedSamples = limitedSamples
        }
    }

    /// The seed of the shifts' offsets; `nil` without shifts.
    public let seed: UInt64?
    /// Length of the input, or of its excerpt.
    public let durationSeconds: Double
    /// Rate of the input.
    public let sampleRateHz: Int
    /// Channels of the input.
    public let channelCount: Int
    /// Problems that did not stop the separation.
    public let warnings: [AudioWarning]
    /// The written signals, in the order in which they were asked for.
    public let outputs: [Output]

    /// A report that no separation gave, for tests and previews.
    public init(
        seed: UInt64? = nil, durationSeconds: Double = 0, sampleRateHz: Int = 44_100,
        channelCount: Int = 2, warnings: [AudioWarning] = [], outputs: [Output]
    ) {
        self.seed = seed
        self.durationSeconds = durationSeconds
        self.sampleRateHz = sampleRateHz
        self.channelCount = channelCount
        self.warnings = warnings
        self.outputs = outputs
    }
}
