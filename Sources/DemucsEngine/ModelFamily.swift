// The families of models, a row for each class. Beside their own folders and the files that
// CONTRIBUTING.md lists, no code decides by them.

import HTDemucs
import Networks
import RoFormer
import WeightsLoader

/// What the engine has to know of a family before it has a configuration, which knows the rest
/// (`ModelConfiguration`).
package struct ModelFamily: Sendable {
    /// The constructor's parameters in order; empty where all arguments have names.
    let argumentOrder: [String]
    /// Where the sources' names stand if a caller can't replace them.
    let placeOfSources: String?
    /// Whether a checkpoint has a model of the family, by its tensors and stored arguments or by the
    /// sections of the file beside it.
    let recognises: @Sendable (Checkpoint, _ sections: [String: ArgumentValue]?) -> Bool
    /// Reads the description in the sections, in the checkpoint, or else in the shapes of its tensors.
    let read:
        @Sendable (
            Checkpoint, _ sections: [String: ArgumentValue]?,
            _ overriding: [String: ArgumentValue]
        ) throws -> (any ModelConfiguration, ModelArguments, warnings: [String])
    /// The configurations of published sizes, to measure them without their files.
    let published: [(name: String, configuration: @Sendable () throws -> any ModelConfiguration)]
    /// The network's modules in the order of computation; the layers of those of a stage alternate.
    let stages: [[String]]

    package static let all = [
        demucs(.htdemucs), demucs(.hdemucs), demucs(.demucs), roformer(.melBand),
        roformer(.bandSplit),
    ]

    private static func demucs(_ architecture: Architecture) -> ModelFamily {
        ModelFamily(
            argumentOrder: architecture.argumentOrder,
            placeOfSources: nil, recognises: { Architecture(of: $0, $1) == architecture },
            read: { checkpoint, sections, overriding in
                let found = try Configuration.read(
                    from: checkpoint, sections, overriding: overriding)
                return (found.configuration, found.arguments, found.warnings)
            },
            published: [
                (
                    architecture.rawValue,
                    { @Sendable in try Configuration(.publishedSize(of: architecture)) }
                )
            ], stages: LoadedNetwork.stages)
    }

    private static func roformer(_ kind: RoFormerConfiguration.Kind) -> ModelFamily {
        ModelFamily(
            argumentOrder: [],
            placeOfSources: "the names in training.instruments of a RoFormer's YAML file",
            recognises: { checkpoint, _ in RoFormerConfiguration.Kind(of: checkpoint) == kind },
            read: { checkpoint, sections, _ in try kind.read(checkpoint, sections) },
            published: RoFormerConfiguration.Published.allCases.filter { $0.kind == kind }.map {
                size in (size.rawValue, { @Sendable in try size.configuration() })
            }, stages: RoFormer.stages)
    }
}

extension ModelFamily {
    /// The stages of all families.
    package static let stages = all.map(\.stages).reduce(into: [[String]]()) { stages, own in
        stages += own.filter { !stages.contains($0) }
    }

    /// The names of ``configuration(ofPublishedSize:)``.
    package static let publishedNames = all.flatMap { $0.published.map(\.name) }

    /// The configuration of a published model; nil for an unknown name.
    ///
    /// - Throws: `ConfigurationError`.
    package static func configuration(
        ofPublishedSize name: String
    ) throws -> (any ModelConfiguration)? {
        try all.flatMap(\.published).first { $0.name == name }?.configuration()
    }
}
