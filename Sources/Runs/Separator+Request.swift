// What a loaded model can do for a request.

import Demucs
import System

extension Separator {
    /// A request that names the loaded stems, if it asks for all.
    package func withLoadedStems(_ request: SeparationRequest) -> SeparationRequest {
        guard request.asksForAllStems else { return request }
        var request = request
        request.stems = model.sources
        return request
    }

    /// - Throws: `RunError` for signals of stems that were left out when the model was
    ///   loaded.
    package func checkLoaded(_ signals: [NamedSignal]) throws(RunError) {
        let needed = signals.flatMap(\.signal.stems)
        let missing = stems.all.filter { needed.contains($0) && !model.sources.contains($0) }
        if !missing.isEmpty {
            throw .settings(
                "the model was loaded without \(missing.joined(separator: ", ")), which the settings "
                    + "need; load it with all stems")
        }
    }
}
