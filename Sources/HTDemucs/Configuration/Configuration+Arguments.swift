// Also Embedded Swift: typed throws, no key paths, no casts.
// The configuration from a checkpoint's constructor arguments.

import Networks
import WeightsLoader

extension Configuration {
    /// Reads the configuration from the arguments of the class's constructor.
    ///
    /// - Returns: the configuration, and a line of warning for each argument that the reference's
    ///   class doesn't have, which the reference drops too, and one for assumed arguments.
    /// - Throws: ``ConfigurationError``.
    package static func read(
        _ arguments: ModelArguments
    ) throws(ConfigurationError) -> (configuration: Configuration, warnings: [String]) {
        let architecture = try Architecture(of: arguments)
        let order = architecture.argumentOrder
        guard arguments.positional.count <= order.count else {
            throw .tooManyPositional(found: arguments.positional.count, allowed: order.count)
        }
        var values = arguments.keyword
        for (key, value) in zip(order, arguments.positional) {
            guard values.updateValue(value, forKey: key) == nil else {
                throw .givenTwice(key: key)
            }
        }
        guard values["sources"] != nil else { throw .missing(key: "sources") }
        var found = Hyperparameters(architecture, sources: [])
        for argument in Argument.all where argument.classes.contains(architecture) {
            if let value = values[argument.name] { try argument.read(value, into: &found) }
        }
        let configuration = try Configuration(found)
        var warnings = values.keys.filter { !order.contains($0) }.sorted().map {
            "unknown argument \($0) of the model's class; ignored, as the reference does"
        }
        if !arguments.assumed.isEmpty {
            for argument in Argument.all {
                argument.value(in: configuration.arguments).map { values[argument.name] = $0 }
            }
            let assumed = arguments.assumed.map { "\($0) = \(values[$0] ?? .null)" }
            warnings.append(
                "the file states no arguments of its model; assumed: "
                    + assumed.joined(separator: ", "))
        }
        return (configuration, warnings)
    }
}

extension Architecture {
    /// The class whose constructor takes the arguments.
    ///
    /// - Throws: ``ConfigurationError/unsupported(key:found:supported:)``.
    package init(of arguments: ModelArguments) throws(ConfigurationError) {
        guard let architecture = Architecture(className: arguments.className) else {
            throw .unsupported(
                key: "klass", found: arguments.className,
                supported: Architecture.classNames.joined(separator: ", "))
        }
        self = architecture
    }
}

extension Argument {
    /// Reads the argument's value, if the engine reads it.
    ///
    /// - Throws: ``ConfigurationError`` for a value of another type, and for an option that is not
    ///   supported.
    fileprivate func read(
        _ value: ArgumentValue, into arguments: inout Arguments
    ) throws(ConfigurationError) {
        func wrongType(_ expected: String) -> ConfigurationError {
            .wrongType(key: name, found: value.description, expected: expected)
        }
        switch (form, value) {
        case (.integer(_, let access), .integer(let integer)): access(&arguments) { $0 = integer }
        case (.integer, _): throw wrongType("a whole number")
        case (.number(_, let access), _):
            guard let number = number(value) else { throw wrongType("a number") }
            access(&arguments) { $0 = number }
        case (.flag(let access), .bool(let bool)): access(&arguments) { $0 = bool }
        case (.flag, _): throw wrongType("True or False")
        case (.only(let standard), _):
            // An empty list splits no frequencies, like the default.
            if value.equalsInPython(standard) || name == "multi_freqs" && value == .array([]) {
                return
            }
            throw .unsupported(
                key: name, found: value.description, supported: "\(name) = \(standard)")
        case (.names(let access), .array(let elements)):
            let names = try elements.map { element throws(ConfigurationError) in
                guard case .string(let name) = element else { throw wrongType("a list of names") }
                return name
            }
            access(&arguments) { $0 = names }
        case (.names, _): throw wrongType("a list of names")
        case (.seconds(let access), .integer(let seconds)):
            access(&arguments) { $0 = .fraction(numerator: seconds, denominator: 1) }
        case (.seconds(let access), .fraction(let numerator, let denominator)):
            access(&arguments) { $0 = .fraction(numerator: numerator, denominator: denominator) }
        case (.seconds(let access), .number(let seconds)):
            access(&arguments) { $0 = .float(seconds) }
        case (.seconds, _): throw wrongType("a number or a fraction")
        case (.ignored, _): break
        }
    }

    private func number(_ value: ArgumentValue) -> Double? {
        switch value {
        case .integer(let integer): Double(integer)
        case .number(let number): number
        // None and False switch the frequency embedding off, like 0.
        case .null where name == "freq_emb", .bool(false) where name == "freq_emb": 0
        default: nil
        }
    }
}

extension ArgumentValue {
    /// Python's `==` for the types of the defaults: True equals 1, and 0 equals 0.0.
    fileprivate func equalsInPython(_ other: ArgumentValue) -> Bool {
        if let number, let other = other.number { return number == other }
        return self == other
    }

    private var number: Double? {
        switch self {
        case .bool(let bool): bool ? 1 : 0
        case .integer(let integer): Double(integer)
        case .number(let number): number
        default: nil
        }
    }
}
