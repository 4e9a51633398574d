// From the words of a call to options and operands, by a command's table.

/// The arguments of a call, sorted by the table.
struct ParsedArguments: Equatable {
    /// Operands in their order.
    fileprivate(set) var operands: [String] = []
    /// Values by option name, in their order; those of flags are empty.
    private var values: [String: [String]] = [:]

    func has(_ option: Option) -> Bool { values[option.name] != nil }

    /// The last value: of an option that is repeated, the last counts.
    func value(_ option: Option) -> String? { values[option.name]?.last }

    /// All values of an option that may be repeated.
    func values(_ option: Option) -> [String] { values[option.name] ?? [] }

    /// The value as a number or whatever else is made from text.
    ///
    /// - Parameter allowed: for the error, `a whole number`.
    /// - Throws: `UsageError.invalidValue`.
    func parsed<Value: LosslessStringConvertible>(
        _ option: Option, allowed: String
    ) throws(UsageError) -> Value? {
        guard let text = value(option) else { return nil }
        guard let value = Value(text) else {
            throw .invalidValue(option, value: text, allowed: allowed)
        }
        return value
    }

    /// The value as a whole number; `nil` if the option wasn't given.
    ///
    /// - Parameter allowed: for the error, if the range's two ends don't say it best.
    /// - Throws: `UsageError.invalidValue`.
    func number(
        _ option: Option, in range: ClosedRange<Int>, allowed: String? = nil
    ) throws(UsageError) -> Int? {
        guard let text = value(option) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw .invalidValue(
                option, value: text,
                allowed: allowed
                    ?? "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// The value as a number that is neither infinite nor NaN; `nil` if the option wasn't given.
    ///
    /// - Throws: `UsageError.invalidValue`.
    func finiteNumber(
        _ option: Option, allowed: String = "a number"
    ) throws(UsageError) -> Double? {
        guard let value: Double = try parsed(option, allowed: allowed) else { return nil }
        guard value.isFinite else {
            throw .invalidValue(option, value: self.value(option) ?? "", allowed: allowed)
        }
        return value
    }

    /// The value as one of a few words; `nil` if the option wasn't given.
    ///
    /// - Throws: `UsageError.invalidValue`.
    func choice<Choice: RawRepresentable<String>>(
        _ option: Option, of choices: [Choice]
    ) throws(UsageError) -> Choice? {
        guard let text = value(option) else { return nil }
        guard let choice = choices.first(where: { $0.rawValue == text }) else {
            throw .invalidValue(
                option, value: text,
                allowed: "one of " + choices.map(\.rawValue).joined(separator: ", "))
        }
        return choice
    }

    fileprivate mutating func set(_ option: Option, _ value: String) {
        values[option.name, default: []].append(value)
    }
}

/// Understands `--option value`, `--option=value`, `-ovalue`, `-o value`, `-o=value`, joined flags
/// `-qh`, and `--` before operands that begin with a dash.
struct ArgumentParser {
    let command: CommandDefinition

    /// - Throws: `UsageError`. `--help` and `--version` end the parse: what follows them isn't
    ///   looked at, and nothing needs to be complete.
    func parse(_ words: [String]) throws(UsageError) -> ParsedArguments {
        var arguments = ParsedArguments()
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                arguments.operands += rest
                break
            } else if word.hasPrefix("--") {
                try parseLong(word, &rest, &arguments)
            } else if word.hasPrefix("-") && word != "-" {
                try parseShort(word, &rest, &arguments)
            } else {
                arguments.operands.append(word)
            }
            if arguments.has(.help) || arguments.has(.version) { return arguments }
        }
        for group in command.exclusive {
            let given = group.filter(arguments.has)
            if given.count > 1 { throw .exclusive(given[0], given[1]) }
        }
        let count = arguments.operands.count
        let needsOperands = !command.standalone.contains(where: arguments.has)
        if needsOperands && count < command.operandCount.lowerBound {
            throw .missingOperand(command)
        }
        if count > command.operandCount.upperBound {
            throw .unexpectedOperand(arguments.operands[command.operandCount.upperBound])
        }
        return arguments
    }

