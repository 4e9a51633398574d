// The caches that are searched for models, as the environment sets them:
//
//     HF_HUB_CACHE, else HF_HOME/hub, else <cache>/huggingface/hub      huggingface_hub's
//     TORCH_HOME/hub/checkpoints, else <cache>/torch/hub/checkpoints    torch.hub's
//     <cache>/swift-demucs                                              this package's own
//
// where <cache> is XDG_CACHE_HOME, else ~/.cache. huggingface_hub's is only read:
//
//     models--adefossez--HTDemucs/refs/main               the newest known commit of `main`
//     models--adefossez--HTDemucs/snapshots/<commit>/…    links to the files of that commit

import System
import WeightsLoader

/// Caches that may hold checkpoints; each folder may be missing.
package struct CacheFolders: Sendable {
    let huggingFaceHub: String
    let torchCheckpoints: String
    /// Folder of this package's downloads.
    let own: String

    init(environment: [String: String]) {
        func expanded(_ path: String) -> String {
            guard path == "~" || path.hasPrefix("~/") else { return path }
            return (environment["HOME"] ?? CacheFolders.userHome) + path.dropFirst()
        }
        func variable(_ name: String) -> String? {
            guard let value = environment[name], !value.isEmpty else { return nil }
            return expanded(value)
        }
        let caches = variable("XDG_CACHE_HOME") ?? expanded("~/.cache")
        huggingFaceHub =
            variable("HF_HUB_CACHE") ?? variable("HF_HOME").map { $0 + "/hub" }
            ?? caches + "/huggingface/hub"
        torchCheckpoints = (variable("TORCH_HOME") ?? caches + "/torch") + "/hub/checkpoints"
        own = caches + "/swift-demucs"
    }

    /// The home folder from the system's table of users.
    private static var userHome: String {
        getpwuid(getuid()).map { String(cString: $0.pointee.pw_dir) } ?? "/"
    }

    /// Folder to which `.th` files are downloaded.
    package var ownCheckpoints: String { own + "/checkpoints" }

    /// Folder to which files of a hub repository are downloaded.
    package func own(_ repository: HubRepository) -> String {
        "\(own)/hub/\(repository.namespace)/\(repository.repository)"
    }

    /// The folder in huggingface_hub's cache with the newest known files of a repository.
    func snapshot(of repository: HubRepository) -> String? {
        let folder = "\(huggingFaceHub)/models--\(repository.namespace)--\(repository.repository)"
        guard let file = try? ReadFile("\(folder)/refs/main"),
            let text = try? file.read(
                0..<min(file.countBytes, 128), { String(validating: $0, as: UTF8.self) })
        else { return nil }
        // A damaged file must not lead to another folder.
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 1, let commit = words.first.map(String.init),
            ModelName.isSignature(commit)
        else { return nil }
        let snapshot = "\(folder)/snapshots/\(commit)"
        return FilePath.isFolder(snapshot) ? snapshot : nil
    }
}
