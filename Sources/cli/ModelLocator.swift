// From what `--name` says to a model's files: found, fetched, or the bundled model in their place.

import Demucs
import Foundation
import HTDemucs
import ModelZoo

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

struct DownloadDisplay {
    private let console: Console
    private let isBarShown: Bool
    private var start = ContinuousClock.now
    /// Bytes that were there when this run began.
    private var resumedBytes = 0
    private var lastDrawn: ContinuousClock.Instant?

    init(console: Console) {
        self.console = console
        isBarShown = console.isTerminal && !console.isQuiet
    }

    mutating func update(_ event: DownloadEvent) {
        switch event {
        case .waiting(let file):
            console.status("Waiting for another process that downloads \(file)")
        case .started(let url, let file, let resumed, let total):
            start = .now
            resumedBytes = resumed
            let size = total.map { " (\(DownloadDisplay.megabytes($0)) MB)" } ?? ""
            let verb = resumed > 0 ? "Going on with the download of" : "Downloading"
            end()
            console.status("\(verb) \(file)\(size) from \(url)")
        case .progress(_, let received, let total):
            draw(received, total)
        case .retrying(let error, let seconds):
            end()
            console.status("\(error); trying again in \(DownloadDisplay.short(seconds)) s")
        case .verifying: break
        case .finished(let file, let bytes):
            end()
            let elapsed = (ContinuousClock.now - start).seconds
            console.status(
                "Downloaded \(file), \(DownloadDisplay.megabytes(bytes)) MB in "
                    + "\(DownloadDisplay.short(elapsed)) s")
        }
    }

    /// Takes the bar away.
    func end() {
        if isBarShown, lastDrawn != nil { console.redraw("") }
    }

    private mutating func draw(_ received: Int, _ total: Int?) {
        guard isBarShown else { return }
        if let last = lastDrawn, ContinuousClock.now - last < .milliseconds(100) { return }
        lastDrawn = .now
        console.redraw(
            DownloadDisplay.line(
                received: received, total: total, resumed: resumedBytes,
                seconds: (ContinuousClock.now - start).seconds, columns: console.columns - 1))
    }

    /// ` 37 % [===>      ] 31.1 of 84.1 MB, 5.2 MB/s, 0:10 left`; without a total the first and
    /// the last part are missing.
    static func line(
        received: Int, total: Int?, resumed: Int, seconds: Double, columns: Int
    ) -> String {
        let rate = seconds > 0 ? Double(received - resumed) / seconds : 0
        let speed = rate > 0 ? ["\(short(rate / 1e6)) MB/s"] : []
        guard let total, total > 0 else {
            let parts = ["\(megabytes(received)) MB"] + speed
            return String(parts.joined(separator: ", ").prefix(max(0, columns)))
        }
        let left =
            rate > 0
            ? ["\(ProgressDisplay.clock(Double(max(0, total - received)) / rate)) left"] : []
        return ProgressBar.line(
            share: Double(received) / Double(total),
            ["\(megabytes(received)) of \(megabytes(total)) MB"] + speed + left, columns: columns)
    }

    static func megabytes(_ bytes: Int) -> String { short(Double(bytes) / 1e6) }

    private static func short(_ value: Double) -> String { String(format: "%.1f", value) }
}
