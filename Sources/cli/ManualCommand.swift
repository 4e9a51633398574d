// `swift-demucs manual`: a man page in man(7) markup, made from the option tables.

enum ManualCommand {
    static let command = Command(
        "manual",
        overview: "Print the manual as a man page, for 'man -l -'.", options: [.help]
    ) { _, console throws(UsageError) in
        console.result(text)
        return .done
    }

    private static var text: String {
        let commands = Command.all
        let main = commands[0]
        var lines = [
            #".\" Made by 'swift-demucs manual'."#,
            ".TH SWIFT\\-DEMUCS 1 \"\" \"swift\\-demucs \(CommandLineTool.version)\" \"User Commands\"",
            ".SH NAME", "swift\\-demucs \\- separate music into stems",
            ".SH SYNOPSIS",
        ]
        for command in commands {
            let name = command.isDefault ? "" : " \(command.name)"
            let operand = command.operandUsage.isEmpty ? "" : " \(command.operandUsage)"
            if !command.isDefault { lines.append(".br") }
            lines.append("\(bold("swift-demucs\(name)")) [options]\(escaped(operand))")
        }
        lines += [".SH DESCRIPTION", paragraph(main.overview)]
        lines += [".TP", bold(main.operandUsage), paragraph(main.operandHelp), ".PP"]
        lines += [
            paragraph(
                "If the first argument names a command, that command runs; for a file of that name, "
                    + "write -- before it or a path with a slash.")
        ]
        lines.append(".SH OPTIONS")
        for (title, options) in main.topics {
            lines += [".SS \(escaped(title))"] + entries(options)
        }
        lines.append(".SH COMMANDS")
        for command in commands.dropFirst() {
            lines += [".SS \(escaped(command.name)) \(escaped(command.operandUsage))"]
            lines += [paragraph(command.overview)]
            if !command.operand.isEmpty {
                lines += [".TP", bold(command.operandUsage), paragraph(command.operandHelp)]
            }
            lines += command.actions.isEmpty ? entries(command.options) : actions(of: command)
            lines += examples(of: command)
        }
        lines.append(".SH EXIT STATUS")
        for code in ExitCode.allCases {
            lines += [".TP", bold("\(code.rawValue)"), paragraph(code.meaning)]
        }
        lines.append(".SH ENVIRONMENT")
        for variable in EnvironmentVariable.all {
            lines += [".TP", bold(variable.name), paragraph(variable.help)]
        }
        lines.append(".SH EXAMPLES")
        lines += examples(of: main)
        return lines.joined(separator: "\n")
    }

    private static func actions(of command: Command) -> [String] {
        command.actions.flatMap { action in
            [
                ".PP", "\(bold(action.name)) \(escaped(action.operandUsage))", ".br",
                paragraph(action.overview),
            ] + entries(action.options.filter { !Option.common.contains($0) })
        }
    }

    private static func examples(of command: Command) -> [String] {
        command.examples.flatMap { [".TP", bold($0.key), paragraph($0.value)] }
    }

    private static func entries(_ options: [Option]) -> [String] {
        options.flatMap { [".TP", bold($0.synopsis), paragraph($0.help)] }
    }

    private static func bold(_ text: String) -> String { "\\fB\(escaped(text))\\fR" }

    /// A line of text, escaped so that it is not read as a request.
    private static func paragraph(_ text: String) -> String {
        let escaped = escaped(text)
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&\(escaped)" : escaped
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("'", with: "\\(aq")
    }
}
