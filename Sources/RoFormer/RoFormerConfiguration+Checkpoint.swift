// The description of a RoFormer: in its checkpoint, or in a YAML file.

import HTDemucs
import WeightsLoader

extension RoFormerConfiguration.Kind {
    /// Module and class of the reference.
    package var className: String { rawValue }

    /// The kind whose tensors a checkpoint has; nil for models of other families.
    package init?(of checkpoint: Checkpoint) {
        guard checkpoint.tensor(named: OfficialNames.roFormerAnchor) != nil else {
            return nil
        }
        // The transformers of Mel-Band RoFormer have norms of their own.
        self = checkpoint.tensor(named: "final_norm.gamma") == nil ? .melBand : .bandSplit
    }

    /// The class and the sections of a checkpoint's description, as `convert` stores them.
    package func arguments(
        _ sections: [String: ArgumentValue]
    ) -> ModelArguments {
        ModelArguments(className: className, positional: [], keyword: sections)
    }

    /// The sections of the description that a checkpoint has.
    ///
    /// - Throws: ``WeightsError/configurationMissing(path:className:)`` if it has none; other
    ///   `WeightsError`s if it is damaged.
    package func storedSections(
        of checkpoint: Checkpoint
    ) throws(WeightsError) -> [String: ArgumentValue] {
        guard checkpoint.describesModel else {
            throw .configurationMissing(path: checkpoint.path, className: className)
        }
        return try checkpoint.modelArguments(ofClasses: [className]).keyword
    }
}
