// What the generators of completions and of the manual take from the option table.

/// Text of the table, made ready for other programs.
enum ShellText {
    /// A text's first sentence without its full stop: room is short beside a completion.
    static func summary(_ help: String) -> String {
        var end = help.endIndex
        for mark in [". ", ".("] {
            if let found = help.firstRange(of: mark), found.lowerBound < end {
                end = found.lowerBound
            }
        }
        let sentence = help[..<end]
        return String(sentence.hasSuffix(".") ? sentence.dropLast() : sentence)
    }

    /// In single quotes for a POSIX shell.
    static func quoted(_ text: String) -> String {
        "'"
            + text.split(separator: "'", omittingEmptySubsequences: false).joined(
                separator: #"'\''"#)
            + "'"
    }

    /// `-n` and `--name`, or the long one alone.
    static func forms(_ option: Option) -> [String] {
        (option.short.map { ["-\($0)"] } ?? []) + [option.long]
    }

    static let program = "swift-demucs"

    /// For comments that say where a text came from.
    static func origin(_ shell: String) -> String {
        "Made by '\(program) completions \(shell)' of version \(CommandLineTool.version)."
    }
}
