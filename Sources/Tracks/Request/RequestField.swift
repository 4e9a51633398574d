// Also Embedded Swift: typed throws, no key paths, no casts.
// A field of a request or of a run: its form, meaning, range, value and parser.

import System

package protocol FieldValues: Sendable {
    /// The values without any field.
    init()
}

/// What a field decides. A door takes the fields whose effect it has.
package enum FieldScope: Sendable, CaseIterable {
    /// Which signals are made of the stems, and at which rate.
    case signals
    /// How the networks run.
    case separation
    /// The part and the channels of the track.
    case track
    /// How samples are encoded.
    case encoding
    /// The files of a track, and what is found out beside them.
    case files
}

/// A field of values, as the doors take it: a text under a name.
package struct RequestField<Values: FieldValues>: Sendable {
    package typealias Expected = SeparationRequest.Expected

    package enum Form: Sendable, Equatable {
        /// True if it is given without a value, or as `true`, `1`, `on` or `yes`.
        case flag
        /// - placeholder: names the value in a help text.
        case text(placeholder: String)
        /// One of a few words.
        case choice([String])
    }

    /// How a text says several values.
    package enum List: Sendable {
        case separatedByCommas
        /// One in each text: the field is given several times.
        case repeated
    }

    package let name: String
    package let scope: FieldScope
    package let form: Form
    /// Nil for a field with one value.
    package let list: List?
    /// The meaning, with limits; names of fields are in backticks.
    package let help: String
    /// The value of a request without the field; empty for a flag, which is then false.
    package let defaultText: String
    /// The type and the range of ``value``, which is null for a request without a value.
    package let schema: JSONSchema
    /// The type and the range of the text that ``set(_:in:)`` takes.
    package let textSchema: JSONSchema
    /// The value in a request; nil for a field that is another word for a value of a field.
    package let value: (@Sendable (Values) -> JSON)?
    private let parse: @Sendable (String, inout Values) throws(Expected) -> Void

    /// Takes a value from a text.
    ///
    /// - Throws: `RequestError.invalidValue`.
    package func set(
        _ value: String, in request: inout Values
    ) throws(RequestError) {
        do throws(Expected) { try parse(value, &request) } catch {
            throw .invalidValue(field: name, value: value, expected: error.text)
        }
    }

    /// - Parameters:
    ///   - defaultText: nil for the value of an empty request.
    ///   - textSchema: nil for a text that is like the value.
    // Inlined into each row of the table, it would take a tenth of the module's compilation.
    @inline(never)
    package init(
        _ name: String, _ form: Form, _ schema: JSONSchema, of scope: FieldScope = .files,
        list: List? = nil, asText textSchema: JSONSchema? = nil,
        help: String, default defaultText: String? = nil,
        value: (@Sendable (Values) -> JSON)? = nil,
        parse: @escaping @Sendable (String, inout Values) throws(Expected) -> Void
    ) {
        self.name = name
        self.scope = scope
        self.form = form
        self.list = list
        self.help = help
        self.defaultText =
            switch value?(Values()) {
            case _ where defaultText != nil: defaultText ?? ""
            case .text(let text): text
            case .integer(let number): "\(number)"
            case .number(let number): "\(number)"
            default: ""
            }
        self.schema = schema
        self.textSchema = textSchema ?? schema
        self.value = value
        self.parse = parse
    }

    package init(
        flag name: String, of scope: FieldScope = .files, help: String,
        default defaultText: String? = nil, value: (@Sendable (Values) -> JSON)? = nil,
        set: @escaping @Sendable (Bool, inout Values) -> Void
    ) {
        self.init(
            name, .flag, .boolean, of: scope, help: help, default: defaultText, value: value
        ) {
            value, request throws(Expected) in
            guard let isSet = Self.truth(value) else { throw Expected("true or false") }
            set(isSet, &request)
        }
    }

    package init<Choice: RawRepresentable<String> & Sendable>(
        _ name: String, choices: [Choice], of scope: FieldScope = .files, help: String,
        default defaultText: String? = nil,
        value: @escaping @Sendable (Values) -> Choice?,
        set: @escaping @Sendable (Choice, inout Values) -> Void
    ) {
        let words = choices.map { $0.rawValue }
        self.init(
            name, .choice(words), .words(words), of: scope, help: help, default: defaultText,
            value: { JSON(value($0)?.rawValue) },
            parse: { value, request throws(Expected) in
                guard let choice = choices.first(where: { $0.rawValue == value }) else {
                    throw Expected("one of " + words.joined(separator: ", "))
                }
                set(choice, &request)
            })
    }

    /// The value of a flag; nil for a text that is none.
    package static func truth(_ value: String) -> Bool? {
        switch value {
        case "", "1", "true", "on", "yes": true
        case "0", "false", "off", "no": false
        default: nil
        }
    }
}

extension SeparationRequest: FieldValues {
    package typealias Field = RequestField<SeparationRequest>

    /// The expected value, for the text of an error.
    package struct Expected: Error {
        package let text: String

        package init(_ text: String) { self.text = text }
    }
}
