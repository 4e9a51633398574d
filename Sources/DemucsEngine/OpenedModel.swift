// Opens the checkpoints of a model and checks them against each other, before any weights are
// loaded.
// Reference: `BagOfModels.__init__` in demucs/apply.py.

import ModelZoo
import Networks
import System
import Tensor
import Tracks
import WeightsLoader

/// One or more checkpoints that run together.
package struct OpenedModel: Sendable {
    /// Name of the files. A port replaces it with the name that finds the model again.
    package var name: String
    /// The members' configurations, in the order of the bag; at least one. All agree in sources, rate
    /// and channels.
    package let configurations: [any ModelConfiguration]
    /// Parts of the files that this engine ignores, one a line.
    package let warnings: [String]
    /// The SHA-256 of the configuration, if it is not in the checkpoints; of the first member.
    package let configurationChecksum: String?
    /// The files that were read, with those of the models that follow.
    package let paths: [String]
    private let checkpoints: [Checkpoint]
    /// How each member treats a track.
    private let rules: [TrackRules]
    /// Weights of the bag, `[member][source]`.
    private let weights: [[Double]]
    /// Models that separate stems of this one further.
    let followers: [(stem: String, model: OpenedModel)]

    /// Opens the checkpoints and reads their configurations, but no weights.
    ///
    /// - Throws: `WeightsError`, `ConfigurationError`; `BagError` if members differ or the weights
    ///   don't fit them.
    package init(_ files: ModelFiles) throws {
        try MemoryCheck.checkLoading(
            fileBytes: files.checkpoints.reduce(0) { $0 + FilePath.countBytes($1) })
        var checkpoints: [Checkpoint] = []
        var configurations: [any ModelConfiguration] = []
        var warnings: [String] = []
        var paths = files.checkpoints + (files.bagPath.map { [$0] } ?? [])
        var file: ConfigurationFile?
        for path in files.checkpoints {
            let checkpoint = try files.open(path)
            let configuration = try files.configuration(of: checkpoint)
            file = file ?? configuration
            if let configuration { paths.append(configuration.path) }
            let description = try ModelDescription(of: checkpoint, configuration)
            let stored = description.configuration
            checkpoints.append(checkpoint)
            configurations.append(
                try files.segmentSeconds.map { try stored.inBag(ofSegmentSeconds: $0) }
                    ?? stored)
            warnings += description.warnings.map {
                files.checkpoints.count > 1 ? "\(path): \($0)" : $0
            }
        }
        name = files.name
        configurationChecksum = file?.checksum
        self.checkpoints = checkpoints
        self.configurations = configurations
        self.warnings = warnings
        rules = configurations.map(\.trackRules)
        weights = files.weights ?? rules.map { $0.sources.map { _ in 1 } }
        followers = try files.followers.map { ($0.stem, try OpenedModel($0.files)) }
        self.paths = paths + followers.flatMap(\.model.paths)
        try checkAgreement()
        try checkFollowers()
    }

    /// Followers read stems as they are: of this model's rate and channels.
    private func checkFollowers() throws(SeparationError) {
        let own = rules[0]
        for (stem, model) in followers {
            let other = model.rules[0]
            try SeparationError.require(
                own.sources.contains(stem), "then", "\(stem)=\(model.name)",
                "a stem among " + own.sources.joined(separator: ", "))
            try SeparationError.require(
                own.sampleRateHz == other.sampleRateHz && own.audioChannels == other.audioChannels,
                "then", "\(stem)=\(model.name)",
                "a model of \(own.sampleRateHz) Hz and \(own.audioChannels) channels, as "
                    + "\(name); this one has \(other.sampleRateHz) Hz and "
                    + "\(other.audioChannels)")
            let parts = StemSources.partNames(of: stem, other.sources)
            try SeparationError.require(
                !parts.contains(where: own.sources.contains), "then", "\(stem)=\(model.name)",
                "a model whose parts have other names than the stems of \(name)")
        }
    }

    private func checkAgreement() throws(BagError) {
        guard let first = rules.first else { throw .empty(name: name) }
        func check<Value: Equatable>(
            _ property: String, _ value: (TrackRules) -> Value
        ) throws(BagError) {
            for other in rules where value(other) != value(first) {
                throw .membersDiffer(
                    name: name, property: property, first: "\(value(first))",
                    other: "\(value(other))")
            }
        }
        try check("sources") { $0.sources }
        try check("samplerate") { $0.sampleRateHz }
        try check("audio_channels") { $0.audioChannels }
        try check("normalisation") { $0.normalises }
        for row in weights where row.count != first.sources.count {
            throw .weightCount(name: name, found: row.count, sources: first.sources)
        }
        for (source, sourceName) in first.sources.enumerated() {
            let total = Float(weights.reduce(0.0) { $0 + $1[source] })
            if total == 0 || !total.isFinite { throw .zeroWeights(name: name, source: sourceName) }
        }
    }

    /// The bags of the model and of its followers, each for all of its stems.
    package var stemSources: StemSources {
        StemSources(
            first: bag(ofIndices: nil),
            followers: followers.map { stem, model in
                StemSources.Follower(
                    stem: stem,
                    names: StemSources.partNames(of: stem, model.rules[0].sources),
                    bag: model.bag(ofIndices: nil))
            })
    }

    /// Names of the model's own sources, in its order.
    package var sources: [String] { rules[0].sources }

    /// Share of a segment that overlaps the next one, unless the options set it.
    package var overlap: Double { rules[0].overlap }

    /// The bag that outputs the wanted stems.
    ///
    /// - Parameter stems: names of the wanted sources; `nil` wants all.
    /// - Throws: `SeparationError.invalidOption` for an unknown stem, or none.
    package func bag(of stems: [String]?) throws(SeparationError) -> Bag {
        let wanted = stems ?? sources
        try SeparationError.requireStems(wanted, of: sources)
        return bag(ofIndices: sources.indices.filter { wanted.contains(sources[$0]) })
    }

    private func bag(ofIndices stems: [Int]?) -> Bag {
        Bag(zip(rules, weights).map { Bag.Member($0, weights: $1) }, stems: stems)
    }

    /// Loads a member's network.
    ///
    /// - Parameter replacements: tensors that replace stored ones of the same shape.
    /// - Throws: `WeightsError`.
    package func network(
        ofMember index: Int = 0, replacing replacements: ParameterReader.Replacements = .init(),
        on backend: Backend
    ) throws -> any SeparationNetwork {
        try configurations[index].network(
            checkpoints[index].parameters(replacing: replacements), on: backend)
    }

    /// The names of the first member's parameters in the state dict.
    package var parameterNames: [String] { checkpoints[0].tensors.map(\.name) }

    /// Loads the networks of the members that run; `nil` for the other members.
    ///
    /// - Throws: `WeightsError`.
    func networks(running bag: Bag, on backend: Backend) throws -> [(any SeparationNetwork)?] {
        try checkpoints.indices.map { index in
            bag.needs(member: index) ? try network(ofMember: index, on: backend) : nil
        }
    }

    /// A parameter of the first member, by its name in the state dict.
    ///
    /// - Returns: nil if the model doesn't have it.
    /// - Throws: `WeightsError` unless its elements are floats.
    package func parameter(
        named name: String
    ) throws(WeightsError) -> (shape: [Int], values: [Float])? {
        guard let stored = checkpoints[0].tensor(named: name) else { return nil }
        return (stored.shape, try checkpoints[0].floats(stored))
    }

    /// The SHA-256 of each member's checkpoint, 64 hexadecimal digits.
    package var checksums: [String] { checkpoints.map { $0.sha256() } }

    /// Whether a member has INT8 weights.
    package var isQuantized: Bool { checkpoints.contains(where: \.isQuantized) }

    /// Information about the loaded model.
    ///
    /// - Parameters:
    ///   - stems: names of the stems that are separated.
    ///   - networks: the loaded networks.
    func information(stems: [String], networks: [any SeparationNetwork]) -> ModelInformation {
        let first = rules[0]
        return ModelInformation(
            name: name, sources: stems, sampleRateHz: first.sampleRateHz,
            audioChannels: first.audioChannels,
            segmentSeconds: Double(rules.map(\.segmentSamples).min() ?? 0)
                / Double(first.sampleRateHz),
            warnings: warnings + followers.flatMap(\.model.warnings),
            memberCount: configurations.count,
            parameterCount: networks.reduce(0) { $0 + $1.parameterCount })
    }
}

