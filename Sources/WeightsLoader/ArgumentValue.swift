// Also Embedded Swift: typed throws, no key paths, no casts.
import System

/// A constructor argument with Python's types: `True` is not 1, and 4 is not 4.0.
package indirect enum ArgumentValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    /// A float, or a whole number too large for 64 bits.
    case number(Double)
    case string(String)
    /// Python's `fractions.Fraction` as stored, not reduced; the denominator is not zero.
    case fraction(numerator: Int, denominator: Int)
    case array([ArgumentValue])
    case object([String: ArgumentValue])
}

extension ArgumentValue: CustomStringConvertible {
    /// The value in Python's notation, cut after 120 characters.
    package var description: String {
        let text = pythonText
        return text.count <= 120 ? text : text.prefix(120) + "…"
    }

    private var pythonText: String {
        switch self {
        case .null: "None"
        case .bool(let value): value ? "True" : "False"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): "\"\(value)\""
        case .fraction(let numerator, let denominator): "Fraction(\(numerator), \(denominator))"
        case .array(let elements):
            "[" + elements.prefix(20).map { $0.description }.joined(separator: ", ")
                + (elements.count > 20 ? ", …]" : "]")
        case .object(let members):
            "{"
                + members.keys.sorted().prefix(20)
                .map { "\"\($0)\": \(members[$0] ?? .null)" }.joined(separator: ", ")
                + (members.count > 20 ? ", …}" : "}")
        }
    }
}

// The JSON encoding of official checkpoints.
extension ArgumentValue {
    /// The value as JSON: keys sorted, a fraction as `{"_type": "fraction", …}`; nil for infinities
    /// and NaN, which JSON can't express.
    package var json: String? {
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return "\(value)"
        case .number(let value): return value.isFinite ? "\(value)" : nil
        case .string(let value): return value.quotedAsJSON
        case .fraction(let numerator, let denominator):
            return "{\"_type\": \"fraction\", \"numerator\": \(numerator), "
                + "\"denominator\": \(denominator)}"
        case .array(let elements):
            let texts = elements.compactMap { $0.json }
            return texts.count == elements.count ? "[\(texts.joined(separator: ", "))]" : nil
        case .object(let members):
            let texts = members.keys.sorted().compactMap { key in
                members[key]?.json.map { "\(key.quotedAsJSON): \($0)" }
            }
            return texts.count == members.count ? "{\(texts.joined(separator: ", "))}" : nil
        }
    }
}
