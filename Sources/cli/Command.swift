// A command of the program: its table, and what runs a call of it.

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
        BenchCommand.command,
        TensorsCommand.command,
        TraceCommand.command,
        CompareCommand.command,
        CompletionsCommand.command,
        ManualCommand.command,
    ]
}
