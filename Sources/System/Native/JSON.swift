// JSON values that are made in memory.

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A JSON value. The fields of an object are written in the order of their names.
package enum JSON: Sendable, Equatable, Encodable, ExpressibleByDictionaryLiteral,
    ExpressibleByArrayLiteral, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    case object([String: JSON])
    case array([JSON])
    case text(String)
    case integer(Int)
    case number(Double)
    case bool(Bool)
    case null

    package init(dictionaryLiteral fields: (String, JSON)...) {
        self = .object(Dictionary(fields) { $1 })
    }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(nilLiteral: ()) { self = .null }

    package init(_ value: String?) { self = value.map(JSON.text) ?? .null }
    package init(_ value: Int?) { self = value.map(JSON.integer) ?? .null }
    /// A number that is not finite becomes null.
    package init(_ value: Double?) {
        self = value.flatMap { $0.isFinite ? JSON.number($0) : nil } ?? .null
    }

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

    /// One line of JSON.
    package var bytes: [UInt8] { JSON.bytes(of: self) }

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
