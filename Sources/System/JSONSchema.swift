// Also Embedded Swift: typed throws, no key paths, no casts.
// Schemas of JSON values. Reference: JSON Schema 2020-12, as OpenAPI 3.1 uses it.

package struct JSONSchema: Sendable, Equatable {
    private let keywords: [String: JSON]

    private init(_ keywords: [String: JSON]) { self.keywords = keywords }

    /// The schema of a document; values that are no object describe any value.
    package init(_ json: JSON) {
        if case .object(let keywords) = json { self.init(keywords) } else { self.init([:]) }
    }

    package subscript(keyword: String) -> JSON? { keywords[keyword] }

    package static let string = types("string")
    package static let integer = types("integer")
    package static let number = types("number")
    package static let boolean = types("boolean")
    /// Any object.
    package static let object = types("object")

    /// Values of one of some types.
    package static func types(_ names: String...) -> JSONSchema {
        JSONSchema(["type": names.count == 1 ? .text(names[0]) : .array(names.map(JSON.text))])
    }

    /// One of a few strings.
    package static func words(_ words: [String]) -> JSONSchema {
        string.with(["enum": .array(words.map(JSON.text))])
    }

    /// Whole numbers in a range.
    package static func integer(
        in range: ClosedRange<Int>, default value: Int? = nil
    ) -> JSONSchema {
        let limits = integer.with([
            "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
        ])
        return value.map { limits.with(["default": .integer($0)]) } ?? limits
    }

    package static func list(of items: JSONSchema) -> JSONSchema {
        types("array").with(["items": items.json])
    }

    /// Objects with exactly these fields.
    package static func fields(_ fields: [String: JSONSchema]) -> JSONSchema {
        optional(fields).with(["required": .array(fields.keys.sorted().map(JSON.text))])
    }

    /// Objects with some of these fields, and no others.
    package static func optional(_ fields: [String: JSONSchema]) -> JSONSchema {
        object.with([
            "additionalProperties": false, "properties": .object(fields.mapValues { $0.json }),
        ])
    }

    /// Values that fit all of some schemas.
    package static func all(of schemas: [JSONSchema]) -> JSONSchema {
        JSONSchema(["allOf": .array(schemas.map { $0.json })])
    }

    /// A schema that stands elsewhere in the document.
    package static func reference(_ name: String) -> JSONSchema {
        JSONSchema(["$ref": .text("#/components/schemas/\(name)")])
    }

    package func with(_ more: [String: JSON]) -> JSONSchema {
        var keywords = keywords
        for (name, value) in more { keywords[name] = value }
        return JSONSchema(keywords)
    }

    package func about(_ description: String) -> JSONSchema {
        with(["description": .text(description)])
    }

    /// Also null.
    package var orNull: JSONSchema {
        var keywords = keywords
        switch keywords["type"] {
        case .text(let name): keywords["type"] = [.text(name), "null"]
        case .array(let names): keywords["type"] = .array(names + ["null"])
        default: keywords = ["oneOf": [json, ["type": "null"]]]
        }
        if case .array(let words) = keywords["enum"] { keywords["enum"] = .array(words + [nil]) }
        return JSONSchema(keywords)
    }

    package var json: JSON { .object(keywords) }
}
