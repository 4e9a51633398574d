// Errors in the arguments of a command, found before anything is started.

enum UsageError: Error, Equatable, CustomStringConvertible {
    /// `option` as it was typed.
    case unknownOption(option: String, suggestion: String?)
    case missingValue(Option)
    case unexpectedValue(Option, value: String)
    case invalidValue(Option, value: String, allowed: String)
    case exclusive(Option, Option)
    case missingOperand(CommandDefinition)
    case unexpectedOperand(String)
    /// An action of `models` without the name of a model.
    case missingName(action: String)
    /// An operand that names no action or shell; `kind` is `action` or `shell`.
    case unknown(_ kind: String, String, allowed: [String])
    /// An option that has no meaning here; the text says where it has.
    case onlyFor(Option, String)
    /// `--sig`, an option of the reference.
    case signatureRefused
    /// An option that has no meaning without another.
    case needs(Option, Option)
    /// Two outputs of a track have the same name.
    case sameName(String)
    /// Two tracks would be written to the same file.
    case sameOutput(first: String, second: String, path: String)
    /// Two outputs of a track would be written to the same file.
    case sameOutputOfStems(String, String, path: String)
    /// `--stdout` with more than one track.
    case severalToStandardOutput(count: Int)
    case audioOnTerminal

    var description: String {
        switch self {
        case .unknownOption(let option, let suggestion):
            "Unknown option '\(option)'." + (suggestion.map { " Did you mean '\($0)'?" } ?? "")
        case .missingValue(let option):
            "Missing value for '\(option.usage)'"
        case .unexpectedValue(let option, let value):
            "The option '\(option.long)' takes no value, but '\(value)' was given"
        case .invalidValue(let option, let value, let allowed):
            "The value '\(value)' is invalid for '\(option.usage)': expected \(allowed)"
        case .exclusive(let first, let second):
            "'\(first.long)' can't be combined with '\(second.long)'"
        case .missingOperand(let command):
            "Missing expected argument '\(command.operandUsage)'; see 'swift-demucs "
                + (command.isDefault ? "" : "\(command.name) ") + "--help'"
        case .unexpectedOperand(let operand):
            "Unexpected argument '\(operand)'"
        case .missingName(let action):
            "Missing expected argument '<name>' after '\(action)'; see 'swift-demucs models --help'"
        case .unknown(let kind, let word, let allowed):
            "Unknown \(kind) '\(word)': expected one of " + allowed.joined(separator: ", ")
        case .onlyFor(let option, let use):
            "'\(option.long)' only applies to \(use)"
        case .signatureRefused:
            "'\(Option.signature.long)' is not supported: only the reference's solver can read its "
                + "training runs; export the model and pass the checkpoint with "
                + "'\(Option.name.long)'"
        case .needs(let option, let other):
            "'\(option.long)' requires '\(other.usage)'"
        case .sameName(let name):
            "Two outputs would be called '\(name)'; rename the one in '\(Option.mix.usage)'"
        case .sameOutput(let first, let second, let path):
            "'\(first)' and '\(second)' would both be written to '\(path)'; separate them in two "
                + "runs with different '\(Option.out.long)' folders, or change "
                + "'\(Option.filename.long)'"
        case .sameOutputOfStems(let first, let second, let path):
            "'\(first)' and '\(second)' would both be written to '\(path)'; include {stem} in "
                + "'\(Option.filename.usage)'"
        case .severalToStandardOutput(let count):
            "'\(Option.stdout.long)' takes a single track, but \(count) were found"
        case .audioOnTerminal:
            "Standard output is a terminal; redirect the audio of '\(Option.stdout.long)' to a file "
                + "or a program"
        }
    }
}
