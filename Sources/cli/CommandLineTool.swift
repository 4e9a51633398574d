// The executable: picks the command, answers --help and --version, sets up signals.

import Demucs
import Foundation
import HTDemucs
import ModelZoo
import Porting
import WeightsLoader

struct CommandLineTool {
    static let version = "0.1.0"

    /// Parses the arguments and runs the command that they name.
    /// - Parameter words: the arguments, without the program's name.
    func run(_ words: [String]) -> ExitCode {
        // A closed pipe and the limit on file sizes come back from `write` as errors.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        var console = Console()
        let named = Command.all.first { $0.definition.name == words.first }
        let action = named?.actions.first { $0.actionName == words.dropFirst().first }
        let command = action ?? named ?? Command.all[0]
        do {
            let arguments = try ArgumentParser(command: command.definition).parse(
                Array(words.dropFirst((named == nil ? 0 : 1) + (action == nil ? 0 : 1))))
            if arguments.has(.help) {
                console.result(command.definition.help)
                return .done
            }
            if arguments.has(.version) {
                return printVersion(console)
            }
            console.isQuiet = arguments.has(.quiet)
            console.isVerbose = arguments.has(.verbose)
            return try command.run(arguments, console)
        } catch {
            console.error("\(error)")
            return .wrongUsage
        }
    }

    /// Prints the version first, even on a CPU that none of the kernels support.
    private func printVersion(_ console: Console) -> ExitCode {
        console.result("swift-demucs \(CommandLineTool.version)")
        do {
            let engine = try EngineInformation()
            console.result("instruction set: \(engine.instructionSet)")
            console.result("matrix products: \(engine.products)")
            return .done
        } catch {
            console.error("\(error)")
            return .wrongUsage
        }
    }
}

/// A command, or an action of one such as `prepare` of `tensors`.
struct Command: Sendable {
    let definition: CommandDefinition
    /// Runs the command with parsed arguments that hold neither `--help` nor `--version`.
    ///
    /// - Throws: `UsageError` for invalid arguments. The command reports all other errors itself.
    let run: @Sendable (ParsedArguments, Console) throws(UsageError) -> ExitCode
    /// Actions that the second word may name, each with its own options.
    let actions: [Command]

    init(
        definition: CommandDefinition, actions: [Command] = [],
        run: @escaping @Sendable (ParsedArguments, Console) throws(UsageError) -> ExitCode
    ) {
        self.definition = definition
        self.actions = actions
        self.run = run
    }

    /// A command that only has actions. Its table joins the options of all actions, for the help,
    /// completions and manual.
    init(_ name: String, overview: String, actions: [Command]) {
        let common = [.threads] + Option.common
        var options: [Option] = []
        for option in actions.flatMap(\.definition.options)
        where !options.contains(option) && !common.contains(option) {
            options.append(option)
        }
        let names = actions.map(\.actionName)
        self.init(
            definition: CommandDefinition(
                name: name, overview: overview, operand: "action",
                operandHelp: actions.map { action in
                    "'\(action.actionName) \(action.definition.operandUsage)': "
                        + action.definition.overview
                }.joined(separator: " "),
                operandCount: 1...Int.max, operandCompletion: .wordsOrFile(names),
                options: options + common),
            actions: actions
        ) { arguments, _ throws(UsageError) in
            throw .unknown("action", arguments.operands[0], allowed: names)
        }
    }

    /// `prepare` of `tensors prepare`.
    var actionName: String { String(definition.name.split(separator: " ").last ?? "") }

    /// All commands. The first one runs when the first argument names none.
    static let all = [
        SeparateCommand.command,
        ModelsCommand.command,
        EvalCommand.command,
        SelfTestCommand.command,
        InspectCommand.command,
        ConvertCommand.command,
        QuantizeCommand.command,
        BenchCommand.command,
        TensorsCommand.command,
        TraceCommand.command,
        CompareCommand.command,
        CompletionsCommand.command,
        ManualCommand.command,
    ]
}

enum ExitCode: Int32, CaseIterable {
    case done = 0
    case trackFailed = 1
    case wrongUsage = 2
    case modelUnusable = 3
    case interrupted = 130
    /// The code of a program that SIGPIPE ends.
    case pipeClosed = 141

    /// The code for an error that ends a command.
    init(for error: any Error) {
        switch error {
        case is UsageError, PortingError.invalidOption: self = .wrongUsage
        case is CancellationError: self = .interrupted
        case is ModelStoreError, is BagError, is WeightsError, is ConfigurationError,
            PortingError.bagOfSeveral:
            self = .modelUnusable
        default: self = .trackFailed
        }
    }

    /// The manual's text.
    var meaning: String {
        switch self {
        case .done: "Success."
        case .trackFailed: "A track or a test failed; the other tracks are done."
        case .wrongUsage: "Invalid arguments; nothing was started."
        case .modelUnusable: "The model is missing, unreadable or not supported."
        case .interrupted: "Interrupted (SIGINT, SIGTERM); finished tracks are complete."
        case .pipeClosed: "The reader of standard output closed the pipe."
        }
    }
}
