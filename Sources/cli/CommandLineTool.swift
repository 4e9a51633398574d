// The executable: picks the command, answers --help and --version, sets up signals.

import Demucs
import Foundation

struct CommandLineTool {
    static let version = "0.1.0"

    /// Runs a call.
    /// - Parameter words: its arguments, without the program's name.
    func run(_ words: [String]) -> ExitCode {
        // Writing to a pipe that nobody reads must not end the work, nor a file that may not grow: both
        // come back as errors.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        let console = Console()
        let named = Command.all.first { $0.definition.name == words.first }
        let action = named?.actions.first { $0.actionName == words.dropFirst().first }
        let command = action ?? named ?? Command.all[0]
        do {
            let arguments = try ArgumentParser(command: command.definition).parse(
                Array(words.dropFirst((named == nil ? 0 : 1) + (action == nil ? 0 : 1))))
            if arguments.has(.help) {
                console.result("\(HelpText(command: command.definition))")
                return .done
            }
            if arguments.has(.version) {
                return printVersion(console)
            }
            return try command.run(arguments, console)
        } catch {
            console.error("\(error)")
            return .wrongUsage
        }
    }

    /// The version is told even where no kernels can run.
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

/// One entry of the list that the program dispatches over.
struct Command: Sendable {
    let definition: CommandDefinition
    /// Runs a parsed call that asks neither for help nor for the version.
    ///
    /// - Throws: `UsageError` for a call that makes no sense; other failures are the run's own to
    ///   report.
    let run: @Sendable (ParsedArguments, Console) throws(UsageError) -> ExitCode
    /// What the second word of a call may ask for, each with a table of its own.
    let actions: [Command]

    init(
        definition: CommandDefinition, actions: [Command] = [],
        run: @escaping @Sendable (ParsedArguments, Console) throws(UsageError) -> ExitCode
    ) {
        self.definition = definition
        self.actions = actions
        self.run = run
    }

    /// A command that does nothing but its actions. Its table has the options of all of them, for the
    /// help, for completions and for the manual.
    init(_ name: String, overview: String, actions: [Command]) {
        // What every command has comes last.
        let common: [Option] = [.threads, .quiet, .version, .help]
        var options: [Option] = []
        for option in actions.flatMap(\.definition.options)
        where !options.contains(option) && !common.contains(option) {
            options.append(option)
        }
        options += common
        let names = actions.map(\.actionName)
        self.init(
            definition: CommandDefinition(
                name: name, overview: overview, operand: "action",
                operandHelp: actions.map { action in
                    "'\(action.actionName) \(action.definition.operandUsage)': "
                        + action.definition.overview
                }.joined(separator: " "),
                operandCompletion: .wordsOrFile(names), options: options, exclusive: []),
            actions: actions
        ) { arguments, _ throws(UsageError) in
            throw .unknownAction(arguments.operands[0], allowed: names)
        }
    }

    /// `prepare` of `tensors prepare`.
    var actionName: String { String(definition.name.split(separator: " ").last ?? "") }

    /// All commands. The first is what a call without a command's name means.
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

/// What the shell learns about a run.
enum ExitCode: Int32, CaseIterable {
    case done = 0
    /// At least one track failed; the others are done.
    case trackFailed = 1
    /// The arguments make no sense; nothing was begun.
    case wrongUsage = 2
    /// The model is missing, unreadable or of another kind.
    case modelUnusable = 3
    /// By SIGINT or SIGTERM.
    case interrupted = 130
    /// Nobody reads the sound on standard output any more; the code of a program that SIGPIPE ends.
    case pipeClosed = 141

    var meaning: String {
        switch self {
        case .done: "All is done."
        case .trackFailed: "A track failed, or a test; the other tracks are done."
        case .wrongUsage: "The call makes no sense; nothing was begun."
        case .modelUnusable: "The model is missing, unreadable or of another kind."
        case .interrupted:
            "Interrupted (SIGINT, SIGTERM); tracks that were finished are complete."
        case .pipeClosed: "Nobody reads the sound on standard output any more."
        }
    }
}
