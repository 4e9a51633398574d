// `swift-demucs completions` and `swift-demucs manual`: the option table for shells and for readers.

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
        definition: CommandDefinition(
            name: "completions",
            overview: "Print completions of all commands and options for a shell.",
            operand: "shell",
            operandHelp: "bash, zsh or fish. For one session: 'source <(swift-demucs completions "
                + "bash)'; tools/install puts them where shells look.",
            operandCount: 1...1, operandCompletion: .words(shells), options: [.help],
            exclusive: [])
    ) { arguments, console throws(UsageError) in
        guard let shell = Shell(rawValue: arguments.operands[0]) else {
            throw .unknownShell(arguments.operands[0], allowed: shells)
        }
        console.result(shell.text)
        return .done
    }
}

enum ManualCommand {
    static let command = Command(
        definition: CommandDefinition(
            name: "manual",
            overview: "Print the manual as a man page, for 'man -l -'.",
            operand: "", operandHelp: "", operandCount: 0...0, options: [.help], exclusive: [])
    ) { _, console throws(UsageError) in
        console.result(ManualPage.text)
        return .done
    }
}
