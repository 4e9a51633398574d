// The fields of a separation request and of a run as options of the command.

import Demucs
import Runs

extension Option: ExpressibleByStringLiteral {
    /// The option of a field that needs no other form, `"seed"`.
    package init(stringLiteral field: String) { self.init(field: field) }

    /// The option of a field.
    ///
    /// - Parameters:
    ///   - more: a sentence that only the command's help has.
    ///   - ownDefault: the command's own default; nil for the field's.
    init(
        field name: String, short: Character? = nil, more: String = "",
        ownDefault: String? = nil
    ) {
        if let field = SeparationRequest.field(name) {
            self.init(field, short, more, ownDefault)
        } else if let field = RunSettings.fields.first(where: { $0.name == name }) {
            self.init(field, short, more, ownDefault)
        } else {
            // A test creates all options.
            preconditionFailure("no field is called \(name)")
        }
    }

    private init<Values>(
        _ field: RequestField<Values>, _ short: Character?, _ more: String, _ ownDefault: String?
    ) {
        let defaultText = ownDefault ?? field.defaultText
        let help =
            field.help.replacing(/`([^`]+)`/) { "--\($0.output.1)" }
            + (more.isEmpty ? "" : " \(more)")
            + (defaultText.isEmpty ? "" : " (default: \(defaultText))")
        switch field.form {
        case .flag: self.init(field.name, help: help)
        case .text(let placeholder):
            self.init(field.name, short: short, value: placeholder, help: help)
        case .choice(let words): self.init(field.name, values: words, help: help)
        }
    }
}

extension ParsedArguments {
    /// The settings of a run that the options make.
    ///
    /// - Parameter names: the fields whose options the command has.
    /// - Throws: `UsageError` for an invalid value.
    func runSettings(
        of names: [String] = SeparationRequest.fields.map(\.name) + RunSettings.fields.map(\.name)
    ) throws(UsageError) -> RunSettings {
        let fields = names.flatMap { name in
            (values[name] ?? []).map { (name: name, value: $0) }
                // Raw samples are floats, which decides what `clip-mode` may be.
                + (name == "float32" && has(.raw) ? [(name: name, value: "true")] : [])
        }
        do throws(RequestError) { return try RunSettings(fields: fields) } catch {
            throw UsageError(error, self)
        }
    }

    /// `--precision` of commands without the other fields.
    ///
    /// - Parameter option: the command's own option, with its default.
    package func precisionChoice(
        _ option: Option = .precision
    ) throws(UsageError) -> PrecisionChoice {
        if option == .heardPrecision, !has(option) { return .auto }
        return try runSettings(of: [option.name]).request.precisionChoice
    }
}

extension UsageError {
    /// The error of a request in the command's terms.
    ///
    /// - Parameter arguments: numbers are shown as they were typed.
    init(_ error: RequestError, _ arguments: ParsedArguments) {
        switch error.withValueAsGiven({ arguments.values[$0]?.last }) {
        case .invalidValue(let field, let value, let expected):
            let expected = Self.options(in: expected)
            let options = SeparateCommand.command.options + LiveCommand.command.options
            guard let option = options.first(where: { $0.name == field })
            else {
                self.init("The value '\(value)' is invalid for \(field): expected \(expected)")
                return
            }
            self = .invalidValue(option, value: value, allowed: expected)
        case .settings: self.init("\(error)")
        case .unknownField(let name): self = .unknownOption("--\(name)", suggestion: nil)
        case .combined(let one, let other):
            self.init("'--\(one)' can't be combined with '--\(other)'")
        case .needs(let one, let other):
            self.init("'--\(one)' requires '\(Option(field: other).usage)'")
        case .sameName(let name):
            self.init(
                "Two outputs would be called '\(name)'; rename the one in "
                    + "'\(Option.mix.usage)'")
        }
    }

    /// A text with fields in back-quotes, in the command's terms.
    private static func options(in text: String) -> String {
        text.replacing(/`([^`]+)`/) { "'--\($0.output.1)'" }
    }

    /// The error of a run in the command's terms.
    init(_ error: RunError, _ arguments: ParsedArguments = ParsedArguments()) {
        switch error {
        case .request(let error): self.init(error, arguments)
        case .settings(let problem, let remedy):
            self.init("\(RunError.settings(problem, remedy: UsageError.options(in: remedy)))")
        case .trackRequest(let place, let error):
            self.init("\(place): \(UsageError(error, ParsedArguments()))")
        }
    }

    /// The engine's error about an option, in the command's terms.
    ///
    /// - Returns: nil for any other error.
    init?(_ error: SeparationError, _ arguments: ParsedArguments) {
        guard case .invalidOption = error else { return nil }
        self.init(RequestError(error), arguments)
    }
}
