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
    /// The members' configurations, in the order of the bag; at least one. All agree in rate and
    /// channels.
    package let configurations: [any ModelConfiguration]
    /// Parts of the files that this engine ignores, one a line.
    package let warnings: [String]
    /// The SHA-256 of the configurations that are in no checkpoint and, of a mix, of each model's
    /// weights and segment.
    package let configurationChecksum: String?
    /// The files that were read, with those of the models that follow.
    package let paths: [String]
    private let checkpoints: [Checkpoint]
    /// How each member treats a track, and its weights.
    private let members: [Bag.Member]
    /// Models that separate stems of this one further.
    let followers: [(stem: String, model: OpenedModel)]

    /// Opens the checkpoints and reads their configurations, but no weights.
    ///
    /// - Throws: `WeightsError`, `ConfigurationError`; `BagError` if members differ or the weights
    ///   don't fit them; `SeparationError.invalidOption`.
    package init(_ files: ModelFiles) throws {
        let parts = files.mixed.isEmpty ? [files] : files.mixed
        let isOne = parts.count == 1
        try SeparationError.require(
            isOne || files.submodel == nil, "member", files.submodel ?? "", Self.forOne)
        try SeparationError.require(
            isOne || files.configuration == nil, "config", files.configuration?.path ?? "",
            Self.forOne)
        try MemoryCheck.checkLoading(
            fileBytes: files.checkpoints.reduce(0) { $0 + FilePath.countBytes($1) })
        var checkpoints: [Checkpoint] = []
        var configurations: [any ModelConfiguration] = []
        var warnings: [String] = []
        var members: [Bag.Member] = []
        var paths = files.checkpoints + parts.compactMap(\.bagPath)
        var facts: [String] = []
        for part in parts {
            let segmentSeconds = files.segmentSeconds ?? part.segmentSeconds
            for path in part.checkpoints {
                let checkpoint = try part.open(path)
                let configuration = try part.configuration(of: checkpoint)
                if let configuration {
                    paths.append(configuration.path)
                    facts.append(configuration.checksum)
                }
                let description = try ModelDescription(of: checkpoint, configuration)
                let stored = description.configuration
                checkpoints.append(checkpoint)
                configurations.append(
                    try segmentSeconds.map { try stored.inBag(ofSegmentSeconds: $0) } ?? stored)
                warnings += description.warnings.map {
                    files.checkpoints.count > 1 ? "\(path): \($0)" : $0
                }
            }
            members += try Self.members(
                configurations[members.count...].map(\.trackRules), part.weights, of: part.name,
                sharing: !isOne)
            if !isOne {
                facts.append(
                    "\(part.checkpoints.count) \(part.weights ?? []) \(segmentSeconds ?? 0)")
            }
        }
        name = files.name
        configurationChecksum =
            facts.count < 2
            ? facts.first : SHA256(of: facts.joined(separator: "\n")).hexadecimal
        self.checkpoints = checkpoints
        self.configurations = configurations
        self.members = members
        self.warnings = warnings + Self.warnings(of: members, checkpoints, name)
        followers = try files.followers.map { ($0.stem, try OpenedModel($0.files)) }
        self.paths = paths + followers.flatMap(\.model.paths)
        try checkAgreement()
        try checkFollowers()
    }

    private static let forOne = "left out for a mix of models, which has a file for each"

    /// The members of a model.
    ///
    /// - Parameters:
    ///   - rows: `[member][source]`, of all sources of the members; `nil` for all ones.
    ///   - sharing: whether the weights of a stem add up to 1, as those of one model among others do.
    private static func members(
        _ rules: [TrackRules], _ rows: [[Double]]?, of name: String, sharing: Bool
    ) throws(BagError) -> [Bag.Member] {
        if rules.isEmpty { throw .empty(name: name) }
        let sources = Bag.sources(of: rules)
        for row in rows ?? [] where row.count != sources.count {
            throw .weightCount(name: name, found: row.count, sources: sources)
        }
        let members = rules.enumerated().map { index, rules in
            let row = rows?[index]
            return Bag.Member(
                rules,
                weights: rules.sources.map { source in
                    row.flatMap { zip(sources, $0).first { $0.0 == source }?.1 } ?? 1
                })
        }
        let totals = zip(sources, Bag(members).totals)
        for (source, total) in totals where total == 0 || !total.isFinite {
            throw .zeroWeights(name: name, source: source)
        }
        if !sharing { return members }
        return members.map { member in
            let weights = zip(member.rules.sources, member.weights).map { source, weight in
                weight / Double(totals.first { $0.0 == source }?.1 ?? 1)
            }
            return Bag.Member(member.rules, weights: weights)
        }
    }

    /// Warnings if a shared stem is not the same sound in all members, and if some have INT8 weights.
    private static func warnings(
        of members: [Bag.Member], _ checkpoints: [Checkpoint], _ name: String
    ) -> [String] {
        var warnings: [String] = []
        let rest = "other"
        let sharing = members.filter { $0.source(named: rest) != nil }.map { Set($0.rules.sources) }
        if Set(sharing).count > 1 {
            warnings.append(
                "'\(rest)' is what a model has no other stem for, and the models of '\(name)' have "
                    + "different stems; the 'weights' of a bag can take it from one of them")
        }
        if Set(checkpoints.map(\.isQuantized)).count > 1 {
            warnings.append(
                "some models of '\(name)' have INT8 weights; unless a precision is set, the others "
                    + "are rounded to INT8 too")
        }
        return warnings
    }

    /// Followers read stems as they are: of this model's rate and channels.
    private func checkFollowers() throws(SeparationError) {
        let (own, sources) = (rules[0], sources)
        for (stem, model) in followers {
            let other = model.rules[0]
            try SeparationError.require(
                sources.contains(stem), "then", "\(stem)=\(model.name)",
                "a stem among " + sources.joined(separator: ", "))
            try SeparationError.require(
                own.sampleRateHz == other.sampleRateHz && own.audioChannels == other.audioChannels,
                "then", "\(stem)=\(model.name)",
                "a model of \(own.sampleRateHz) Hz and \(own.audioChannels) channels, as "
                    + "\(name); this one has \(other.sampleRateHz) Hz and "
                    + "\(other.audioChannels)")
            let parts = StemSources.partNames(of: stem, model.sources)
            try SeparationError.require(
                !parts.contains(where: sources.contains), "then", "\(stem)=\(model.name)",
                "a model whose parts have other names than the stems of \(name)")
        }
    }

    private func checkAgreement() throws(BagError) {
        func check<Value: Equatable>(
            _ property: String, _ value: (TrackRules) -> Value
        ) throws(BagError) {
            for other in rules where value(other) != value(rules[0]) {
                throw .membersDiffer(
                    name: name, property: property, first: "\(value(rules[0]))",
                    other: "\(value(other))")
            }
        }
        try check("samplerate") { $0.sampleRateHz }
        try check("audio_channels") { $0.audioChannels }
    }

    /// The bags of the model and of its followers, each for all of its stems.
    package var stemSources: StemSources {
        StemSources(
            first: bag(ofIndices: nil),
            followers: followers.map { stem, model in
                StemSources.Follower(
                    stem: stem,
                    names: StemSources.partNames(of: stem, model.sources),
                    bag: model.bag(ofIndices: nil))
            })
    }

    private var rules: [TrackRules] { members.map(\.rules) }

    /// Names of the model's own sources, in its order.
    package var sources: [String] { Bag.sources(of: rules) }

    /// Share of a segment that overlaps the next one, unless the options set it; nil if members have
    /// different ones.
    package var overlap: Double? {
        rules.allSatisfy { $0.overlap == rules[0].overlap } ? rules[0].overlap : nil
    }

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
        Bag(members, stems: stems)
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

    /// The SHA-256 of the first member's checkpoint, 64 hexadecimal digits.
    ///
    /// - Throws: `WeightsError` if the file has changed since it was opened.
    package func checksum() throws(WeightsError) -> String { try checkpoints[0].sha256() }

    /// Whether this model, with those that follow it, may run in INT8 unasked.
    package var int8Support: Int8Support {
        if checkpoints.contains(where: \.isQuantized) { return .stored }
        return configurations.allSatisfy(\.keepsSDRInInt8)
            && followers.allSatisfy { $0.model.int8Support != .unmeasured }
            ? .keepsSDR : .unmeasured
    }

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
