// JSON as text: of values, of objects with values of different types, and of Codable types.

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// The fields of an object are written in the order of their names.
extension JSON: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .object(let fields): try container.encode(fields)
        case .array(let elements): try container.encode(elements)
        case .text(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .bool(let value): try container.encode(value)
        case .null: try container.encodeNil()
        }
    }

    /// One line of JSON from any value whose numbers are finite.
    package static func bytes(of value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Texts and finite numbers can always be encoded.
        return (try? encoder.encode(value)).map { Array($0) } ?? []
    }

    /// Decodes a text that ``bytes(of:)`` wrote; nil if that fails.
    package static func value<Value: Decodable>(_ type: Value.Type, from text: String) -> Value? {
        try? JSONDecoder().decode(type, from: Data(text.utf8))
    }
}

extension JSON: Decodable {
    // The decoder tells the kind of a value by errors alone, each of which takes as long as ten values: what
    // records have most is tried first.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
            let isWhole = number == number.rounded()
            self =
                isWhole
                ? (try? .integer(container.decode(Int.self))) ?? .number(number) : .number(number)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode([String: JSON].self) {
            self = .object(value)
        } else if let value = try? container.decode([JSON].self) {
            self = .array(value)
        } else {
            self = .bool(try container.decode(Bool.self))
        }
    }
}

/// A JSON object with values of different types. Fields that are nil are left out.
package struct JSONObject: Encodable, ExpressibleByDictionaryLiteral {
    private struct Name: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private let fields: [(String, (any Encodable)?)]

    package init(dictionaryLiteral fields: (String, (any Encodable)?)...) {
        self.fields = fields
    }

    private init(_ fields: [(String, (any Encodable)?)]) { self.fields = fields }

    package static func + (first: JSONObject, second: JSONObject) -> JSONObject {
        JSONObject(first.fields + second.fields)
    }

    /// The fields of a fixed schema: null where this object has no value.
    package func filled(_ names: [String]) -> JSONObject {
        JSONObject(
            names.map { name in
                (name, fields.last { $0.0 == name }?.1 ?? Null())
            })
    }

    private struct Null: Encodable {
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        for case (let name, let value?) in fields {
            try container.encode(value, forKey: Name(stringValue: name))
        }
    }
}

/// JSON with sorted keys. Infinite numbers become the strings `Infinity` and `-Infinity`.
package enum JSONText {
    /// - Parameters:
    ///   - formatting: by default indented; `[]` for one line.
    ///   - keys: by default, names of Swift's properties become `snake_case`.
    package static func of(
        _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting = .prettyPrinted,
        keys: JSONEncoder.KeyEncodingStrategy = .convertToSnakeCase
    ) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        encoder.keyEncodingStrategy = keys
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        // Strings and floats with that strategy can always be encoded.
        let data = (try? encoder.encode(value)) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }

    /// Reads a file with text that `of` wrote; nil if that fails.
    package static func read<Value: Decodable>(_ path: String) -> Value? {
        guard let bytes = try? readFile(path) else { return nil }
        return value(bytes)
    }

    /// Decodes a text that `of` wrote; nil if that fails.
    package static func value<Value: Decodable>(_ bytes: [UInt8]) -> Value? {
        try? JSONDecoder().decode(Value.self, from: Data(camelCased(bytes)))
    }

    /// The text with names of Swift's properties, `peakGain` for `peak_gain`. Foundation's own conversion
    /// takes half of the time of decoding, and a service reads thousands of records at its start.
    private static func camelCased(_ json: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(json.count)
        var index = 0
        while index < json.count {
            guard json[index] == UInt8(ascii: "\"") else {
                result.append(json[index])
                index += 1
                continue
            }
            var end = index + 1
            while end < json.count, json[end] != UInt8(ascii: "\"") {
                end += json[end] == UInt8(ascii: "\\") ? 2 : 1
            }
            end = min(end + 1, json.count)
            let next = json[end...].first { $0 > UInt8(ascii: " ") }
            let text = json[index..<end]
            if next == UInt8(ascii: ":") {
                var isFirst = false
                for byte in text {
                    if byte == UInt8(ascii: "_") {
                        isFirst = true
                    } else {
                        let isLower = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                        result.append(isFirst && isLower ? byte - 32 : byte)
                        isFirst = false
                    }
                }
            } else {
                result += text
            }
            index = end
        }
        return result
    }
}
