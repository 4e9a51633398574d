// From what `--name` says to a model's files: found, fetched, or the bundled model in their place.

import Foundation
import Separation

/// A file that comes with the program is not where it should be.
struct BundledFileMissing: Error, CustomStringConvertible {
    let name: String
    let folders: [String]

    var description: String {
        let places = folders.isEmpty ? "" : " in \(folders.joined(separator: ", "))"
        return "'\(name)' was not found\(places); it comes with the program: set "
            + "SWIFT_DEMUCS_MODELS to its folder"
    }
}

struct ModelLocator {
    private static let defaultModel = "htdemucs"
    private static let bundledModel = "demo"

    let store: ModelStore

    /// - Throws: `ModelStoreError` if the repository is no folder.
    init(
        repository: String?, isOffline: Bool,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        executable: URL? = Bundle.main.executableURL
    ) throws {
        store = try ModelStore(
            repository: repository, isOffline: isOffline,
            bundledFolders: ModelLocator.bundledFolders(of: executable),
            environment: environment)
    }

    /// The model that was named, or the default one, fetched if need be. A name that was given never
    /// falls back.
    ///
    /// - Throws: `ModelStoreError`, `BagError`, `WeightsError`, `CancellationError`.
    func locate(
        _ name: String?, console: Console, cancellation: CancellationToken
    ) throws -> ModelFiles {
        try orDemo(name, console) {
            try fetch($0, console: console, cancellation: cancellation)
        }
    }

    /// The same of what is on this machine.
    func find(_ name: String?, console: Console) throws -> ModelFiles {
        try orDemo(name, console) { try store.find($0) }
    }

    private func orDemo(
        _ name: String?, _ console: Console, _ find: (String) throws -> ModelFiles
    ) throws -> ModelFiles {
        do {
            return try find(name ?? ModelLocator.defaultModel)
        } catch let error as ModelStoreError {
            guard name == nil, let demo = try? store.find(ModelLocator.bundledModel) else {
                throw error
            }
            console.warning(
                "\(error); using the bundled '\(ModelLocator.bundledModel)', a small model for "
                    + "trying things out: give a real one with -n")
            return demo
        }
    }

    /// The model's files; shows how far fetching is where that is needed.
    func fetch(
        _ name: String, console: Console, cancellation: CancellationToken
    ) throws -> ModelFiles {
        var display = DownloadDisplay(console: console)
        defer { display.end() }
        return try store.findOrFetch(
            name, report: { display.update($0) }, isCancelled: { cancellation.isCancelled })
    }

    /// A file that comes with the program, from a folder of SWIFT_DEMUCS_MODELS or from beside the
    /// bundled model.
    static func bundledFile(
        _ name: String, environment: [String: String] = ProcessInfo.processInfo.environment,
        executable: URL? = Bundle.main.executableURL
    ) throws(BundledFileMissing) -> String {
        let folders =
            (environment["SWIFT_DEMUCS_MODELS"] ?? "").split(separator: ":").map(String.init)
            + bundledFolders(of: executable)
        let paths = folders.map { ($0 as NSString).appendingPathComponent(name) }
        guard let path = paths.first(where: FileManager.default.fileExists(atPath:)) else {
            throw BundledFileMissing(name: name, folders: folders)
        }
        return path
    }

    /// The models of the installation that the executable belongs to, then those of the source
    /// checkout that it was built in.
    private static func bundledFolders(of executable: URL?) -> [String] {
        guard let executable = executable?.resolvingSymlinksInPath() else { return [] }
        let binaries = executable.deletingLastPathComponent()
        let share = binaries.deletingLastPathComponent()
            .appendingPathComponent("share/swift-demucs/models").path
        return [isFolder(share) ? share : nil, checkout(around: binaries)].compactMap { $0 }
    }

    private static func checkout(around folder: URL) -> String? {
        var folder = folder
        while folder.path != "/" {
            let models = folder.appendingPathComponent("Models").path
            let manifest = folder.appendingPathComponent("Package.swift").path
            if FileManager.default.fileExists(atPath: manifest), isFolder(models) { return models }
            folder.deleteLastPathComponent()
        }
        return nil
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }
}
