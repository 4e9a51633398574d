// The models and the precision of a request.

import ModelZoo
import Tensor
import Tracks

extension SeparationRequest {
    package var precisionChoice: PrecisionChoice {
        switch precision {
        case "auto": .fastest
        case let name?: Precision(rawValue: name).map(PrecisionChoice.fixed) ?? .ofModel
        case nil: .ofModel
        }
    }

    /// The files of a model, with those of the models that separate its stems further.
    ///
    /// - Parameter find: finds the files of a name or path.
    package func followed(
        _ files: ModelFiles, finding find: (String) throws -> ModelFiles
    ) rethrows -> ModelFiles {
        var files = files
        files.followers = try (then ?? []).map {
            ModelFiles.Follower(stem: $0.stem, files: try find($0.model))
        }
        return files
    }
}
