// The texts of `--help` and `-h`, made from the option tables.

import Tensor

extension Command {
    private static let helpWidth = 80
    private static let helpColumn = 26

    /// The text of `--help`: the full text of every option, examples, variables of the environment.
    var help: String {
        helpText { $0 } + "\n" + exampleLines.joined(separator: "\n")
            + environmentLines.joined(separator: "\n")
    }

    /// The text of `-h`: a few words about each option.
    var shortHelp: String {
        let words = isDefault ? "" : "\(name) "
        return helpText(Self.shortened)
            + "\n\n'swift-demucs \(words)--help' shows all details, with examples."
    }

    /// - Parameter shorten: shortens the text about an argument or an option.
    private func helpText(_ shorten: (String) -> String) -> String {
        let operand = operandUsage
        var lines = Self.wrapped("OVERVIEW: \(overview)", indent: 0)
        lines += [
            "",
            "USAGE: swift-demucs \(isDefault ? "[\(name)]" : name) [<options>]"
                + (operand.isEmpty ? "" : " \(operand)"),
        ]
        if !operand.isEmpty {
            lines += ["", "ARGUMENTS:"] + Self.entry(operand, shorten(operandHelp))
        }
        if actions.isEmpty {
            for (title, options) in topics {
                lines += ["", "\(title):"]
                lines += options.flatMap { Self.entry($0.synopsis, shorten($0.help)) }
            }
        } else {
            lines += ["", "ACTIONS:"]
            for action in actions {
                lines += Self.entry(
                    "\(action.actionName) \(action.operandUsage)", shorten(action.overview))
            }
            lines += ["", "'swift-demucs \(name) <action> --help' lists the options of an action."]
        }
        if isDefault {
            lines += ["", "COMMANDS:"]
            for other in Command.all.dropFirst() {
                lines += Self.entry(other.name, shorten(other.overview))
            }
        }
        return lines.joined(separator: "\n")
    }

    /// The first clause of a text: `How to avoid clipping` if the sentence goes on with the values.
    private static func shortened(_ text: String) -> String {
        let sentence = ShellText.summary(text)
        let ends = [": ", "; "].compactMap { sentence.firstRange(of: $0)?.lowerBound }
        return sentence[..<(ends.min() ?? sentence.endIndex)] + "."
    }

    private var exampleLines: [String] {
        if examples.isEmpty { return [] }
        let lines = examples.flatMap { ["  \($0)"] + Self.wrapped($1, indent: 6) }
        return ["", "EXAMPLES:"] + lines + [""]
    }

    private var environmentLines: [String] {
        let variables = EnvironmentVariable.all.filter { $0.matters(to: self) }
        if variables.isEmpty { return [] }
        return ["", "ENVIRONMENT:"]
            + variables.flatMap { Self.entry($0.name, $0.help) }
    }

    /// A name and its explanation, which starts on its own line if the name is too long.
    private static func entry(_ name: String, _ help: String) -> [String] {
        let label = "  \(name)"
        let text = wrapped(help, indent: helpColumn)
        guard label.count < helpColumn - 1, let first = text.first else { return [label] + text }
        return [label + String(first.dropFirst(label.count))] + Array(text.dropFirst())
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

/// A variable of the environment that a command reads.
struct EnvironmentVariable {
    let name: String
    let help: String
    /// Commands with this option read the variable.
    private let option: Option

    func matters(to command: Command) -> Bool { command.options.contains(option) }

    static let all = [
        EnvironmentVariable(
            name: "SWIFT_DEMUCS_MODELS", help: "Folders of models, separated by colons.",
            option: .offline),
        EnvironmentVariable(
            name: "HF_HUB_CACHE, HF_HOME, TORCH_HOME, XDG_CACHE_HOME",
            help: "Caches of other programs that are searched for models, and where downloads go.",
            option: .offline),
        EnvironmentVariable(
            name: "HF_ENDPOINT", help: "The hub to download from instead of huggingface.co.",
            option: .offline),
        EnvironmentVariable(
            name: "HF_HUB_OFFLINE", help: "Set to 1 to never download anything.",
            option: .offline),
        EnvironmentVariable(
            name: "TMPDIR", help: "Folder for standard input and audio decoded by ffmpeg.",
            option: "spool"),
        EnvironmentVariable(
            name: InstructionSet.environmentVariable,
            help: "The instruction set to compute with, instead of the best that the CPU has: "
                + InstructionSet.names.joined(separator: ", ") + ".",
            option: .threads),
    ]
}
