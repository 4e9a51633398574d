// `swift-demucs models`: lists, fetches, finds and verifies models.

import Demucs
import Foundation
import HTDemucs
import ModelZoo

struct ModelsCommand {
    private enum Action: Equatable {
        case list
        case fetch([String])
        case path(String)
        case verify
    }

    private let action: Action
    private let arguments: ParsedArguments
    private let console: Console
    private let cancellation = Interruption.cancellation()

    init(_ arguments: ParsedArguments, _ console: Console) throws(UsageError) {
        self.arguments = arguments
        self.console = console
        let names = Array(arguments.operands.dropFirst())
        switch arguments.operands.first {
        case nil: action = .list
        case "fetch":
            if names.isEmpty { throw ModelsCommand.missingName(after: "fetch") }
            action = .fetch(names)
        case "path":
            guard let name = names.first else { throw ModelsCommand.missingName(after: "path") }
            if names.count > 1 { throw .unexpectedOperand(names[1]) }
            action = .path(name)
        case "verify":
            if let name = names.first { throw .unexpectedOperand(name) }
            action = .verify
        case let other?: throw .unknown("action", other, allowed: ModelsCommand.actions)
        }
        if arguments.has(.json) && action != .list {
            throw .onlyFor(.json, "'models' without an action")
        }
    }

    private static func missingName(after action: String) -> UsageError {
        UsageError(
            "Missing expected argument '<name>' after '\(action)'; see 'swift-demucs models --help'"
        )
    }

    func run() -> ExitCode {
        console.reporting(failure: .modelUnusable) {
            let store = try arguments.modelStore()
            switch action {
            case .list: try list(store)
            case .fetch(let names): return fetch(names, store)
            case .path(let name): try store.find(name).checkpoints.forEach(console.result)
            case .verify: return try verify(store)
            }
            return .done
        }
    }

    // MARK: - List

    private func list(_ store: ModelStore) throws {
        let listings = try store.listings()
        guard !arguments.has(.json) else {
            let models = listings.map { listing -> JSONObject in
                let model = listing.model
                return [
                    "name": model.name, "summary": model.summary, "sources": model.sources,
                    "signatures": model.bag.signatures, "hubRepository": model.hub.identifier,
                    "files": listing.paths, "countBytes": listing.countBytes,
                    "downloadMegabytes": model.approximateMegabytes,
                ]
            }
            let report: JSONObject = [
                "models": models, "licence": PublishedModel.licenceNote,
                "cacheFolder": store.ownCache,
            ]
            return console.result(JSONText.of(report, keys: .useDefaultKeys))
        }
        for listing in listings {
            let model = listing.model
            console.result("\(model.name): \(model.summary)")
            console.result("    stems: \(model.sources.joined(separator: ", "))")
            if listing.paths.isEmpty {
                console.result(
                    "    not installed; 'swift-demucs models fetch \(model.name)' downloads about "
                        + "\(model.approximateMegabytes) MB from \(model.hub.identifier)")
            } else {
                console.result(
                    "    installed, \(DownloadDisplay.megabytes(listing.countBytes)) MB:")
                for path in listing.paths { console.result("      \(path)") }
            }
        }
        console.result("")
        console.result(PublishedModel.licenceNote)
    }

    // MARK: - Fetch

    /// Fetches all models; continues after one that fails.
    private func fetch(_ names: [String], _ store: ModelStore) -> ExitCode {
        console.status(PublishedModel.licenceNote)
        var code = ExitCode.done
        for name in names {
            do {
                let files = try store.fetch(name, console: console, cancellation: cancellation)
                files.checkpoints.forEach(console.result)
            } catch is CancellationError {
                console.error("interrupted while fetching \(name); run it again to resume")
                return .interrupted
            } catch {
                console.error("\(error)")
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
        overview: "List the published models and where they are; fetch, find and verify "
            + "models.",
        operand: "action",
        operandHelp: "None lists the published models. 'fetch <name> ...' downloads models. "
            + "'path <name>' prints a model's files. 'verify' compares the files of all "
            + "installed models with their checksums.",
        operandCount: 0...Int.max, operandCompletion: .words(actions),
        options: [.json, .repo, .offline] + Option.common
    ) { arguments, console throws(UsageError) in
        try ModelsCommand(arguments, console).run()
    }

    private static let actions = ["fetch", "path", "verify"]
}
