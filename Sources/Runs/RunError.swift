// Errors in the settings and lists of a run, found before a track is separated.

import Demucs
import System

/// A run that can't begin, or a line of a followed manifest that can't be used.
package enum RunError: Error, Equatable, CustomStringConvertible {
    case request(RequestError)
    /// A fault of the settings, the model, the tracks or a list.
    ///
    /// - remedy: what to do, with the names of fields in back-quotes, as each door writes them its own way.
    case settings(String, remedy: String = "")
    /// - place: the manifest and the line.
    case trackRequest(place: String, RequestError)

    package var description: String {
        switch self {
        case .request(let error): "\(error)"
        case .settings(let problem, let remedy):
            problem + (remedy.isEmpty ? "" : "; ") + String(remedy.map { $0 == "`" ? "'" : $0 })
        case .trackRequest(let place, let error): "\(place): \(error)"
        }
    }
}

extension RunError: CausedError {
    package var cause: ErrorCause { .argument }
}
