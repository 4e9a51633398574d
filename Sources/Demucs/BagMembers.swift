// The checkpoints of a model, opened and checked against each other, before any weights are loaded.
// Reference: `BagOfModels.__init__` in demucs/apply.py.

import HTDemucs
import ModelZoo
import Tensor
import WeightsLoader

/// One or more checkpoints that are to run together.
struct BagMembers {
    private let files: ModelFiles
    private let checkpoints: [Checkpoint]
    private let configurations: [Configuration]
    private let warnings: [String]

    /// Opens the checkpoints and reads what they hold, but none of their weights.
    ///
    /// - Throws: `WeightsError`, `ConfigurationError`; `BagError` if members differ or the weights
    ///   don't fit them.
    init(_ files: ModelFiles) throws {
        self.files = files
        var checkpoints: [Checkpoint] = []
        var configurations: [Configuration] = []
        var warnings: [String] = []
        for path in files.members {
            let checkpoint = try files.open(path)
            let (stored, ignored) = try Configuration.read(from: checkpoint)
            checkpoints.append(checkpoint)
            configurations.append(
                try files.segmentSeconds.map { try stored.shortened(toSegmentSeconds: $0) }
                    ?? stored)
            warnings += ignored.map { files.members.count > 1 ? "\(path): \($0)" : $0 }
        }
        self.checkpoints = checkpoints
        self.configurations = configurations
        self.warnings = warnings
        try checkAgreement()
    }

    private func checkAgreement() throws(BagError) {
        guard let first = configurations.first else { throw .empty(name: files.name) }
        func check<Value: Equatable>(
            _ property: String, _ value: (Configuration) -> Value
        ) throws(BagError) {
            for other in configurations where value(other) != value(first) {
                throw .membersDiffer(
                    name: files.name, property: property, first: "\(value(first))",
                    other: "\(value(other))")
            }
        }
        try check("sources") { $0.sources }
        try check("samplerate") { $0.samplerate }
        try check("audio_channels") { $0.audioChannels }
        for row in files.weights ?? [] where row.count != first.sources.count {
            throw .weightCount(name: files.name, found: row.count, sources: first.sources)
        }
        for (source, name) in first.sources.enumerated() {
            let total = Float(weights.reduce(0.0) { $0 + $1[source] })
            if total == 0 || !total.isFinite { throw .zeroWeights(name: files.name, source: name) }
        }
    }

    /// `[member][source]`.
    private var weights: [[Double]] {
        files.weights ?? configurations.map { $0.sources.map { _ in 1 } }
    }

    /// The bag with its weights.
    ///
    /// - Parameter stems: names of the wanted sources; `nil` wants all.
    /// - Throws: `SeparationError.invalidOption` for a stem that the model doesn't have.
    func weighted(for stems: [String]?) throws(SeparationError) -> WeightedBag {
        let sources = configurations[0].sources
        let wanted = stems ?? sources
        if let unknown = wanted.first(where: { !sources.contains($0) }) {
            throw .invalidOption(
                name: "stems", value: unknown,
                allowed: "one of " + sources.joined(separator: ", "))
        }
        let indices = sources.indices.filter { wanted.contains(sources[$0]) }
        if indices.isEmpty {
            throw .invalidOption(
                name: "stems", value: "[]",
                allowed: "at least one of " + sources.joined(separator: ", "))
        }
        return WeightedBag(
            zip(configurations, weights).map { configuration, weights in
                WeightedBag.Member(format: NetworkFormat(configuration), weights: weights)
            }, stems: indices)
    }

    /// Loads the members that run; `nil` stands for the others.
    ///
    /// - Throws: `WeightsError`.
    func networks(running bag: WeightedBag, backend: Backend) throws -> [HTDemucs?] {
        try checkpoints.indices.map { index in
            bag.contributions(ofMember: index).isEmpty
                ? nil
                : try HTDemucs(
                    configurations[index], warnings: [],
                    parameters: checkpoints[index].parameters(), backend: backend)
        }
    }

    func information(stems: [Int]) -> ModelInformation {
        ModelInformation(
            name: files.name, stems: stems, members: configurations, warnings: warnings)
    }
}
