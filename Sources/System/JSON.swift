// Also Embedded Swift: typed throws, no key paths, no casts.
// A JSON value. ``JSONCursor`` reads it from a text; Native/JSON+Coding.swift writes it.

package enum JSON: Sendable, Equatable {
    case object([String: JSON])
    case array([JSON])
    case text(String)
    case integer(Int)
    /// A number with a point or an exponent, or a whole one too large for 64 bits.
    case number(Double)
    case bool(Bool)
    case null
}

extension JSON: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral,
    ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    package init(dictionaryLiteral fields: (String, JSON)...) {
        // Dictionary's own initialiser casts, which Embedded Swift can't do.
        var object: [String: JSON] = [:]
        for (name, value) in fields { object[name] = value }
        self = .object(object)
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
}

extension JSON {
    /// One line of JSON, keys in their order, where there is no `Encodable`. Its numbers are finite.
    package var line: String {
        switch self {
        case .object(let fields):
            let members = fields.keys.sorted().map {
                "\($0.quotedAsJSON):\((fields[$0] ?? .null).line)"
            }
            return "{" + members.joined(separator: ",") + "}"
        case .array(let elements):
            return "[" + elements.map { $0.line }.joined(separator: ",") + "]"
        case .text(let text): return text.quotedAsJSON
        case .integer(let number): return "\(number)"
        case .number(let number): return "\(number)"
        case .bool(let isTrue): return isTrue ? "true" : "false"
        case .null: return "null"
        }
    }
}
