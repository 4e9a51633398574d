// A command of the program: its table, and what runs a call of it.

/// One entry of the list that the program dispatches over.
struct Command: Sendable {
    let definition: CommandDefinition
    /// Runs a parsed call that asks neither for help nor for the version.
    ///
    /// - Throws: `UsageError` for a call that makes no sense; other failures are the run's own to
    ///   report.
    let run: @Sendable (ParsedArguments, Console) throws(UsageError) -> ExitCode

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
    ]
}
