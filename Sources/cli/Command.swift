// A command: its operands and options, its help, and the function that runs it.

/// A command, or an action of one such as `prepare` of `tensors`.
struct Command: Sendable {
    let name: String
    let overview: String
    /// Names of the operands, `reference estimate` for two; `track ...` for any number, in brackets
    /// if optional; empty for none.
    var operand = ""
    var operandHelp = ""
    /// Operands that a shell offers.
    var operandCompletion = Option.Completion.file
    /// The options by the titles above them in the help, `WHICH STEMS`.
    let topics: KeyValuePairs<String, [Option]>
    /// Groups of mutually exclusive options.
    var exclusive: [[Option]] = []
    /// Options that need no operands beside them.
    var standalone: [Option] = []
    /// Actions that the second word may name, each with its own options.
    var actions: [Command] = []
    /// Runs the command with parsed arguments that hold neither `--help` nor `--version`.
    ///
    /// - Throws: `UsageError` for invalid arguments. The command reports all other errors itself.
    let run: @Sendable (ParsedArguments, Console) throws(UsageError) -> ExitCode

    var options: [Option] { topics.flatMap(\.value) }

    /// `reference estimate`, without brackets and dots.
    var operandNames: String {
        operand.split { " .[]".contains($0) }.joined(separator: " ")
    }

    /// `<track> ...`, `<reference> <estimate>`, `[<action> ...]`.
    var operandUsage: String {
        operand.replacing(/[a-z]+/) { "<\($0.output)>" }
    }

    /// How many operands are allowed.
    var operandCount: ClosedRange<Int> {
        let count = operandNames.split(separator: " ").count
        return (operand.hasPrefix("[") ? 0 : count)...(operand.contains("...") ? Int.max : count)
    }

    /// Whether this command runs when none is named.
    var isDefault: Bool { name == Command.all[0].name }

    /// `prepare` of `tensors prepare`.
    var actionName: String { String(name.split(separator: " ").last ?? "") }

    /// All commands. The first one runs when the first argument names none.
    static let all = [
        SeparateCommand.command,
        ServeCommand.command,
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

extension Command {
    /// A command whose options are all of one topic.
    init(
        _ name: String, overview: String, operand: String = "", operandHelp: String = "",
        operandCompletion: Option.Completion = .file, options: [Option],
        exclusive: [[Option]] = [], actions: [Command] = [],
        run: @escaping @Sendable (ParsedArguments, Console) throws(UsageError) -> ExitCode
    ) {
        self.init(
            name: name, overview: overview, operand: operand, operandHelp: operandHelp,
            operandCompletion: operandCompletion, topics: ["OPTIONS": options],
            exclusive: exclusive, actions: actions, run: run)
    }

    /// A command that only has actions. Its table joins the options of all actions, for the help,
    /// completions and manual.
    init(_ name: String, overview: String, actions: [Command]) {
        let common = [.threads] + Option.common
        var options: [Option] = []
        for option in actions.flatMap(\.options)
        where !options.contains(option) && !common.contains(option) {
            options.append(option)
        }
        let names = actions.map(\.actionName)
        self.init(
            name, overview: overview, operand: "action ...",
            operandHelp: actions.map { "'\($0.actionName) \($0.operandUsage)': \($0.overview)" }
                .joined(separator: " "),
            operandCompletion: .wordsOrFile(names), options: options + common, actions: actions
        ) { arguments, _ throws(UsageError) in
            throw .unknown("action", arguments.operands[0], allowed: names)
        }
    }
}

// MARK: - Help

extension Command {
    private static let helpWidth = 80
    private static let helpColumn = 26

    /// The text of `--help`.
    var help: String {
        let operand = operandUsage
        var lines = Self.wrapped("OVERVIEW: \(overview)", indent: 0)
        lines += [
            "",
            "USAGE: swift-demucs \(isDefault ? "[\(name)]" : name) [<options>]"
                + (operand.isEmpty ? "" : " \(operand)"),
        ]
        if !operand.isEmpty {
            lines += ["", "ARGUMENTS:"] + Self.entry(operand, operandHelp)
        }
        for (title, options) in topics {
            lines += ["", "\(title):"] + options.flatMap { Self.entry($0.synopsis, $0.help) }
        }
        if isDefault {
            lines += ["", "COMMANDS:"]
            for other in Command.all.dropFirst() {
                lines += Self.entry(other.name, other.overview)
            }
        }
        return lines.joined(separator: "\n")
    }

    /// A name and its explanation, which starts on a line of its own if the name is too long.
    private static func entry(_ name: String, _ help: String) -> [String] {
        let label = "  \(name)"
        let text = wrapped(help, indent: helpColumn)
        guard label.count < helpColumn - 1, let first = text.first else { return [label] + text }
        return [label + first.dropFirst(label.count)] + text.dropFirst()
    }

    private static func wrapped(_ text: String, indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty && indent + line.count + 1 + word.count > helpWidth {
                lines.append(margin + line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [margin + line]
    }
}
