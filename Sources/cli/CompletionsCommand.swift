// `swift-demucs completions`: all commands and options for the completion of bash, zsh or fish.

enum CompletionsCommand {
    private enum Shell: String, CaseIterable {
        case bash
        case zsh
        case fish

        var text: String {
            switch self {
            case .bash: BashCompletions.text
            case .zsh: ZshCompletions.text
            case .fish: FishCompletions.text
            }
        }
    }

    private static let shells = Shell.allCases.map(\.rawValue)

    static let command = Command(
        "completions",
        overview: "Print completions of all commands and options for a shell.",
        operand: "shell",
        operandHelp: "bash, zsh or fish. tools/install puts the completions where shells look.",
        operandCompletion: .words(shells), options: [.help],
        examples: ["source <(swift-demucs completions bash)": "Completions for this session."]
    ) { arguments, console throws(UsageError) in
        guard let shell = Shell(rawValue: arguments.operands[0]) else {
            throw .unknown("shell", arguments.operands[0], allowed: shells)
        }
        console.result(shell.text)
        return .done
    }
}

/// Texts of the option table, quoted for shells.
enum ShellText {
    static let program = "swift-demucs"

    /// The comment that tells which command made a script.
    static func origin(_ shell: String) -> String {
        "# Made by '\(program) completions \(shell)' of version \(CommandLineTool.version)."
    }

    /// A text's first sentence without its full stop: completions have little room.
    static func summary(_ help: String) -> String {
        let ends = [". ", ".("].compactMap { help.firstRange(of: $0)?.lowerBound }
        let sentence = help[..<(ends.min() ?? help.endIndex)]
        return String(sentence.hasSuffix(".") ? sentence.dropLast() : sentence)
    }

    /// The text in single quotes, for a POSIX shell.
    static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: #"'\''"#) + "'"
    }

    /// `-n` and `--name`, or the long form alone.
    static func forms(_ option: Option) -> [String] {
        (option.short.map { ["-\($0)"] } ?? []) + [option.long]
    }
}
