// The model of a call: its files, what its folder is called, and what it separates, before any weights
// are loaded.

import Foundation
import HTDemucs
import Separation

struct LocatedModel {
    let files: ModelFiles
    /// Where stems go below `--out`.
    let folder: String
    /// Names of the stems that it gives.
    let sources: [String]

    /// Finds the model, and fetches it if need be; a dry run doesn't.
    ///
    /// - Throws: `ModelStoreError`, `BagError`, `WeightsError`, `ConfigurationError`,
    ///   `CancellationError`.
    init(
        _ settings: SeparateCommand.Settings, console: Console, cancellation: CancellationToken
    ) throws {
        let locator = try ModelLocator(
            repository: settings.repository, isOffline: settings.isOffline)
        var files =
            settings.isDryRun
            ? try locator.find(settings.model, console: console)
            : try locator.locate(settings.model, console: console, cancellation: cancellation)
        files.member = settings.member
        self.files = files
        folder = LocatedModel.folder(settings, files)
        let first = try files.open(files.members[0])
        sources = try Configuration.read(from: first).0.sources
    }

    /// As the reference names it, but a path is named after its file: `hf://` dropped, `/` to `_`.
    private static func folder(
        _ settings: SeparateCommand.Settings, _ files: ModelFiles
    ) -> String {
        var name = files.name
        let scheme = "hf://"
        if let given = settings.model, given.hasPrefix(scheme) {
            name = String(given.dropFirst(scheme.count))
        }
        if let member = settings.member { name += "_\(member)" }
        return name.replacingOccurrences(of: "/", with: "_")
    }

    /// The content of the checkpoints and what combines them; nil if they can't be read any more.
    func identity(_ cancellation: CancellationToken) -> SeparationRecord.Model? {
        let checksums = files.members.compactMap { FileChecksum.of($0, cancellation) }
        guard checksums.count == files.members.count else { return nil }
        return SeparationRecord.Model(
            checkpoints: checksums, member: files.member, weights: files.weights,
            segmentSeconds: files.segmentSeconds)
    }
}
