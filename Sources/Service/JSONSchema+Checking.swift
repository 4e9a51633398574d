// Checks bodies of requests against their schemas. Reference: JSON Schema Validation 2020-12.

import Synchronization
import System

/// The first way in which a value doesn't fit its schema.
package enum SchemaViolation: Equatable, Sendable {
    /// A field that the object at `path` doesn't have.
    case unknown(String, path: String, known: [String])
    /// A value, with what its schema describes.
    case invalid(JSON?, path: String, expected: String)
}

extension JSONSchema {
    /// - Parameters:
    ///   - path: where the value stands, "songs[1].speed"; "" for the whole.
    ///   - resolve: finds the schema that a reference names.
    /// - Returns: nil if the value fits.
    package func violation(
        of value: JSON, at path: String = "", resolve: (String) -> JSON = { _ in [:] }
    ) -> SchemaViolation? {
        if case .text(let name)? = self["$ref"] {
            return JSONSchema(resolve(name)).violation(of: value, at: path, resolve: resolve)
        }
        func invalid(_ expected: String) -> SchemaViolation {
            .invalid(value, path: path, expected: expected)
        }
        if case .array(let choices)? = self["oneOf"] {
            let fits = choices.count {
                JSONSchema($0).violation(of: value, at: path, resolve: resolve) == nil
            }
            return fits == 1 ? nil : invalid("one of \(choices.count) forms")
        }
        let types = texts("type")
        guard types.isEmpty || types.contains(where: { value.isA($0) }) else {
            return invalid(types.map { Self.words[$0] ?? $0 }.joined(separator: " or "))
        }
        switch value {
        case .text(let text):
            let choices = texts("enum")
            if !choices.isEmpty, !choices.contains(text) {
                return invalid("one of " + choices.joined(separator: ", "))
            }
            if !isInRange(text.unicodeScalars.count, "Length") {
                return invalid("\(range("Length")) characters")
            }
            if case .text(let pattern)? = self["pattern"], !Self.fits(text, pattern) {
                return invalid("a text that fits \(pattern)")
            }
        case .integer, .number:
            let number = value.number ?? .nan
            let (least, most) = (self["minimum"]?.number, self["maximum"]?.number)
            if number < least ?? -.infinity || number > most ?? .infinity {
                let limits = [("at least", least), ("at most", most)]
                return invalid(
                    limits.compactMap { words, limit in
                        limit.map { "\(words) \(JSON.number($0).line)" }
                    }
                    .joined(separator: " and "))
            }
        case .array(let items):
            if !isInRange(items.count, "Items") { return invalid("\(range("Items")) values") }
            guard let schema = self["items"].map({ JSONSchema($0) }) else { break }
            for (index, item) in items.enumerated() {
                let place = "\(path)[\(index)]"
                if let found = schema.violation(of: item, at: place, resolve: resolve) {
                    return found
                }
            }
        case .object(let fields):
            return violation(of: fields, at: path, resolve)
        case .bool, .null: break
        }
        return nil
    }

    private func violation(
        of fields: [String: JSON], at path: String, _ resolve: (String) -> JSON
    ) -> SchemaViolation? {
        var known: [String: JSON] = [:]
        if case .object(let properties)? = self["properties"] { known = properties }
        let isClosed = self["additionalProperties"] == false
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            guard let schema = known[name] else {
                if isClosed { return .unknown(name, path: path, known: known.keys.sorted()) }
                continue
            }
            let place = path.isEmpty ? name : "\(path).\(name)"
            let found = JSONSchema(schema).violation(of: value, at: place, resolve: resolve)
            if let found { return found }
        }
        if let missing = texts("required").first(where: { fields[$0] == nil }) {
            return .invalid(
                nil, path: path.isEmpty ? missing : "\(path).\(missing)", expected: "a value")
        }
        return isInRange(fields.count, "Properties")
            ? nil
            : .invalid(
                .object(fields), path: path,
                expected: "\(range("Properties")) of the fields "
                    + known.keys.sorted().joined(separator: ", "))
    }

    /// Each is compiled once: the sets of many users have thousands of ids.
    private static let patterns = Mutex<[String: Regex<AnyRegexOutput>]>([:])

    private static func fits(_ text: String, _ pattern: String) -> Bool {
        patterns.withLock { patterns in
            if patterns[pattern] == nil { patterns[pattern] = try? Regex(pattern) }
            return patterns[pattern].map { text.firstMatch(of: $0) != nil } ?? false
        }
    }

    private static let words = [
        "object": "an object", "array": "a list", "string": "a text", "integer": "a whole number",
        "number": "a number", "boolean": "true or false",
    ]

    /// The texts of a keyword: one, or a list, from which null is left out.
    private func texts(_ keyword: String) -> [String] {
        switch self[keyword] {
        case .text(let text)?: [text]
        case .array(let values)?:
            values.compactMap { if case .text(let text) = $0 { text } else { nil } }
        default: []
        }
    }

    private func limits(_ name: String) -> (least: Int, most: Int) {
        let numbers = ["min", "max"].map { self["\($0)\(name)"]?.number.map { Int($0) } }
        return (numbers[0] ?? 0, numbers[1] ?? .max)
    }

    private func isInRange(_ count: Int, _ name: String) -> Bool {
        let (least, most) = limits(name)
        return count >= least && count <= most
    }

    private func range(_ name: String) -> String {
        let (least, most) = limits(name)
        return most == .max
            ? "at least \(least)" : least == most ? "\(least)" : "\(least) to \(most)"
    }
}

extension JSON {
    fileprivate var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    fileprivate func isA(_ type: String) -> Bool {
        switch self {
        case .object: type == "object"
        case .array: type == "array"
        case .text: type == "string"
        case .integer: type == "integer" || type == "number"
        case .number(let value): type == "number" || type == "integer" && value == value.rounded()
        case .bool: type == "boolean"
        case .null: type == "null"
        }
    }
}
