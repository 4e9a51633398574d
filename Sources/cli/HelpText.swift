// A command's help, laid out from its table.

struct HelpText: CustomStringConvertible {
    let command: CommandDefinition

    private static let width = 80
    private static let helpColumn = 26

    var description: String {
        let operand = command.operandUsage
        let name = command.isDefault ? "[\(command.name)]" : command.name
        var lines = HelpText.wrapped("OVERVIEW: \(command.overview)", indent: 0)
        lines += [
            "", "USAGE: swift-demucs \(name) [<options>]" + (operand.isEmpty ? "" : " \(operand)"),
        ]
        if !operand.isEmpty {
            lines += ["", "ARGUMENTS:"]
            lines += HelpText.entry(operand, command.operandHelp)
        }
        for topic in command.topics {
            lines += ["", "\(topic.title):"]
            for option in topic.options { lines += HelpText.entry(option.synopsis, option.help) }
        }
        let others = Command.all.map(\.definition).filter { !$0.isDefault }
        if command.isDefault && !others.isEmpty {
            lines += ["", "COMMANDS:"]
            for other in others { lines += HelpText.entry(other.name, other.overview) }
        }
        return lines.joined(separator: "\n")
    }

    /// A name and its explanation, which begins on a line of its own where the name is too long.
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
            if !line.isEmpty && indent + line.count + 1 + word.count > width {
                lines.append(margin + line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [margin + line]
    }
}
