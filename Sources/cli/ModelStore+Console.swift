// Finds a model's files by `--name`, with messages on the console.

import Demucs
import ModelDownloads
import ModelZoo
import Runs
import System

extension ModelStore {
    /// The named model, or the default one; fetches missing files.
    ///
    /// - Throws: `ModelStoreError`, `BagError`, `WeightsError`, `CancellationError`.
    package func model(
        named name: String?, console: Console, cancellation: CancellationToken
    ) throws -> ModelFiles {
        try model(named: name) { error in
            console.warning(
                commandText(of: error) + "; using the bundled '\(ModelStore.demoModel)': expect an "
                    + "SDR of about 6 dB on real songs, where '\(ModelStore.defaultModel)' has about 9; "
                    + "'swift-demucs models fetch \(ModelStore.defaultModel)' gets it (84 MB)")
        } find: { name in
            try fetch(name, console: console, cancellation: cancellation)
        }
    }

    /// The model's files; shows the progress of downloads.
    func fetch(
        _ name: String, console: Console, cancellation: CancellationToken
    ) throws -> ModelFiles {
        var display = DownloadDisplay(console: console)
        defer { display.end() }
        return try findOrFetch(
            name, report: { display.update($0) }, isCancelled: { cancellation.isCancelled })
    }
}

extension ChosenModel {
    /// Finds the model of the options, and fetches missing files.
    ///
    /// - Throws: `ModelStoreError`, `BagError`, `WeightsError`, `ConfigurationError`,
    ///   `CancellationError`.
    convenience init(
        _ arguments: ParsedArguments, _ request: SeparationRequest, console: Console,
        cancellation: CancellationToken
    ) throws {
        let name = arguments.value(.name)
        let store = try arguments.modelStore()
        var files = try store.model(
            named: name, console: console, cancellation: cancellation)
        files.submodel = arguments.value(.member)
        if let path = arguments.value(.config) {
            files.configuration = try ConfigurationFile.read(path)
        }
        files = try files.followed(by: request.then ?? []) { name in
            try store.fetch(name, console: console, cancellation: cancellation)
        }
        try self.init(files, cancellation: cancellation)
    }
}

extension Separator {
    /// Loads the model of `--name`.
    ///
    /// - Throws: the errors of finding, fetching and loading it.
    convenience init(
        _ arguments: ParsedArguments, threads: Int, _ precision: PrecisionChoice,
        console: Console, cancellation: CancellationToken
    ) throws {
        let model = try OpenedModel(
            arguments.modelStore().model(
                named: arguments.value(.name), console: console, cancellation: cancellation))
        model.warnings.forEach(console.warning)
        try self.init(
            model, threads: threads,
            precision: precision.precision(for: model.int8Support))
    }
}

struct DownloadDisplay {
    private let console: Console
    private let isBarShown: Bool
    private var start = ContinuousClock.now
    /// Bytes that an earlier run has received.
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
            let size = total.map { " (\($0.megabytes()) MB)" } ?? ""
            let verb = resumed > 0 ? "Going on with the download of" : "Downloading"
            end()
            console.status("\(verb) \(file)\(size) from \(url)")
        case .progress(_, let received, let total):
            draw(received, total)
        case .retrying(let error, let seconds):
            end()
            console.status("\(error); trying again in \(seconds.fixed(1)) s")
        case .verifying: break
        case .finished(let file, let bytes):
            end()
            let elapsed = (ContinuousClock.now - start).seconds
            console.status(
                "Downloaded \(file), \(bytes.megabytes()) MB in "
                    + "\(elapsed.fixed(1)) s")
        }
    }

    /// Removes the bar.
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

    /// ` 37 % [===>      ] 31.1 of 84.1 MB, 5.2 MB/s, 0:10 left`; without a total, the
    /// share, the bar and the time left are missing.
    static func line(
        received: Int, total: Int?, resumed: Int, seconds: Double, columns: Int
    ) -> String {
        let rate = seconds > 0 ? Double(received - resumed) / seconds : 0
        let speed = rate > 0 ? ["\((rate / 1e6).fixed(1)) MB/s"] : []
        guard let total, total > 0 else {
            let parts = ["\(received.megabytes()) MB"] + speed
            return String(parts.joined(separator: ", ").prefix(max(0, columns)))
        }
        let left =
            rate > 0
            ? ["\((Double(max(0, total - received)) / rate).clockText) left"] : []
        return ProgressBar.line(
            share: Double(received) / Double(total),
            ["\(received.megabytes()) of \(total.megabytes()) MB"] + speed + left, columns: columns)
    }
}
