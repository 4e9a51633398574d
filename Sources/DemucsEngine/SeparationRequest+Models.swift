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
}

extension ModelFiles {
    /// The files with those of the models that separate stems of this one further.
    ///
    /// - Parameter find: finds the files of a name or path.
    package func followed(
        by steps: [SeparationRequest.Following], finding find: (String) throws -> ModelFiles
    ) rethrows -> ModelFiles {
        var files = self
        files.followers = try steps.map {
            ModelFiles.Follower(stem: $0.stem, files: try find($0.model))
        }
        return files
    }
}
