/// The stems of a loaded model, and the format of its audio.
public struct ModelInformation: Sendable, Equatable {
    /// The published name, or the file's name without extension.
    public let name: String
    /// Names of the model's stems that are separated, in the model's order.
    public let sources: [String]
    /// Sample rate of the model and of the stems; tracks are converted to it.
    public let sampleRateHz: Int
    /// Channels of the model and of the stems; tracks are converted to them.
    public let audioChannels: Int
    /// Longest segment that the model accepts, and the default length of a segment; for a bag, the
    /// shortest of its members.
    public let segmentSeconds: Double
    /// Parts of the files that this engine ignores, one a line.
    public let warnings: [String]
    /// Number of checkpoints; more than one for a bag.
    public let memberCount: Int
    /// Number of parameters in all loaded checkpoints.
    public let parameterCount: Int
}
