// The folders in which models are looked for, as the environment sets them.
//
//     HF_HUB_CACHE, else HF_HOME/hub, else <cache>/huggingface/hub      huggingface_hub's
//     TORCH_HOME/hub/checkpoints, else <cache>/torch/hub/checkpoints    torch.hub's
//     <cache>/swift-demucs                                              this package's own
//
// where <cache> is XDG_CACHE_HOME, else ~/.cache.

import Foundation

/// Caches that may hold checkpoints. None of the folders needs to be there.
package struct CacheFolders: Sendable, Equatable {
    package let huggingFaceHub: String
    package let torchCheckpoints: String
    /// Where this package puts what it downloads.
    package let own: String

    package init(environment: [String: String]) {
        func variable(_ name: String) -> String? {
            guard let value = environment[name], !value.isEmpty else { return nil }
            return CacheFolders.expanded(value, environment)
        }
        let caches =
            variable("XDG_CACHE_HOME") ?? CacheFolders.expanded("~/.cache", environment)
        huggingFaceHub =
            variable("HF_HUB_CACHE") ?? variable("HF_HOME").map { $0 + "/hub" }
            ?? caches + "/huggingface/hub"
        torchCheckpoints = (variable("TORCH_HOME") ?? caches + "/torch") + "/hub/checkpoints"
        own = caches + "/swift-demucs"
    }

    /// Replaces a leading `~` by the home folder.
    private static func expanded(_ path: String, _ environment: [String: String]) -> String {
        guard path == "~" || path.hasPrefix("~/") else { return path }
        return (environment["HOME"] ?? NSHomeDirectory()) + path.dropFirst()
    }
}
