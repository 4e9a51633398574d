// `swift-demucs separate`: finds the tracks and the model, plans the files, and runs the plan.

import Demucs
import ModelZoo
import Runs
import System

struct SeparateCommand {
    private let arguments: ParsedArguments
    private let settings: RunSettings
    private let console: Console
    private let style: ProgressDisplay.Style

    /// Checks the arguments as far as possible without the model and the tracks.
    init(_ arguments: ParsedArguments, console: Console) throws(UsageError) {
        if arguments.has(.signature) {
            throw UsageError(
                "'\(Option.signature.long)' is not supported: only the reference's solver can "
                    + "read its training runs; export the model and pass the checkpoint with "
                    + "'\(Option.name.long)'")
        }
        if arguments.has(.raw) && !arguments.has(.stdout) { throw .needs(.raw, .stdout) }
        if let device = arguments.value(.device), device != "cpu" {
            console.warning("the device '\(device)' is ignored: everything runs on the CPU")
        }
        var settings = try arguments.runSettings()
        settings.isRaw = arguments.has(.raw)
        settings.standardOutput = arguments.value(.stdout)
        settings.threads = try arguments.threads()
        settings.jobs = try arguments.number(.jobs, in: 0...1024) ?? 0
        settings.shard = try arguments.value(
            .shard, allowed: "I/N, shard I of N, counted from 0, such as 0/8 for the first of eight"
        ) { Shard($0) }
        settings.isFollowing = arguments.has(.follow)
        settings.takesAllFormats = arguments.has(.allFormats)
        settings.quarantineAfter = try arguments.number(.quarantineAfter, in: 1...1_000_000)
        self.arguments = arguments
        self.settings = settings
        self.console = console
        style = try Self.progressStyle(arguments)
        try checkManifestOptions()
    }

    /// The option's style, that of the environment, or that of the name by which the program runs.
    /// Only the option excludes a standard output that has other things.
    private static func progressStyle(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> ProgressDisplay.Style {
        let names = "bar or tqdm"
        let given = try arguments.value(.progress, allowed: names) {
            ProgressDisplay.Style(rawValue: $0)
        }
        if let given { return given }
        if arguments.has(.jsonLines) || arguments.has(.stdout) { return .bar }
        if let variable = getenv("SWIFT_DEMUCS_PROGRESS").map({ String(cString: $0) }),
            !variable.isEmpty
        {
            guard let style = ProgressDisplay.Style(rawValue: variable) else {
                throw UsageError("SWIFT_DEMUCS_PROGRESS is '\(variable)', expected \(names)")
            }
            return style
        }
        return FilePath.name(of: programName) == "demucs" ? .tqdm : .bar
    }

    private func checkManifestOptions() throws(UsageError) {
        if !arguments.has(.manifest) {
            for option in [Option.shard, .follow, .quarantineAfter] where arguments.has(option) {
                throw .needs(option, .manifest)
            }
        } else if let operand = arguments.operands.first {
            throw UsageError(
                "Unexpected argument '\(operand)': '\(Option.manifest.long)' names all tracks")
        }
    }

    /// Separates all tracks; continues after one that fails.
    func run() -> ExitCode {
        let reporter = ConsoleReporter(
            console: console, style: style, takesEvents: arguments.has(.jsonLines))
        let cancellation = Interruption.cancellation(onResize: reporter.display.redraw)
        do {
            if arguments.has(.listModels) { return try listModels() }
            let manifest = try arguments.value(.manifest).map {
                try TrackManifest($0, settings: settings, cancellation: cancellation)
            }
            let found = TrackDiscovery(
                arguments.operands,
                outputFolders: [
                    settings.folder,
                    FilePath.joined(
                        settings.folder,
                        FilePath.stem(of: arguments.value(.name) ?? ModelStore.defaultModel)),
                ])
            found.notes.forEach(reporter.status)
            if arguments.has(.stdout) { try checkStandardOutput(found) }
            // A mistyped name must not start a download.
            if manifest == nil, !found.tracks.contains(where: \.isThere) {
                return try reportMissing(found, to: reporter)
            }
            var run = try SeparationRun(
                of: found.tracks, manifest,
                with: ChosenModel(
                    arguments, settings.request, console: console, cancellation: cancellation),
                settings: settings, reporter: reporter, cancellation: cancellation)
            return try ExitCode(run.run(found))
        } catch {
            return report(error)
        }
    }

    /// Reports that no operand names a track.
    private func reportMissing(
        _ found: TrackDiscovery, to reporter: ConsoleReporter
    ) throws -> ExitCode {
        let outcome = try SeparationRun.end(without: found, settings: settings, reporter: reporter)
        if let word = arguments.operands.first,
            let name = nearestWord(to: word, among: Command.all.map(\.name))
        {
            console.error("'\(word)' is not a command either. Did you mean '\(name)'?")
        }
        return ExitCode(outcome)
    }

    /// Prints the names that `--name` accepts, in the reference's layout.
    private func listModels() throws -> ExitCode {
        let names: (bags: [String], checkpoints: [String])
        if let repository = arguments.value(.repo) {
            names = try ModelStore(ofProgramWith: repository, isOffline: true).names(in: repository)
        } else {
            names = (
                PublishedModel.all.map(\.name),
                PublishedModel.all.flatMap(\.bag.signatures)
                    .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
            )
        }
        for (title, list) in [
            ("Bag of models:", names.bags), ("Single models:", names.checkpoints),
        ] {
            console.result(([title] + list).joined(separator: "\n    "))
        }
        return .done
    }

    private func checkStandardOutput(_ found: TrackDiscovery) throws(UsageError) {
        guard found.tracks.count == 1, found.problems.isEmpty else {
            throw UsageError(
                "'\(Option.stdout.long)' takes a single track, but \(found.tracks.count) were found"
            )
        }
        if isatty(STDOUT_FILENO) == 1 {
            throw UsageError(
                "Standard output is a terminal; redirect the audio of '\(Option.stdout.long)' to a "
                    + "file or a program")
        }
    }

    /// Reports an error that occurred before the first track.
    private func report(_ error: any Error) -> ExitCode {
        switch error {
        case let error as SeparationError:
            let usage = UsageError(error, arguments)
            console.error("\(usage?.description ?? error.description)")
        case let error as RunError:
            console.error("\(UsageError(error, arguments))")
        case is CancellationError:
            console.error("interrupted before the first track")
        default:
            console.error(commandText(of: error))
        }
        return ExitCode(ErrorCause(of: error))
    }
}
