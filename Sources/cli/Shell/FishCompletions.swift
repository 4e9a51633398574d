// Completions for fish.

enum FishCompletions {
    static var text: String {
        let commands = Command.all.map(\.definition)
        let others = commands.filter { !$0.isDefault }
        let names = others.map(\.name).joined(separator: " ")
        var lines = [
            "# \(ShellText.origin("fish"))", "",
            "function __swift_demucs_runs",
            "    set -l words (commandline -opc)",
            "    set -l command \(Command.all[0].definition.name)",
            "    if set -q words[2]; and contains -- $words[2] \(names)",
            "        set command $words[2]",
            "    end",
            "    test $command = $argv[1]",
            "end", "",
        ]
        for other in others {
            lines.append(
                "complete -c \(ShellText.program) -n 'test (count (commandline -opc)) -eq 1' "
                    + "-a \(other.name) -d \(quoted(ShellText.summary(other.overview)))")
        }
        for command in commands {
            lines.append("")
            let start = "complete -c \(ShellText.program) -n '__swift_demucs_runs \(command.name)'"
            if let offers = values(command.operandCompletion, isOperand: true) {
                lines.append("\(start) \(offers)")
            } else if command.operand.isEmpty {
                lines.append("\(start) -f")
            }
            for option in command.options {
                var line = start
                if let short = option.short { line += " -s \(short)" }
                line += " -l \(option.name)"
                if option.placeholder != nil {
                    line += " " + (values(option.completion, isOperand: false) ?? "-r")
                }
                lines.append("\(line) -d \(quoted(ShellText.summary(option.help)))")
            }
        }
        return lines.joined(separator: "\n")
    }

    /// - Returns: nil where files are offered as they are anyway.
    private static func values(_ completion: Option.Completion, isOperand: Bool) -> String? {
        let exclusive = isOperand ? "-f" : "-x"
        switch completion {
        case .nothing: return exclusive
        case .file: return nil
        case .folder: return "\(exclusive) -a '(__fish_complete_directories)'"
        case .words(let words): return "\(exclusive) -a \(quoted(words.joined(separator: " ")))"
        case .wordsOrFile(let words):
            let offered = "-a \(quoted(words.joined(separator: " ")))"
            return isOperand ? offered : "-r -F \(offered)"
        }
    }

    /// In single quotes, in which fish knows two escapes.
    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }
}
