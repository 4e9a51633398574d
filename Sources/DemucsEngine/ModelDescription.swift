// The description of a checkpoint's model, which is known before its weights are read.

import HTDemucs
import ModelZoo
import RoFormer
import System
import WeightsLoader

/// The class of a model, its arguments, and what follows from them.
package struct ModelDescription: Sendable {
    package let configuration: ModelConfiguration
    /// The class and its arguments, as safetensors files store them.
    package let arguments: ModelArguments
    /// Parts of the arguments that this engine ignores, one a line.
    package let warnings: [String]

    private init(
        _ configuration: ModelConfiguration, _ arguments: ModelArguments, warnings: [String] = []
    ) {
        self.configuration = configuration
        self.arguments = arguments
        self.warnings = warnings
    }

    /// Reads the description from its file, from the checkpoint, or else from the shapes of the
    /// tensors, where they determine it.
    ///
    /// - Parameters:
    ///   - file: the file; nil for none.
    ///   - sources: names of the sources that replace the stored ones.
    /// - Throws: `WeightsError`, `ConfigurationError`.
    package init(
        of checkpoint: Checkpoint, _ file: ConfigurationFile?, sources: [String]? = nil
    ) throws {
        let sources = sources.map { ArgumentValue.array($0.map(ArgumentValue.string)) }
        guard let kind = RoFormerConfiguration.Kind(of: checkpoint) else {
            let overriding = sources.map { ["sources": $0] } ?? [:]
            guard let file else {
                self = try Self.demucs(
                    Configuration.arguments(of: checkpoint, overriding: overriding))
                return
            }
            self = try Self.named(file) { sections throws(ConfigurationError) in
                let stored = try ModelArguments(ofSections: sections)
                return try .demucs(
                    ModelArguments(
                        className: stored.className, positional: [],
                        keyword: stored.keyword.merging(overriding) { $1 }))
            }
            return
        }
        if let sources {
            throw ConfigurationError.unsupported(
                key: "sources", found: sources.description,
                supported: "the names in training.instruments of a RoFormer's YAML file")
        }
        guard let file else {
            self = try Self.roformer(
                kind, kind.completed(kind.storedSections(of: checkpoint), from: checkpoint))
            return
        }
        self = try Self.named(file) { sections throws(ConfigurationError) in
            try .roformer(kind, kind.completed(sections, from: checkpoint))
        }
    }

    /// Reads the description of a single checkpoint, also from the YAML file beside it.
    ///
    /// - Throws: as ``init(of:_:sources:)``, and `YAMLFileError`.
    package init(of checkpoint: Checkpoint, sources: [String]? = nil) throws {
        let files = ModelFiles(checkpoint: checkpoint.path)
        try self.init(
            of: checkpoint, files.configuration(of: checkpoint), sources: sources)
    }

    private static func demucs(
        _ arguments: ModelArguments
    ) throws(ConfigurationError) -> ModelDescription {
        let (configuration, warnings) = try Configuration.read(arguments)
        return ModelDescription(.demucs(configuration), arguments, warnings: warnings)
    }

    private static func roformer(
        _ kind: RoFormerConfiguration.Kind, _ sections: [String: ArgumentValue]
    ) throws(ConfigurationError) -> ModelDescription {
        ModelDescription(
            .roformer(try RoFormerConfiguration(kind, sections)), kind.arguments(sections))
    }

    /// The description in the sections of a file, whose errors name the file.
    private static func named(
        _ file: ConfigurationFile,
        _ read: ([String: ArgumentValue]) throws(ConfigurationError) -> ModelDescription
    ) throws(ConfigurationError) -> ModelDescription {
        do {
            return try read(file.sections)
        } catch {
            throw .file(path: file.path, error)
        }
    }

    /// The arguments by name.
    package func namedArguments() throws(ConfigurationError) -> [String: ArgumentValue] {
        switch configuration {
        case .demucs: try Configuration.named(arguments)
        case .roformer: arguments.keyword
        }
    }
}
