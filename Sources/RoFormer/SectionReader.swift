// Reads the sections of a RoFormer's YAML file.

import Networks
import WeightsLoader

/// Reads the values of a section with their defaults; errors name `section.key`.
struct SectionReader {
    private let section: String
    private let values: [String: ArgumentValue]

    /// - Parameter sections: the file; a missing section is empty.
    init(_ section: String, of sections: [String: ArgumentValue]) throws(ConfigurationError) {
        self.section = section
        switch sections[section] {
        case nil, .null: values = [:]
        case .object(let members): values = members
        case .some(let found):
            throw .wrongType(
                key: section, found: found.description, expected: "a section with keys")
        }
    }

    func fullName(_ key: String) -> String { "\(section).\(key)" }

    private func value(_ key: String) -> ArgumentValue? {
        values[key] == .null ? nil : values[key]
    }

    /// A whole number; a missing one without a default is an error.
    func integer(
        _ key: String, _ standard: Int?, _ range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int {
        guard let value = try optionalInteger(key, range) ?? standard else {
            throw .missing(key: fullName(key))
        }
        return value
    }

    func optionalInteger(
        _ key: String, _ range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int? {
        try value(key).map { found throws(ConfigurationError) in
            try integer(found, key, range)
        }
    }

    private func integer(
        _ found: ArgumentValue, _ key: String, _ range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int {
        guard case .integer(let value) = found else {
            throw wrongType(key, found, "a whole number")
        }
        guard range.contains(value) else {
            throw .invalid(
                key: fullName(key), found: "\(value)",
                allowed: "it has to be \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func integers(
        _ key: String, _ standard: [Int], _ range: ClosedRange<Int>
    ) throws(ConfigurationError) -> [Int] {
        guard let found = value(key) else { return standard }
        guard case .array(let values) = found, (1...1_000).contains(values.count) else {
            throw wrongType(key, found, "a list of 1 to 1,000 whole numbers")
        }
        return try values.map { value throws(ConfigurationError) in
            try integer(value, key, range)
        }
    }

    func flag(_ key: String, _ standard: Bool) throws(ConfigurationError) -> Bool {
        guard let found = value(key) else { return standard }
        guard case .bool(let value) = found else {
            throw wrongType(key, found, "true or false")
        }
        return value
    }

    /// A text; nil if it is missing.
    func text(_ key: String) throws(ConfigurationError) -> String? {
        guard let found = value(key) else { return nil }
        guard case .string(let value) = found else { throw wrongType(key, found, "a text") }
        return value
    }

    func texts(_ key: String) throws(ConfigurationError) -> [String] {
        guard let found = value(key) else { throw .missing(key: fullName(key)) }
        guard case .array(let values) = found else {
            throw wrongType(key, found, "a list of texts")
        }
        return try values.map { value throws(ConfigurationError) in
            guard case .string(let text) = value else {
                throw wrongType(key, found, "a list of texts")
            }
            return text
        }
    }

    func require(
        _ key: String, _ isValid: Bool, _ allowed: String
    ) throws(ConfigurationError) {
        guard isValid else {
            throw .invalid(
                key: fullName(key), found: value(key)?.description ?? "its default",
                allowed: "it has to be \(allowed)")
        }
    }

    /// Refuses a value other than the default, the only one that is supported.
    func requireDefault(
        _ key: String, _ standard: ArgumentValue
    ) throws(ConfigurationError) {
        if let found = value(key), found != standard {
            throw .unsupported(
                key: fullName(key), found: found.description, supported: standard.description)
        }
    }

    /// Refuses keys that no reader knows: each could change the network.
    func requireKnown(_ known: Set<String>) throws(ConfigurationError) {
        if let unknown = values.keys.filter({ !known.contains($0) }).sorted().first {
            throw .unsupported(
                key: fullName(unknown), found: values[unknown]?.description ?? "",
                supported: "the arguments of BSRoformer and MelBandRoformer in audio-separator "
                    + "0.47.1")
        }
    }

    private func wrongType(
        _ key: String, _ found: ArgumentValue, _ expected: String
    ) -> ConfigurationError {
        .wrongType(key: fullName(key), found: found.description, expected: expected)
    }
}
