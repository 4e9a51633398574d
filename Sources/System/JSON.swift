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
        var object = [String: JSON](minimumCapacity: fields.count)
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
    /// One line of JSON, keys in their order. Its numbers are finite.
    package var line: String { String(decoding: bytes, as: UTF8.self) }

    /// The bytes of ``line``.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    private func append(to bytes: inout [UInt8]) {
        switch self {
        case .object(let fields):
            var separator = UInt8(ascii: "{")
            for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
                bytes.append(separator)
                name.appendJSON(to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                value.append(to: &bytes)
                separator = UInt8(ascii: ",")
            }
            bytes += (fields.isEmpty ? "{}" : "}").utf8
        case .array(let elements):
            var separator = UInt8(ascii: "[")
            for element in elements {
                bytes.append(separator)
                element.append(to: &bytes)
                separator = UInt8(ascii: ",")
            }
            bytes += (elements.isEmpty ? "[]" : "]").utf8
        case .text(let text): text.appendJSON(to: &bytes)
        case .integer(let number): bytes += "\(number)".utf8
        // Without ".0", as Foundation writes them.
        case .number(let number):
            bytes += (Int(exactly: number).map { "\($0)" } ?? "\(number)").utf8
        case .bool(let isTrue): bytes += (isTrue ? "true" : "false").utf8
        case .null: bytes += "null".utf8
        }
    }
}