/// The stems of a loaded model, and the format of its audio.
public struct ModelInformation: Sendable, Equatable, Codable {
    /// The published name, or the file's name without extension.
    public let name: String
    /// Names of the model's stems that are separated, in the model's order.
    public let sources: [String]
    /// Sample rate of the model and of the stems; tracks are converted to it.
    public let sampleRateHz: Int
    /// Channels of the model and of the stems; tracks are converted to them.
    public let audioChannels: Int
    /// Default length of a segment, which for HTDemucs is also the longest; for a bag, the shortest of
    /// its members.
    public let segmentSeconds: Double
    /// Parts of the files that this engine ignores, one a line.
    public let warnings: [String]
    /// Number of checkpoints; more than one for a bag.
    public let memberCount: Int
    /// Number of parameters in all loaded checkpoints.
    public let parameterCount: Int

    /// Information that no model gave, for tests and previews.
    public init(
        name: String, sources: [String], sampleRateHz: Int = 44_100, audioChannels: Int = 2,
        segmentSeconds: Double = 7.8, warnings: [String] = [], memberCount: Int = 1,
        parameterCount: Int = 0
    ) {
        self.name = name
        self.sources = sources
        self.sampleRateHz = sampleRateHz
        self.audioChannels = audioChannels
        self.segmentSeconds = segmentSeconds
        self.warnings = warnings
        self.memberCount = memberCount
        self.parameterCount = parameterCount
    }

    /// The sum of all stems but one: karaoke for `vocals`.
    ///
    /// - Throws: `SeparationError.invalidOption` for a stem that the model doesn't have.
    public func allBut(_ stem: String) throws(SeparationError) -> StemSignal {
        try SeparationError.requireStems([stem], of: sources)
        return .sum(sources.filter { $0 != stem })
    }
}
