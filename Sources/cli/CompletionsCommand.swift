// `swift-demucs completions`: all commands and options for the completion of bash, zsh or fish.

enum CompletionsCommand {
    private static let shells = ["bash", "zsh", "fish"]

    static let command = Command(
        "completions",
        overview: "Print completions of all commands and options for a shell.",
        operand: "shell",
        operandHelp: "bash, zsh or fish. tools/install puts the completions where shells look.",
        operandCompletion: .words(shells), options: [.help],
        examples: ["source <(swift-demucs completions bash)": "Completions for this session."]
    ) { arguments, console throws(UsageError) in
        switch arguments.operands[0] {
        case "bash": console.result(BashCompletions.text)
        case "zsh": console.result(ZshCompletions.text)
        case "fish": console.result(FishCompletions.text)
        case let other: throw .unknown("shell", other, allowed: shells)
        }
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
