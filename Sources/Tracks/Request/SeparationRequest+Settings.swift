// Also Embedded Swift: typed throws, no key paths, no casts.
// A request from texts under the names of its fields, and from JSON.

import System

extension SeparationRequest {
    /// The request of a JSON object, which a door takes.
    ///
    /// - Parameter scopes: what its fields may decide.
    package init(json: String, of scopes: Set<FieldScope>) throws(RequestError) {
        self.init()
        _ = try set(SeparationRequest.fields(ofJSON: json), of: scopes)
    }

    /// Sets fields in their order, and checks the request as far as that needs no model.
    ///
    /// - Parameters:
    ///   - scopes: what the fields may decide.
    ///   - setOther: sets a field of the door, and returns whether it is a flag; nil if there is none of
    ///     that name.
    /// - Returns: names of the fields that are set to something else than false.
    package mutating func set(
        _ fields: [(name: String, value: String)], of scopes: Set<FieldScope>,
        other setOther: (_ name: String, _ value: String) throws(RequestError) -> Bool? = {
            _, _ throws(RequestError) in nil
        }
    ) throws(RequestError) -> [String] {
        var given: [String] = []
        for (name, value) in fields {
            let isFlag: Bool
            if let field = SeparationRequest.field(name), scopes.contains(field.scope) {
                try field.set(value, in: &self)
                isFlag = field.form == .flag
            } else if let isOtherFlag = try setOther(name, value) {
                isFlag = isOtherFlag
            } else {
                throw .unknownField(name)
            }
            if !isFlag || Field.truth(value) == true { given.append(name) }
        }
        try validate(given: given)
        return given
    }

    /// The fields of a JSON object: strings, numbers as they are written, booleans, and arrays for lists.
    ///
    /// - Throws: `RequestError.settings`.
    package static func fields(
        ofJSON json: String
    ) throws(RequestError) -> [(name: String, value: String)] {
        let members: [(key: String, value: JSON)]
        do throws(JSONError) { members = try JSONCursor.members(of: Array(json.utf8)) } catch {
            throw .settings("they are not a JSON object (\(error.problem))")
        }
        var fields: [(name: String, value: String)] = []
        for (key, value) in members {
            let elements: [JSON] =
                switch value {
                case .null: []
                case .array(let elements): elements
                default: [value]
                }
            let texts = elements.compactMap { $0.fieldText }
            guard texts.count == elements.count else {
                throw .settings("the value of '\(key)' is none of string, number, true and false")
            }
            switch (field(key)?.list, value) {
            case (.separatedByCommas, .array): fields.append((key, texts.joined(separator: ",")))
            case (nil, .array): throw .settings("'\(key)' has an array; it takes one value")
            default: fields += texts.map { (key, $0) }
            }
        }
        return fields
    }
}

extension JSON {
    /// A value of ``JSONCursor/members(of:)`` as the text that a field takes; nil for null, an array and an object.
    var fieldText: String? {
        switch self {
        case .text(let text): text
        case .bool(let isTrue): "\(isTrue)"
        default: nil
        }
    }
}
