// The models that follow another one.

import ModelZoo
import Tracks

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
