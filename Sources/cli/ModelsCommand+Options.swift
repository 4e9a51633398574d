// The table of `models`, and the typed settings that are read from a call by it.

import Separation

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
