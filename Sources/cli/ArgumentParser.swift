// Parses the words of a command line into the options and operands of a command.

import System

package struct ParsedArguments: Equatable {
    /// Operands in the order given.
    fileprivate(set) var operands: [String] = []
    /// Values by option name, in the order given; the values of flags are empty, or `shortForm`.
    private(set) var values: [String: [String]] = [:]

    /// The value of a flag that was given by its short form.
    static let shortForm = "-"

    package func has(_ option: Option) -> Bool { values[option.name] != nil }

    /// The last value: if an option is repeated, the last one counts.
    package func value(_ option: Option) -> String? { values[option.name]?.last }

    /// All values of a repeatable option.
    package func values(_ option: Option) -> [String] { values[option.name] ?? [] }

    /// The value of an option that is required and must not be empty.
    ///
    /// - Throws: `UsageError.missingValue`.
    func required(_ option: Option) throws(UsageError) -> String {
        guard let value = value(option), !value.isEmpty else { throw .missingValue(option) }
        return value
    }

    /// The value, converted from text; nil if the option wasn't given.
    ///
    /// - Parameters:
    ///   - allowed: the expected value in the error's text, `a whole number`.
    ///   - convert: returns nil for an invalid value.
    /// - Throws: `UsageError.invalidValue`.
    package func value<Value>(
        _ option: Option, allowed: String, _ convert: (String) -> Value?
    ) throws(UsageError) -> Value? {
        guard let text = value(option) else { return nil }
        guard let value = convert(text) else {
            throw .invalidValue(option, value: text, allowed: allowed)
        }
        return value
    }

    /// The value as a whole number; nil if the option wasn't given.
    ///
    /// - Throws: `UsageError.invalidValue`.
    package func number(_ option: Option, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
        let bounds = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return try value(option, allowed: bounds) {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// The value as a finite number; nil if the option wasn't given.
    ///
    /// - Throws: `UsageError.invalidValue`.
    func finiteNumber(_ option: Option) throws(UsageError) -> Double? {
        try value(option, allowed: "a number") {
            Double($0).flatMap { $0.isFinite ? $0 : nil }
        }
    }

    /// The value as one of a few words; nil if the option wasn't given.
    ///
    /// - Parameter others: further words that the error lists; the caller has handled them.
    /// - Throws: `UsageError.invalidValue`.
    func choice<Choice: RawRepresentable<String>>(
        _ option: Option, of choices: [Choice], or others: [String] = []
    ) throws(UsageError) -> Choice? {
        let names = (choices.map(\.rawValue) + others).joined(separator: ", ")
        return try value(option, allowed: "one of \(names)") { text in
            choices.first { $0.rawValue == text }
        }
    }

    /// Sets an option as if it were the last word of the command line.
    mutating func set(_ option: Option, _ value: String) {
        values[option.name, default: []].append(value)
    }
}

/// Parses `--option value`, `--option=value`, `-ovalue`, `-o value`, `-o=value`, joined flags `-qh`,
/// and `--` before operands that begin with a dash.
struct ArgumentParser {
    let command: Command

    /// Parses all words. `--help` and `--version` end the parsing: nothing after them is checked.
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
            if given.count > 1 {
                throw UsageError(
                    "'\(given[0].long)' can't be combined with '\(given[1].long)'")
            }
        }
        let count = arguments.operands.count
        let needsOperands = !command.standalone.contains(where: arguments.has)
        if needsOperands && count < command.operandCount.lowerBound {
            throw UsageError(
                "Missing expected argument '\(command.operandUsage)'; see 'swift-demucs "
                    + (command.isDefault ? "" : "\(command.name) ") + "--help'")
        }
        if count > command.operandCount.upperBound {
            throw .unexpectedOperand(arguments.operands[command.operandCount.upperBound])
        }
        for (name, values) in arguments.values {
            // Such a path names a track only.
            if let value = values.first(where: { $0.unicodeScalars.contains { $0.byte != nil } }) {
                throw UsageError(
                    "The value '\(value)' of '--\(name)' is not valid UTF-8: use another name")
            }
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
            throw .unknownOption("--\(name)", suggestion: suggestion(for: name))
        }
        let attached = parts.count > 1 ? String(parts[1]) : nil
        switch (option.placeholder, attached) {
        case (nil, nil): arguments.set(option, "")
        case (nil, let value?):
            throw UsageError(
                "The option '\(option.long)' takes no value, but '\(value)' was given")
        case (_?, let value?): arguments.set(option, value)
        case (_?, nil): arguments.set(option, try nextValue(of: option, &rest))
        }
    }

    private func parseShort(
        _ word: String, _ rest: inout ArraySlice<String>, _ arguments: inout ParsedArguments
    ) throws(UsageError) {
        // `-shifts` would parse as `-s hifts`: the long option is suggested instead.
        if let meant = command.options.first(where: { "-\($0.name)" == word }) {
            throw .unknownOption(word, suggestion: meant.long)
        }
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            guard let option = command.options.first(where: { $0.short == letter }) else {
                // `-mix` was probably meant as `--mix`.
                let suggestion = suggestion(for: String(word.dropFirst()))
                throw .unknownOption(
                    suggestion == nil ? "-\(letter)" : word, suggestion: suggestion)
            }
            guard option.placeholder != nil else {
                arguments.set(option, ParsedArguments.shortForm)
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

    /// The next word, unless it is an option; a negative number is not an option.
    private func nextValue(
        of option: Option, _ rest: inout ArraySlice<String>
    ) throws(UsageError) -> String {
        guard let next = rest.first, !next.hasPrefix("-") || next == "-" || Double(next) != nil
        else { throw .missingValue(option) }
        return rest.removeFirst()
    }

    /// The long option with the most similar name.
    private func suggestion(for name: String) -> String? {
        nearestWord(to: name, among: command.options.map(\.name)).map { "--\($0)" }
    }
}
