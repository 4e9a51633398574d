// The description of a RoFormer: in its checkpoint, or in a YAML file.

import Networks
import WeightsLoader

extension RoFormerConfiguration.Kind {
    /// The kind whose tensors a checkpoint has; nil for models of other families.
    package init?(of checkpoint: Checkpoint) {
        guard checkpoint.tensor(named: OfficialNames.bandSplitAnchor) != nil else {
            return nil
        }
        // The transformers of Mel-Band RoFormer have norms of their own.
        self = checkpoint.tensor(named: "final_norm.gamma") == nil ? .melBand : .bandSplit
    }

    /// Reads the sections of a file, or else those of the checkpoint, completed by the shapes of its
    /// tensors.
    ///
    /// - Throws: ``WeightsError``, ``ConfigurationError``.
    package func read(
        _ checkpoint: Checkpoint, _ sections: [String: ArgumentValue]?
    ) throws -> (any ModelConfiguration, ModelArguments, warnings: [String]) {
        let sections = completed(try sections ?? storedSections(of: checkpoint), from: checkpoint)
        return (
            try RoFormerConfiguration(self, sections),
            ModelArguments(className: rawValue, positional: [], keyword: sections), []
        )
    }

    /// The sections of the description that a checkpoint has.
    ///
    /// - Throws: ``WeightsError/configurationMissing(path:className:)`` if it has none; other
    ///   `WeightsError`s if it is damaged.
    package func storedSections(
        of checkpoint: Checkpoint
    ) throws(WeightsError) -> [String: ArgumentValue] {
        guard checkpoint.describesModel else {
            throw .configurationMissing(path: checkpoint.path, className: rawValue)
        }
        return try checkpoint.modelArguments(ofClasses: [rawValue]).keyword
    }
}
