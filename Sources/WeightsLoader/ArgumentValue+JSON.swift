// Python values as JSON, in the encoding of official checkpoints.

extension ArgumentValue {
    /// Its JSON text: members sorted, a fraction as `{"_type": "fraction", …}`; nil if a number is
    /// infinite or not one, which JSON has no text for.
    package var json: String? {
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return "\(value)"
        case .number(let value): return value.isFinite ? "\(value)" : nil
        case .string(let value): return Self.quoted(value)
        case .fraction(let numerator, let denominator):
            return "{\"_type\": \"fraction\", \"numerator\": \(numerator), "
                + "\"denominator\": \(denominator)}"
        case .array(let elements):
            let texts = elements.compactMap(\.json)
            return texts.count == elements.count ? "[\(texts.joined(separator: ", "))]" : nil
        case .object(let members):
            let texts = members.sorted { $0.key < $1.key }.compactMap { key, value in
                value.json.map { "\(Self.quoted(key)): \($0)" }
            }
            return texts.count == members.count ? "{\(texts.joined(separator: ", "))}" : nil
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<" ", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
