// The texts of errors in the command's terms: the libraries say what failed, and the command names the
// option that helps.

import ModelZoo
import Porting
import Service
import System
import WeightsLoader

func commandText(of error: any Error) -> String {
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
    case let error as ServiceError:
        return error.remedy.map { "\(error) Use '\($0.usage)'." } ?? "\(error)"
    default:
        return "\(error)"
    }
}

extension ServiceError {
    /// The option that makes the service start.
    fileprivate var remedy: Option? {
        switch self {
        case .cannotListen: .port
        case .notAnAddress: .host
        case .tokenNeeded: .tokenFile
        case .folderUnusable, .folderInUse: .data
        case .notAWebFolder: .web
        case .libraryMissing, .tokenUnusable, .cannotStart, .formerJobs: nil
        }
    }
}
