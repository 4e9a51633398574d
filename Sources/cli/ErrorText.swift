// The texts of errors in the command's terms: the libraries say what failed, and the command names the
// option that helps.

import ModelZoo
import Porting
import System
import WeightsLoader

/// An error of a module that CLI doesn't import.
package protocol ErrorWithRemedy: Error {
    /// The option that helps.
    var remedy: Option? { get }
}

package func commandText(of error: any Error) -> String {
    switch error {
    case ModelStoreError.offline(let name, let folders, .requested):
        return ModelStoreError.offline(name, folders, "of \(Option.offline.long)")
    case ModelStoreError.notFetched(_, let reasons):
        // The last server's error is the end of the text.
        guard case .libraryUnusable = reasons.last else { return "\(error)" }
        return "\(error) with -n"
    case WeightsError.severalModels(let path, let submodels):
        let choice = "choose one of them (\(Option.member.long))"
        return "\(path): " + WeightsError.severalModels(submodels, choice: choice)
    case WeightsError.configurationMissing:
        return "\(error), or give it with \(Option.config.long)"
    case PortingError.invalidOption(let name, let value, let allowed):
        return "The value '\(value)' is invalid for '--\(name)': expected \(allowed)"
    case PortingError.modelDiffers:
        return "\(error) with -n"
    case PortingError.tooFewSamples:
        return "\(error) with \(Option.samples.long)"
    case let error as any ErrorWithRemedy:
        return error.remedy.map { "\(error) Use '\($0.usage)'." } ?? "\(error)"
    default:
        return "\(error)"
    }
}
