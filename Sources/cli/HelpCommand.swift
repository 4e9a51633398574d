// `swift-demucs help`: prints the text of the command's `--help`.

enum HelpCommand {
    static let command: Command = Command(
        "help", overview: "Show the help of a command.",
        operand: "[command ...]",
        operandHelp: "A command, or a command and its action; none for separate.",
        operandCompletion: .commands, options: [.help],
        examples: ["swift-demucs help tensors prepare": "The options of one action."]
    ) { arguments, console throws(UsageError) in
        let words = arguments.operands
        guard let (command, count) = Command.named(by: words) else {
            if let word = words.first {
                throw .unknown("command", word, allowed: Command.all.map(\.name))
            }
            console.result(Command.all[0].help)
            return .done
        }
        if count < words.count {
            if command.actions.isEmpty { throw .unexpectedOperand(words[count]) }
            throw .unknown("action", words[count], allowed: command.actions.map(\.actionName))
        }
        console.result(command.help)
        return .done
    }
}
