// The option table's vocabulary. One table describes a command; parsing and help are made from it.

/// One option of a command.
struct Option: Sendable, Equatable {
    /// Without dashes, `clip-mode`.
    let name: String
    /// The letter after one dash.
    let short: Character?
    /// What stands for its value in the help; `nil` for a flag, which takes none.
    let placeholder: String?
    let help: String

    init(_ name: String, short: Character? = nil, value placeholder: String? = nil, help: String) {
        self.name = name
        self.short = short
        self.placeholder = placeholder
        self.help = help
    }

    /// `--clip-mode`.
    var long: String { "--\(name)" }

    /// `--clip-mode <mode>`.
    var usage: String { placeholder.map { "\(long) <\($0)>" } ?? long }

    /// `-n, --name <model>`.
    var synopsis: String { short.map { "-\($0), \(usage)" } ?? usage }

    static let help = Option("help", short: "h", help: "Show this help.")
    static let json = Option("json", help: "Write JSON instead of text.")
    static let version = Option(
        "version",
        help: "Show the version, the instruction set, and the kernels or the BLAS core in use.")
}

/// A command: its arguments, and what may not be combined.
struct CommandDefinition: Sendable, Equatable {
    let name: String
    let overview: String
    /// What stands for an operand in the help; several words for operands that differ, none for
    /// none.
    let operand: String
    let operandHelp: String
    /// How many operands a call may have.
    var operandCount = 1...Int.max
    let options: [Option]
    /// Groups of which at most one option may be given.
    let exclusive: [[Option]]

    /// `<track> ...`, `<file>` where there is only one, `<from> <to>` where two differ; in brackets
    /// where none is needed.
    var operandUsage: String {
        let words = operand.split(separator: " ").map { "<\($0)>" }
        let isOpen = operandCount.upperBound > words.count
        let usage = words.joined(separator: " ") + (isOpen ? " ..." : "")
        return operandCount.lowerBound == 0 && !usage.isEmpty ? "[\(usage)]" : usage
    }

    /// The words of a call that name it.
    var words: [String] { name.split(separator: " ").map(String.init) }

    /// Whether calls without a command's name mean this one.
    var isDefault: Bool { name == Command.all[0].definition.name }
}
