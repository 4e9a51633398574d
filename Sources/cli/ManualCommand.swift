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
            "Caches of other programs that are searched for models, and where downloads go."
        ),
        ("HF_ENDPOINT", "The hub to download from instead of huggingface.co."),
        ("HF_HUB_OFFLINE", "Set to 1 to never download anything."),
        ("TMPDIR", "Folder for standard input and audio decoded by ffmpeg."),
    ]

    private static let examples = [
        ("swift-demucs song.mp3", "Stems go to separated/htdemucs/song/."),
        (
            "swift-demucs --two-stems vocals --flac 'album/*.mp3'",
            "The vocals and the rest of each track, as FLAC files."
        ),
        (
            "swift-demucs --skip-existing -o stems ~/Music",
            "A whole collection; the same command resumes after an interruption."
        ),
        (
            "ffmpeg -i film.mkv -f wav - | swift-demucs --stdout vocals - | aplay",
            "In a pipeline."
        ),
    ]

    private static func entries(_ options: [Option]) -> [String] {
        options.flatMap { [".TP", bold($0.synopsis), paragraph($0.help)] }
    }

    private static func bold(_ text: String) -> String { "\\fB\(escaped(text))\\fR" }

    /// A line of text, kept from being read as a request.
    private static func paragraph(_ text: String) -> String {
        let escaped = escaped(text)
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&\(escaped)" : escaped
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("'", with: "\\(aq")
    }
}
