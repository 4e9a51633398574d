// The description of a checkpoint's model, which is known before its weights are read.

import ModelZoo
import Networks
import WeightsLoader

/// The class of a model, its arguments, and what follows from them.
package struct ModelDescription: Sendable {
    package let configuration: any ModelConfiguration
    /// The class and its arguments, as safetensors files store them.
    package let arguments: ModelArguments
    /// The arguments by name.
    package let namedArguments: [String: ArgumentValue]
    /// Parts of the arguments that this engine ignores, one a line.
    package let warnings: [String]

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
        let sections = file?.sections
        // Without a known model, reading the first family says what is missing.
        let family =
            ModelFamily.all.first { $0.recognises(checkpoint, sections) } ?? ModelFamily.all[0]
        let sources = sources.map { ArgumentValue.array($0.map(ArgumentValue.string)) }
        if let sources, let place = family.placeOfSources {
            throw ConfigurationError.unsupported(
                key: "sources", found: sources.description, supported: place)
        }
        do {
            (configuration, arguments, warnings) = try family.read(
                checkpoint, sections, sources.map { ["sources": $0] } ?? [:])
        } catch let error as ConfigurationError {
            throw file.map { .file(path: $0.path, error) } ?? error
        }
        namedArguments = zip(family.argumentOrder, arguments.positional)
            .reduce(into: arguments.keyword) { $0[$1.0] = $1.1 }
    }

    /// Reads the description of a single checkpoint, also from the YAML file beside it.
    ///
    /// - Throws: as ``init(of:_:sources:)``, and `YAMLFileError`.
    package init(of checkpoint: Checkpoint, sources: [String]? = nil) throws {
        let files = ModelFiles(checkpoint: checkpoint.path)
        try self.init(
            of: checkpoint, files.configuration(of: checkpoint), sources: sources)
    }
}
