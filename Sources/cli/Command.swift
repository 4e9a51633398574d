// A command: its operands and options, and the function that runs it.

/// A command, or an action of one such as `prepare` of `tensors`.
package struct Command: Sendable {
    let name: String
    let overview: String
    /// Names of the operands, `reference estimate` for two; `track ...` for any number, in brackets
    /// if optional; empty for none.
    var operand = ""
    var operandHelp = ""
    var operandCompletion = Option.Completion.file
    /// The options by their titles in the help, `WHICH STEMS`.
    let topics: KeyValuePairs<String, [Option]>
    /// Groups of mutually exclusive options.
    var exclusive: [[Option]] = []
    /// Options that can be given without operands.
    var standalone: [Option] = []
    /// Actions that the second word may name, each with its own options.
    var actions: [Command] = []
    /// Example command lines and what they do, for the help and the manual.
    var examples: KeyValuePairs<String, String> = [:]
    /// nil for `serve`, which the module Program runs: it needs the service.
    let run: Run?

    /// Runs a command with parsed arguments that hold neither `--help` nor `--version`.
    ///
    /// - Throws: `UsageError` for invalid arguments. The command reports all other errors itself.
    package typealias Run =
        @Sendable (ParsedArguments, Console) throws(UsageError) -> ExitCode

    var options: [Option] { topics.flatMap(\.value) }

    /// `reference estimate`, without brackets and dots.
    var operandNames: String {
        operand.split { " .[]".contains($0) }.joined(separator: " ")
    }

    /// `<track> ...`, `<reference> <estimate>`, `[<action> ...]`.
    var operandUsage: String {
        operand.replacing(/[a-z]+/) { "<\($0.output)>" }
    }

    /// The allowed number of operands.
    var operandCount: ClosedRange<Int> {
        let count = operandNames.split(separator: " ").count
        return (operand.hasPrefix("[") ? 0 : count)...(operand.contains("...") ? Int.max : count)
    }

    /// Whether this command runs when none is named.
    var isDefault: Bool { name == Command.all[0].name }

    /// `prepare` of `tensors prepare`.
    var actionName: String { String(name.split(separator: " ").last ?? "") }

    /// All commands. The first one runs when the first argument names none.
    static let all: [Command] = [
        SeparateCommand.command,
        StatusCommand.command,
        ServeCommand.command,
        ModelsCommand.command,
        LiveCommand.command,
        AnalyzeCommand.command,
        EvalCommand.command,
        SelfTestCommand.command,
        InspectCommand.command,
        ConvertCommand.command,
        QuantizeCommand.command,
        BenchCommand.command,
        TensorsCommand.command,
        TraceCommand.command,
        CompareCommand.command,
        HelpCommand.command,
        CompletionsCommand.command,
        ManualCommand.command,
    ]

    /// The command that the first words name, or its action.
    ///
    /// - Returns: the command and the number of its words; nil if the first word names no command.
    static func named(by words: [String]) -> (command: Command, wordCount: Int)? {
        guard let command = all.first(where: { $0.name == words.first }) else { return nil }
        guard words.count > 1,
            let action = command.actions.first(where: { $0.actionName == words[1] })
        else { return (command, 1) }
        return (action, 2)
    }
}

extension Command {
    /// A command whose options are all of one topic.
    init(
        _ name: String, overview: String, operand: String = "", operandHelp: String = "",
        operandCompletion: Option.Completion = .file, options: [Option],
        exclusive: [[Option]] = [], actions: [Command] = [],
        examples: KeyValuePairs<String, String> = [:],
        run: @escaping Run
    ) {
        self.init(
            name: name, overview: overview, operand: operand, operandHelp: operandHelp,
            operandCompletion: operandCompletion, topics: ["OPTIONS": options],
            exclusive: exclusive, actions: actions, examples: examples, run: run)
    }

    /// A command that only has actions. Its table joins the options of all actions, for completions.
    init(
        _ name: String, overview: String, actions: [Command],
        examples: KeyValuePairs<String, String>
    ) {
        let common = [.threads] + Option.common
        var options: [Option] = []
        for option in actions.flatMap(\.options)
        where !options.contains(option) && !common.contains(option) {
            options.append(option)
        }
        let names = actions.map(\.actionName)
        self.init(
            name, overview: overview, operand: "action ...",
            operandHelp: "One of the actions below, with its own arguments.",
            operandCompletion: .wordsOrFile(names), options: options + common, actions: actions,
            examples: examples
        ) { arguments, _ throws(UsageError) in
            throw .unknown("action", arguments.operands[0], allowed: names)
        }
    }
}