    private func parseLong(
        _ word: String, _ rest: inout ArraySlice<String>, _ arguments: inout ParsedArguments
    ) throws(UsageError) {
        let parts = word.dropFirst(2).split(
            separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard let option = command.options.first(where: { $0.name == name }) else {
            throw .unknownOption(option: "--\(name)", suggestion: suggestion(for: name))
        }
        let attached = parts.count > 1 ? String(parts[1]) : nil
        switch (option.placeholder, attached) {
        case (nil, nil): arguments.set(option, "")
        case (nil, let value?): throw .unexpectedValue(option, value: value)
        case (_?, let value?): arguments.set(option, value)
        case (_?, nil): arguments.set(option, try nextValue(of: option, &rest))
        }
    }

    private func parseShort(
        _ word: String, _ rest: inout ArraySlice<String>, _ arguments: inout ParsedArguments
    ) throws(UsageError) {
        // `-shifts` and `-out` would be an option with its value attached, and were hardly meant so.
        if let meant = command.options.first(where: { "-\($0.name)" == word }) {
            throw .unknownOption(option: word, suggestion: meant.long)
        }
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            guard let option = command.options.first(where: { $0.short == letter }) else {
                // `-shifts` was probably meant as `--shifts`.
                let suggestion = suggestion(for: String(word.dropFirst()))
                throw .unknownOption(
                    option: suggestion == nil ? "-\(letter)" : word, suggestion: suggestion)
            }
            guard option.placeholder != nil else {
                arguments.set(option, "")
                continue
            }
            let attached = letters.first == "=" ? letters.dropFirst() : letters
            if letters.isEmpty {
                arguments.set(option, try nextValue(of: option, &rest))
            } else {
                arguments.set(option, String(attached))
            }
            return
        }
    }

    /// The next word, unless it is an option itself. A negative number is a value.
    private func nextValue(
        of option: Option, _ rest: inout ArraySlice<String>
    ) throws(UsageError) -> String {
        guard let next = rest.first, !next.hasPrefix("-") || next == "-" || Double(next) != nil
        else { throw .missingValue(option) }
        return rest.removeFirst()
    }

    /// The nearest long option, if it is near enough to be what was meant.
    private func suggestion(for name: String) -> String? {
        let distances = command.options.map { ($0.long, editDistance(name, $0.name)) }
        guard let nearest = distances.min(by: { $0.1 < $1.1 }), nearest.1 <= max(1, name.count / 3)
        else { return nil }
        return nearest.0
    }
}

/// The least number of characters to insert, delete or replace that makes one string of the other.
/// (Levenshtein 1966; Wagner and Fischer 1974.)
private func editDistance(_ first: String, _ second: String) -> Int {
    let second = Array(second)
    var row = Array(0...second.count)
    for (index, character) in first.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for column in second.indices {
            let replaced = diagonal + (character == second[column] ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
        }
    }
    return row[second.count]
}

enum UsageError: Error, Equatable, CustomStringConvertible {
    /// `option` as it was typed.
    case unknownOption(option: String, suggestion: String?)
    case missingValue(Option)
    case unexpectedValue(Option, value: String)
    case invalidValue(Option, value: String, allowed: String)
    case exclusive(Option, Option)
    case missingOperand(CommandDefinition)
    case unexpectedOperand(String)
    /// An action of `models` that needs the name of a model.
    case missingName(action: String)
    case unknownAction(String, allowed: [String])
    case unknownShell(String, allowed: [String])
    /// An option that goes with a command's plain call alone.
    case exclusiveAction(Option, String)
    /// `--sig`, which is known and can't be done.
    case signatureRefused
    /// An option that means nothing without another.
    case needs(Option, Option)
    /// Two outputs of a track have the same name.
    case sameName(String)
    /// Two tracks would be written to the same file.
    case sameOutput(first: String, second: String, path: String)
    /// Two outputs of a track would be written to the same file.
    case sameOutputOfStems(String, String, path: String)
    case severalToStandardOutput(count: Int)
    case soundOnTerminal

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
        case .unknownAction(let action, let allowed):
            "Unknown action '\(action)': expected one of " + allowed.joined(separator: ", ")
        case .unknownShell(let shell, let allowed):
            "Unknown shell '\(shell)': expected one of " + allowed.joined(separator: ", ")
        case .exclusiveAction(let option, let command):
            "'\(option.long)' goes with '\(command)' alone, without an action"
        case .signatureRefused:
            "'\(Option.signature.long)' names a training run of the reference, which only its own "
                + "solver can read; export the model and give the checkpoint with "
                + "'\(Option.name.long)'"
        case .needs(let option, let other):
            "'\(option.long)' goes with '\(other.usage)' alone"
        case .sameName(let name):
            "Two outputs would be called '\(name)'; give the one of '\(Option.mix.usage)' another "
                + "name"
        case .sameOutput(let first, let second, let path):
            "'\(first)' and '\(second)' would both be written to '\(path)'; separate them in two "
                + "calls with different '\(Option.out.long)' folders, or tell them apart with "
                + "'\(Option.filename.long)'"
        case .sameOutputOfStems(let first, let second, let path):
            "'\(first)' and '\(second)' would both be written to '\(path)'; put {stem} into "
                + "'\(Option.filename.usage)'"
        case .severalToStandardOutput(let count):
            "'\(Option.stdout.long)' takes a single track, but \(count) were found"
        case .soundOnTerminal:
            "Standard output is a terminal; send the sound of '\(Option.stdout.long)' to a file or to "
                + "another program"
        }
    }
}
