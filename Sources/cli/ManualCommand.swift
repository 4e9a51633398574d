// The manual, as man(7) has it: what --help shows of all commands, and what a call leaves to know.

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

enum ManualPage {
    static var text: String {
        let commands = Command.all.map(\.definition)
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
                "A first word that names a command is that command; write -- before a file of such a "
                    + "name, or a path with a slash.")
        ]
        lines.append(".SH OPTIONS")
        for topic in main.topics {
            lines += [".SS \(escaped(topic.title))"] + entries(topic.options)
        }
        lines.append(".SH COMMANDS")
        for command in commands where !command.isDefault {
            lines += [".SS \(escaped(command.name)) \(escaped(command.operandUsage))"]
            lines += [paragraph(command.overview)]
            if !command.operand.isEmpty {
                lines += [".TP", bold(command.operandUsage), paragraph(command.operandHelp)]
            }
            lines += entries(command.options)
        }
        lines.append(".SH EXIT STATUS")
        for code in ExitCode.allCases {
            lines += [".TP", bold("\(code.rawValue)"), paragraph(code.meaning)]
        }
        lines.append(".SH ENVIRONMENT")
        for (name, meaning) in environment { lines += [".TP", bold(name), paragraph(meaning)] }
        lines.append(".SH EXAMPLES")
        for (call, meaning) in examples {
            lines += [".TP", bold(call), paragraph(meaning)]
        }
        return lines.joined(separator: "\n")
    }

    private static let environment = [
        ("SWIFT_DEMUCS_MODELS", "Folders of models, separated by colons."),
        (
            "HF_HUB_CACHE, HF_HOME, TORCH_HOME, XDG_CACHE_HOME",
            "Where models of other programs are looked for, and where downloads go."
        ),
        ("HF_ENDPOINT", "Another hub to download from."),
        ("HF_HUB_OFFLINE", "1 for never downloading anything."),
        ("TMPDIR", "Where standard input and sound that ffmpeg decodes wait."),
    ]

    private static let examples = [
        ("swift-demucs song.mp3", "Stems go to separated/htdemucs/song/."),
        (
            "swift-demucs --two-stems vocals --flac 'album/*.mp3'",
            "Vocals and the rest of each track, as FLAC files."
        ),
        (
            "swift-demucs --skip-existing -o stems ~/Music",
            "A whole collection; the same call goes on where one was stopped."
        ),
        (
            "ffmpeg -i film.mkv -f wav - | swift-demucs --stdout vocals - | aplay",
            "As part of a pipe."
        ),
    ]

    private static func entries(_ options: [Option]) -> [String] {
        options.flatMap { [".TP", bold($0.synopsis), paragraph($0.help)] }
    }

    private static func bold(_ text: String) -> String { "\\fB\(escaped(text))\\fR" }

    /// A line of text: one that begins like a request is kept from being one.
    private static func paragraph(_ text: String) -> String {
        let escaped = escaped(text)
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&\(escaped)" : escaped
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("'", with: "\\(aq")
    }
}
