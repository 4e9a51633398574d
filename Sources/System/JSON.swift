// JSON values, read from a text or made in memory.

/// A JSON value.
package enum JSON: Sendable, Equatable, ExpressibleByDictionaryLiteral,
    ExpressibleByArrayLiteral, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    case object([String: JSON])
    case array([JSON])
    case text(String)
    case integer(Int)
    /// A number with a point or an exponent, or a whole one too large for 64 bits.
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
}
