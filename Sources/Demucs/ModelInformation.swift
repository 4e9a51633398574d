import HTDemucs

/// What a model separates, and how its audio has to be.
public struct ModelInformation: Sendable, Equatable {
    /// Its name in the zoo, or its file's without extension.
    public let name: String
    /// Names of the stems that it gives, in the model's order.
    public let sources: [String]
    /// Rate that tracks are converted to, and of the stems.
    public let sampleRateHz: Int
    /// Channels that tracks are converted to, and of the stems.
    public let audioChannels: Int
    /// The longest piece that the model takes at once, and the default length of a segment; of
    /// several models the least.
    public let segmentSeconds: Double
    /// What the file says that this engine ignores, a line each.
    public let warnings: [String]

    /// Checkpoints that make up the model: more than one for a bag.
    public let memberCount: Int

    /// - Parameter members: configurations that agree in what they separate.
    init(name: String, stems: [Int], members: [Configuration], warnings: [String]) {
        let first = members[0]
        self.name = name
        sources = stems.map { first.sources[$0] }
        sampleRateHz = first.samplerate
        audioChannels = first.audioChannels
        segmentSeconds =
            Double(members.map(\.segmentSamples).min() ?? 0) / Double(first.samplerate)
        memberCount = members.count
        self.warnings = warnings
    }
}

extension NetworkFormat {
    init(_ configuration: Configuration) {
        self.init(
            sampleRateHz: configuration.samplerate, sourceCount: configuration.sources.count,
            channelCount: configuration.audioChannels,
            trainingSamples: configuration.segmentSamples,
            padsToTraining: configuration.useTrainSegment,
            drawsRandomNumbers: configuration.tLayers > 0)
    }
}
