/// A loaded model's stems, and the format of its audio.
public struct ModelInformation: Sendable, Equatable {
    /// The published name, or the file's name without extension.
    public let name: String
    /// Names of the stems that it gives, in the model's order.
    public let sources: [String]
    /// Rate that tracks are converted to, and rate of the stems.
    public let sampleRateHz: Int
    /// Channels that tracks are converted to, and channels of the stems.
    public let audioChannels: Int
    /// The longest piece that the model takes at once, and the default length of a segment; of
    /// several models the shortest.
    public let segmentSeconds: Double
    /// Parts of the files that this engine ignores, a line each.
    public let warnings: [String]
    /// Number of checkpoints; more than one for a bag.
    public let memberCount: Int
    /// Numbers in the weights of all loaded checkpoints.
    public let parameterCount: Int
}
