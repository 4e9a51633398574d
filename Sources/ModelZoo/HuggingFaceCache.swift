// The cache that huggingface_hub keeps, read only:
//
//     models--adefossez--HTDemucs/refs/main               the commit that `main` was last
//     models--adefossez--HTDemucs/snapshots/<commit>/…    links to the files of that commit

import Foundation
import WeightsLoader

/// A hub cache's folders.
struct HuggingFaceCache {
    let hub: String

    /// The folder that holds the last known files of a repository's main branch.
    func snapshot(of repository: HubRepository) -> String? {
        let folder = "\(hub)/models--\(repository.namespace)--\(repository.repository)"
        guard let file = try? MappedFile("\(folder)/refs/main"),
            let text = file.withBytes(
                0..<min(file.countBytes, 128), { String(validating: $0, as: UTF8.self) })
        else { return nil }
        // A damaged file must not lead to another folder.
        let commit = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard ModelName.isSignature(commit) else { return nil }
        let snapshot = "\(folder)/snapshots/\(commit)"
        return FileSystem.isFolder(snapshot) ? snapshot : nil
    }
}
