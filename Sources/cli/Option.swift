// The option table's vocabulary. One table describes a command; parsing, help, shell completions and
// the manual are made from it.

/// One option of a command.
struct Option: Sendable, Equatable {
    /// What a shell can offer as a value.
    enum Completion: Sendable, Equatable {
        case nothing
        case file
        case folder
        case words([String])
        /// Some words that have a meaning of their own, or a file.
        case wordsOrFile([String])
    }

    /// Without dashes, `clip-mode`.
    let name: String
    /// The letter after one dash.
    let short: Character?
    /// What stands for its value in the help; `nil` for a flag, which takes none.
    let placeholder: String?
    let completion: Completion
    let help: String

    /// - Parameter completion: by default what the placeholder says: `file` and `folder` are those.
    init(
        _ name: String, short: Character? = nil, value placeholder: String? = nil,
        completion: Completion? = nil, help: String
    ) {
        self.name = name
        self.short = short
        self.placeholder = placeholder
        switch placeholder {
        case "file": self.completion = completion ?? .file
        case "folder": self.completion = completion ?? .folder
        default: self.completion = completion ?? .nothing
        }
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

/// Options of a command that belong together in its help.
struct OptionTopic: Sendable, Equatable {
    /// `OPTIONS`, `WHICH STEMS`.
    let title: String
    let options: [Option]
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
    let operandCount: ClosedRange<Int>
    /// What a shell can offer as an operand.
    let operandCompletion: Option.Completion
    let topics: [OptionTopic]
    /// Groups of which at most one option may be given.
    let exclusive: [[Option]]
    /// Options that make a call without operands complete.
    let standalone: [Option]

    init(
        name: String, overview: String, operand: String, operandHelp: String,
        operandCount: ClosedRange<Int> = 1...Int.max,
        operandCompletion: Option.Completion = .file, topics: [OptionTopic],
        exclusive: [[Option]], standalone: [Option] = []
    ) {
        self.name = name
        self.overview = overview
        self.operand = operand
        self.operandHelp = operandHelp
        self.operandCount = operandCount
        self.operandCompletion = operandCompletion
        self.topics = topics
        self.exclusive = exclusive
        self.standalone = standalone
    }

    /// A command with so few options that they are all of one topic.
    init(
        name: String, overview: String, operand: String, operandHelp: String,
        operandCount: ClosedRange<Int> = 1...Int.max,
        operandCompletion: Option.Completion = .file, options: [Option], exclusive: [[Option]]
    ) {
        self.init(
            name: name, overview: overview, operand: operand, operandHelp: operandHelp,
            operandCount: operandCount, operandCompletion: operandCompletion,
            topics: [OptionTopic(title: "OPTIONS", options: options)], exclusive: exclusive)
    }

    var options: [Option] { topics.flatMap(\.options) }

    /// `<track> ...`, `<file>` where there is only one, `<from> <to>` where two differ; in brackets
    /// where none is needed.
    var operandUsage: String {
        let words = operand.split(separator: " ").map { "<\($0)>" }
        let isOpen = operandCount.upperBound > words.count
        let usage = words.joined(separator: " ") + (isOpen ? " ..." : "")
        return operandCount.lowerBound == 0 && !usage.isEmpty ? "[\(usage)]" : usage
    }

    /// Whether calls without a command's name mean this one.
    var isDefault: Bool { name == Command.all[0].definition.name }
}
