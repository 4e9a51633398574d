// `swift-demucs models`: what is published, what of it is here, and getting and checking the rest.

import Demucs
import Foundation
import HTDemucs
import ModelZoo

struct ModelsCommand {
    let settings: Settings
    let console: Console
    let cancellation: CancellationToken

    func run() -> ExitCode {
        do {
            let locator = try ModelLocator(
                repository: settings.repository, isOffline: settings.isOffline)
            switch settings.action {
            case .list: try list(locator.store)
            case .fetch(let names): return fetch(names, locator)
            case .path(let name):
                try locator.store.find(name).members.forEach(console.result)
            case .verify: return try verify(locator.store)
            }
            return .done
        } catch is CancellationError {
            console.error("interrupted")
            return .interrupted
        } catch {
            console.error("\(error)")
            return .modelUnusable
        }
    }

    // MARK: - List

    /// A published model, as `--json` shows it.
    private struct Entry: Encodable {
        let name: String
        let summary: String
        let sources: [String]
        let signatures: [String]
        let hubRepository: String
        /// Empty unless all of the model is here.
        let files: [String]
        /// Size of the files that are here.
        let countBytes: Int
        let downloadMegabytes: Int
    }

    private struct Report: Encodable {
        let models: [Entry]
        let licence: String
        let cacheFolder: String
    }

    private func list(_ store: ModelStore) throws {
        let report = Report(
            models: try store.listings().map { listing in
                let model = listing.model
                return Entry(
                    name: model.name, summary: model.summary, sources: model.sources,
                    signatures: model.bag.signatures, hubRepository: model.hub.identifier,
                    files: listing.paths, countBytes: listing.countBytes,
                    downloadMegabytes: model.approximateMegabytes)
            },
            licence: KnownModel.licenceNote, cacheFolder: store.ownCache)
        guard settings.isJSON else { return print(report) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        console.result(String(decoding: try encoder.encode(report), as: UTF8.self))
    }

    private func print(_ report: Report) {
        for entry in report.models {
            console.result("\(entry.name): \(entry.summary)")
            console.result("    stems: \(entry.sources.joined(separator: ", "))")
            if entry.files.isEmpty {
                console.result(
                    "    not here; 'swift-demucs models fetch \(entry.name)' downloads about "
                        + "\(entry.downloadMegabytes) MB from \(entry.hubRepository)")
            } else {
                console.result("    here, \(DownloadDisplay.megabytes(entry.countBytes)) MB:")
                for file in entry.files { console.result("      \(file)") }
            }
        }
        console.result("")
        console.result(report.licence)
    }

    // MARK: - Fetch

    /// Goes on after a model that fails.
    private func fetch(_ names: [String], _ locator: ModelLocator) -> ExitCode {
        console.status(KnownModel.licenceNote)
        var code = ExitCode.done
        for name in names {
            do {
                let files = try locator.fetch(
                    name, console: console, cancellation: cancellation)
                files.members.forEach(console.result)
            } catch is CancellationError {
                console.error("interrupted while fetching \(name); run it again to go on")
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
        if paths.isEmpty { console.status("no models are here") }
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

extension ModelsCommand {
    static let definition = CommandDefinition(
        name: "models",
        overview: "List the published models and where they are; fetch, find and verify them.",
        operand: "action",
        operandHelp: "Nothing to list the published models. 'fetch <name> ...' downloads models. "
            + "'path <name>' prints a model's files. 'verify' compares the files of all models "
            + "with their checksums.",
        operandCount: 0...Int.max, operandCompletion: .words(["fetch", "path", "verify"]),
        options: [.json, .repo, .offline, .quiet, .version, .help],
        exclusive: [])

    static let command = Command(definition: definition) { arguments, console throws(UsageError) in
        let settings = try Settings(arguments)
        var console = console
        console.isQuiet = arguments.has(.quiet)
        let cancellation = CancellationToken()
        Interruption.cancels(cancellation)
        return ModelsCommand(
            settings: settings, console: console, cancellation: cancellation
        ).run()
    }

    enum Action: Equatable {
        case list
        case fetch([String])
        case path(String)
        case verify
    }

    /// What a call asks for.
    struct Settings {
        let action: Action
        let isJSON: Bool
        let repository: String?
        let isOffline: Bool

        init(_ arguments: ParsedArguments) throws(UsageError) {
            isJSON = arguments.has(.json)
            repository = arguments.value(.repo)
            isOffline = arguments.has(.offline)
            let names = Array(arguments.operands.dropFirst())
            switch arguments.operands.first {
            case nil: action = .list
            case "fetch":
                if names.isEmpty { throw .missingName(action: "fetch") }
                action = .fetch(names)
            case "path":
                guard let name = names.first else { throw .missingName(action: "path") }
                if names.count > 1 { throw .unexpectedOperand(names[1]) }
                action = .path(name)
            case "verify":
                if let name = names.first { throw .unexpectedOperand(name) }
                action = .verify
            case let other?: throw .unknownAction(other, allowed: ["fetch", "path", "verify"])
            }
            if isJSON && action != .list { throw .exclusiveAction(.json, "models") }
        }
    }
}
