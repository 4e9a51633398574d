// A command's operands and options, and its help.

/// Options that stand together in a command's help.
struct OptionTopic: Sendable, Equatable {
    /// `OPTIONS`, `WHICH STEMS`.
    let title: String
    let options: [Option]
}

struct CommandDefinition: Sendable, Equatable {
    let name: String
    let overview: String
    /// Name of the operand in the help; two words for two different operands, empty for none.
    var operand = ""
    var operandHelp = ""
    /// How many operands are allowed.
    var operandCount = 0...0
    /// Operands that a shell offers.
    var operandCompletion = Option.Completion.file
    let topics: [OptionTopic]
    /// Groups of mutually exclusive options.
    var exclusive: [[Option]] = []
    /// Options that need no operands beside them.
    var standalone: [Option] = []

    var options: [Option] { topics.flatMap(\.options) }

    /// `<track> ...`, `<file>` for exactly one, `<from> <to>` for two, in brackets if optional.
    var operandUsage: String {
        let words = operand.split(separator: " ").map { "<\($0)>" }
        let isOpen = operandCount.upperBound > words.count
        let usage = words.joined(separator: " ") + (isOpen ? " ..." : "")
        return operandCount.lowerBound == 0 && !usage.isEmpty ? "[\(usage)]" : usage
    }

    /// Whether this command runs when none is named.
    var isDefault: Bool { name == Command.all[0].definition.name }
}

extension CommandDefinition {
    /// A command whose options are all of one topic.
    init(
        name: String, overview: String, operand: String = "", operandHelp: String = "",
        operandCount: ClosedRange<Int> = 0...0, operandCompletion: Option.Completion = .file,
        options: [Option], exclusive: [[Option]] = []
    ) {
        self.init(
            name: name, overview: overview, operand: operand, operandHelp: operandHelp,
            operandCount: operandCount, operandCompletion: operandCompletion,
            topics: [OptionTopic(title: "OPTIONS", options: options)], exclusive: exclusive)
    }
}

// MARK: - Help

extension CommandDefinition {
    private static let helpWidth = 80
    private static let helpColumn = 26

    /// The text of `--help`.
    var help: String {
        let operand = operandUsage
        var lines = Self.wrapped("OVERVIEW: \(overview)", indent: 0)
        lines += [
            "",
            "USAGE: swift-demucs \(isDefault ? "[\(name)]" : name) [<options>]"
                + (operand.isEmpty ? "" : " \(operand)"),
        ]
        if !operand.isEmpty {
            lines += ["", "ARGUMENTS:"] + Self.entry(operand, operandHelp)
        }
        for topic in topics {
            lines += ["", "\(topic.title):"]
            lines += topic.options.flatMap { Self.entry($0.synopsis, $0.help) }
        }
        if isDefault {
            lines += ["", "COMMANDS:"]
            for other in Command.all.dropFirst().map(\.definition) {
                lines += Self.entry(other.name, other.overview)
            }
        }
        return lines.joined(separator: "\n")
    }

    /// A name and its explanation, which starts on a line of its own if the name is too long.
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
            if !line.isEmpty && indent + line.count + 1 + word.count > helpWidth {
                lines.append(margin + line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [margin + line]
    }
}
