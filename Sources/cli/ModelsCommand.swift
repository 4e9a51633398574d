// `swift-demucs models`: lists, fetches, finds and verifies models.

import Demucs
import ModelDownloads
import ModelZoo
import System

struct ModelsCommand {
    private let arguments: ParsedArguments
    private let console: Console
    private let cancellation = Interruption.cancellation()

    /// Runs the action of the first operand; lists the models without one.
    static func run(
        _ arguments: ParsedArguments, _ console: Console
    ) throws(UsageError) -> ExitCode {
        let command = ModelsCommand(arguments: arguments, console: console)
        let names = Array(arguments.operands.dropFirst())
        let action: (ModelStore) throws -> ExitCode
        switch arguments.operands.first {
        case nil: action = command.list
        case let word? where ["fetch", "path"].contains(word) && names.isEmpty:
            throw UsageError(
                "Missing expected argument '<name>' after '\(word)'; see 'swift-demucs models --help'"
            )
        case "fetch": action = { command.fetch(names, $0) }
        case "path":
            if names.count > 1 { throw .unexpectedOperand(names[1]) }
            action = { store in
                try store.find(names[0]).checkpoints.forEach(console.result)
                return .done
            }
        case "verify":
            if let name = names.first { throw .unexpectedOperand(name) }
            action = command.verify
        case let other?: throw .unknown("action", other, allowed: actions)
        }
        if arguments.has(.json), !arguments.operands.isEmpty {
            throw .onlyFor(.json, "'models' without an action")
        }
        return console.reporting(failure: .modelUnusable) { try action(arguments.modelStore()) }
    }

    // MARK: - List

    private func list(_ store: ModelStore) throws -> ExitCode {
        let listings = try store.listings()
        guard !arguments.has(.json) else {
            let report: JSONObject = [
                "models": listings.map(\.json), "licence": PublishedModel.licenceNote,
                "linked": LinkedModel.all.map(\.json),
                "cacheFolder": store.ownCache,
            ]
            console.result(JSONText.of(report, keys: .useDefaultKeys))
            return .done
        }
        for listing in listings {
            let model = listing.model
            console.result("\(model.name): \(model.summary)")
            console.result("    stems: \(model.sources.joined(separator: ", "))")
            if listing.paths.isEmpty {
                console.result(
                    "    not installed; 'swift-demucs models fetch \(model.name)' downloads "
                        + (model.approximateMegabytes.map { "about \($0) MB " } ?? "it ")
                        + "from \(model.hub.identifier)")
            } else {
                console.result(
                    "    installed, \(listing.countBytes.megabytes()) MB:")
                for path in listing.paths { console.result("      \(path)") }
            }
        }
        console.result("")
        console.result(PublishedModel.licenceNote)
        console.result("")
        console.result("Models of other authors, from their addresses, never bundled:")
        for model in LinkedModel.all {
            let isInstalled = (try? store.find(model.name)) != nil
            console.result("\(model.name): \(model.summary)")
            console.result(
                "    \(isInstalled ? "installed" : "not installed"); licence: \(model.licence)"
                    + (model.checkpoint.countBytes.map { "; \($0.megabytes()) MB" } ?? ""))
        }
        return .done
    }

    // MARK: - Fetch

    /// Fetches all models; continues after one that fails.
    private func fetch(_ names: [String], _ store: ModelStore) -> ExitCode {
        let models = names.flatMap { ModelName.parts(of: $0) }
        if models.contains(where: { LinkedModel.named($0) == nil }) {
            console.status(PublishedModel.licenceNote)
        }
        for model in models.compactMap(LinkedModel.named) {
            console.status("Licence of \(model.name): \(model.licence)")
        }
        var code = ExitCode.done
        for name in names {
            do {
                let files = try store.fetch(name, console: console, cancellation: cancellation)
                files.checkpoints.forEach(console.result)
            } catch is CancellationError {
                console.error("interrupted while fetching \(name); run it again to resume")
                return .interrupted
            } catch {
                console.error(commandText(of: error))
                code = .modelUnusable
            }
        }
        return code
    }

    // MARK: - Verify

    private func verify(_ store: ModelStore) throws -> ExitCode {
        let paths = try store.installedCheckpoints()
        if paths.isEmpty { console.status("no models are installed") }
        var damaged = 0
        for path in paths {
            switch try store.verify(path, isCancelled: { cancellation.isCancelled }) {
            case .intact: console.result("intact   \(path)")
            case .unknown: console.result("unknown  \(path)")
            case .damaged(let found, let expected):
                damaged += 1
                console.result("damaged  \(path)")
                console.error(
                    "\(path): its SHA-256 is \(found), expected \(expected); delete it and fetch "
                        + "it again")
            }
        }
        return damaged == 0 ? .done : .modelUnusable
    }
}

// MARK: - Options

extension ModelsCommand {
    static let command = Command(
        "models",
        overview: "List the published models and where they are; fetch and verify models.",
        operand: "[action ...]",
        operandHelp: "Without an action, lists the published models. 'fetch <name> ...' "
            + "downloads models. 'path <name>' prints a model's files. 'verify' compares the files of all "
            + "installed models with their checksums.",
        operandCompletion: .words(actions),
        options: [.json, .repo, .offline] + Option.common,
        examples: [
            "swift-demucs models fetch htdemucs": "Downloads the default model, 84 MB.",
            "swift-demucs models path htdemucs": "Prints the path of its file.",
        ], run: run)

    private static let actions = ["fetch", "path", "verify"]
}
