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
        let table = try ArgumentTable(arguments)
        try table.refuseUnsupported()
        let configuration = try Configuration(table.hyperparameters())
        var warnings = table.unknown.map {
            "unknown argument \($0) of the model's class; ignored, as the reference does"
        }
        if !arguments.assumed.isEmpty {
            var values = arguments.keyword
            var all = configuration.arguments
            try all.forEachInteger { key, value, _ in values[key] = .integer(value) }
            try all.forEachNumber { key, value, _ in values[key] = .number(value) }
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

/// The arguments of a class by the reference's names.
private struct ArgumentTable {
    /// Names that the class doesn't have, sorted.
    let unknown: [String]
    private var values: [String: ArgumentValue]

    private let architecture: Architecture

    init(_ arguments: ModelArguments) throws(ConfigurationError) {
        architecture = try Architecture(of: arguments)
        let order = architecture.argumentOrder
        guard arguments.positional.count <= order.count else {
            throw .tooManyPositional(
                found: arguments.positional.count, allowed: order.count)
        }
        values = arguments.keyword
        for (key, value) in zip(order, arguments.positional) {
            guard values.updateValue(value, forKey: key) == nil else {
                throw .givenTwice(key: key)
            }
        }
        unknown = values.keys.filter { !order.contains($0) }.sorted()
        for key in unknown { values[key] = nil }
    }

    /// Refuses options that are not supported.
    func refuseUnsupported() throws(ConfigurationError) {
        for (key, standard) in Architecture.onlyDefaults {
            guard let value = values[key], !Self.equalInPython(value, standard) else { continue }
            // An empty list splits no frequencies, like the default.
            if key == "multi_freqs", value == .array([]) { continue }
            throw .unsupported(
                key: key, found: value.description, supported: "\(key) = \(standard)")
        }
    }

    func hyperparameters() throws(ConfigurationError) -> Configuration.Hyperparameters {
        var result = Configuration.Hyperparameters(architecture, sources: try sources())
        try result.forEachInteger { key, target, _ throws(ConfigurationError) in
            try integer(key, &target)
        }
        try result.forEachNumber { key, target, _ throws(ConfigurationError) in
            try number(key, &target)
        }
        try result.forEachSwitch { key, target throws(ConfigurationError) in
            try bool(key, &target)
        }
        try segment(&result.segment)
        return result
    }

    // MARK: - Values by type

    private func sources() throws(ConfigurationError) -> [String] {
        guard let value = values["sources"] else {
            throw .missing(key: "sources")
        }
        guard case .array(let elements) = value else {
            throw wrongType("sources", value, "a list of names")
        }
        return try elements.map { element throws(ConfigurationError) in
            guard case .string(let name) = element else {
                throw wrongType("sources", value, "a list of names")
            }
            return name
        }
    }

    private func integer(_ key: String, _ target: inout Int) throws(ConfigurationError) {
        guard let value = values[key] else { return }
        guard case .integer(let integer) = value else {
            throw wrongType(key, value, "a whole number")
        }
        target = integer
    }

    private func number(_ key: String, _ target: inout Double) throws(ConfigurationError) {
        switch values[key] {
        case nil: return
        case .integer(let integer): target = Double(integer)
        case .number(let number): target = number
        // None and False switch the frequency embedding off, like 0.
        case .null where key == "freq_emb", .bool(false) where key == "freq_emb": target = 0
        case .some(let value): throw wrongType(key, value, "a number")
        }
    }

    private func bool(_ key: String, _ target: inout Bool) throws(ConfigurationError) {
        guard let value = values[key] else { return }
        guard case .bool(let bool) = value else { throw wrongType(key, value, "True or False") }
        target = bool
    }

    private func segment(_ target: inout Configuration.Segment) throws(ConfigurationError) {
        switch values["segment"] {
        case nil: return
        case .integer(let seconds): target = .fraction(numerator: seconds, denominator: 1)
        case .fraction(let numerator, let denominator):
            target = .fraction(numerator: numerator, denominator: denominator)
        case .number(let seconds): target = .float(seconds)
        case .some(let value): throw wrongType("segment", value, "a number or a fraction")
        }
    }

    private func wrongType(
        _ key: String, _ value: ArgumentValue, _ expected: String
    ) -> ConfigurationError {
        .wrongType(key: key, found: value.description, expected: expected)
    }

    /// Python's `==` for the types of the defaults: True equals 1, and 0 equals 0.0.
    private static func equalInPython(_ left: ArgumentValue, _ right: ArgumentValue) -> Bool {
        if let left = number(left), let right = number(right) { return left == right }
        return left == right
    }

    private static func number(_ value: ArgumentValue) -> Double? {
        switch value {
        case .bool(let bool): bool ? 1 : 0
        case .integer(let integer): Double(integer)
        case .number(let number): number
        default: nil
        }
    }
}
