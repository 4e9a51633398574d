// The configuration from a checkpoint's constructor arguments.

import WeightsLoader

extension Configuration {
    /// Reads the configuration that a checkpoint stores, or infers it from the tensors' shapes.
    ///
    /// - Parameter overriding: arguments under the reference's names that replace the file's.
    /// - Returns: the configuration, and a line of warning for each argument that the reference's
    ///   class doesn't have. The reference drops such arguments too.
    /// - Throws: ``WeightsError`` if the metadata can't be used, ``ConfigurationError`` if an
    ///   argument is invalid or not supported.
    package static func read(
        from checkpoint: Checkpoint, overriding: [String: ArgumentValue] = [:]
    ) throws -> (configuration: Configuration, warnings: [String]) {
        try read(arguments(of: checkpoint, overriding: overriding))
    }

    /// Reads the configuration from the arguments of the class's constructor.
    ///
    /// - Returns: configuration and warnings, like ``read(from:overriding:)``.
    /// - Throws: ``ConfigurationError``.
    package static func read(
        _ arguments: ModelArguments
    ) throws -> (configuration: Configuration, warnings: [String]) {
        let table = try ArgumentTable(arguments)
        try table.refuseUnsupported()
        let configuration = try Configuration(table.hyperparameters())
        let warnings = table.unknown.map {
            "unknown argument \($0) of the model's class; ignored, as the reference does"
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

    init(_ arguments: ModelArguments) throws {
        architecture = try Architecture(of: arguments)
        let order = architecture.argumentOrder
        guard arguments.positional.count <= order.count else {
            throw ConfigurationError.tooManyPositional(
                found: arguments.positional.count, allowed: order.count)
        }
        values = arguments.keyword
        for (key, value) in zip(order, arguments.positional) {
            guard values.updateValue(value, forKey: key) == nil else {
                throw ConfigurationError.givenTwice(key: key)
            }
        }
        unknown = values.keys.filter { !order.contains($0) }.sorted()
        for key in unknown { values[key] = nil }
    }

    /// Refuses options that are not supported.
    func refuseUnsupported() throws {
        for (key, standard) in architecture.unsupported {
            guard let value = values[key], !Self.equalInPython(value, standard) else { continue }
            // An empty list splits no frequencies, like the default.
            if key == "multi_freqs", value == .array([]) { continue }
            throw ConfigurationError.unsupported(
                key: key, found: value.description, supported: "\(key) = \(standard)")
        }
    }

    func hyperparameters() throws -> Configuration.Hyperparameters {
        var result = Configuration.Hyperparameters(architecture, sources: try sources())
        for parameter in Configuration.Hyperparameters.integers {
            try integer(parameter.key, &result[keyPath: parameter.path])
        }
        for parameter in Configuration.Hyperparameters.numbers {
            try number(parameter.key, &result[keyPath: parameter.path])
        }
        for parameter in Configuration.Hyperparameters.switches {
            try bool(parameter.key, &result[keyPath: parameter.path])
        }
        try segment(&result.segment)
        return result
    }

    // MARK: - Values by type

    private func sources() throws -> [String] {
        guard let value = values["sources"] else {
            throw ConfigurationError.missing(key: "sources")
        }
        guard case .array(let elements) = value else {
            throw wrongType("sources", value, "a list of names")
        }
        return try elements.map { element in
            guard case .string(let name) = element else {
                throw wrongType("sources", value, "a list of names")
            }
            return name
        }
    }

    private func integer(_ key: String, _ target: inout Int) throws {
        guard let value = values[key] else { return }
        guard case .integer(let integer) = value else {
            throw wrongType(key, value, "a whole number")
        }
        target = integer
    }

    private func number(_ key: String, _ target: inout Double) throws {
        switch values[key] {
        case nil: return
        case .integer(let integer): target = Double(integer)
        case .number(let number): target = number
        // None and False switch the frequency embedding off, like 0.
        case .null where key == "freq_emb", .bool(false) where key == "freq_emb": target = 0
        case .some(let value): throw wrongType(key, value, "a number")
        }
    }

    private func bool(_ key: String, _ target: inout Bool) throws {
        guard let value = values[key] else { return }
        guard case .bool(let bool) = value else { throw wrongType(key, value, "True or False") }
        target = bool
    }

    private func segment(_ target: inout Configuration.Segment) throws {
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
