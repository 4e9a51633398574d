// A field of a request: its form, meaning, range, value and parser.

import System

extension SeparationRequest {
    /// A field of a request.
    package struct Field: Sendable {
        package enum Form: Sendable, Equatable {
            /// True if it is given without a value, or as `true`, `1`, `on` or `yes`.
            case flag
            /// - placeholder: names the value in a help text.
            case text(placeholder: String)
            /// One of a few words.
            case choice([String])
        }

        package let name: String
        package let form: Form
        /// The meaning, with limits; names of fields are in backticks.
        package let help: String
        /// The value of a request without the field; empty for a flag, which is then false.
        package let defaultText: String
        /// The type and the range of ``value``, which is null for a request without a value.
        package let schema: JSONSchema
        /// The type and the range of the text that ``set(_:in:)`` takes.
        package let textSchema: JSONSchema
        /// The value in a request; nil for a field that is another word for a value of a field.
        package let value: (@Sendable (SeparationRequest) -> JSON)?
        private let parse: @Sendable (String, inout SeparationRequest) throws(Expected) -> Void

        /// Takes a value from a text.
        ///
        /// - Throws: `RequestError.invalidValue`.
        package func set(
            _ value: String, in request: inout SeparationRequest
        ) throws(RequestError) {
            do throws(Expected) { try parse(value, &request) } catch {
                throw .invalidValue(field: name, value: value, expected: error.text)
            }
        }

        /// - Parameters:
        ///   - defaultText: nil for the value of an empty request.
        ///   - textSchema: nil for a text that is like the value.
        init(
            _ name: String, _ form: Form, _ schema: JSONSchema,
            asText textSchema: JSONSchema? = nil,
            help: String, default defaultText: String? = nil,
            value: (@Sendable (SeparationRequest) -> JSON)?,
            parse: @escaping @Sendable (String, inout SeparationRequest) throws(Expected) -> Void
        ) {
            self.name = name
            self.form = form
            self.help = help
            self.defaultText =
                switch value?(SeparationRequest()) {
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

        init(
            flag name: String, help: String, default defaultText: String? = nil,
            value: (@Sendable (SeparationRequest) -> JSON)? = nil,
            set: @escaping @Sendable (Bool, inout SeparationRequest) -> Void
        ) {
            self.init(name, .flag, .boolean, help: help, default: defaultText, value: value) {
                value, request throws(Expected) in
                guard let isSet = Field.truth(value) else { throw Expected("true or false") }
                set(isSet, &request)
            }
        }

        init<Choice: RawRepresentable<String> & Sendable>(
            _ name: String, of choices: [Choice], help: String, default defaultText: String? = nil,
            value: @escaping @Sendable (SeparationRequest) -> Choice?,
            set: @escaping @Sendable (Choice, inout SeparationRequest) -> Void
        ) {
            let words = choices.map(\.rawValue)
            self.init(
                name, .choice(words), .words(words), help: help, default: defaultText,
                value: { JSON(value($0)?.rawValue) },
                parse: { value, request throws(Expected) in
                    guard let choice = choices.first(where: { $0.rawValue == value }) else {
                        throw Expected("one of " + words.joined(separator: ", "))
                    }
                    set(choice, &request)
                })
        }

        init(
            time name: String, help: String, default defaultText: String,
            value: @escaping @Sendable (SeparationRequest) -> Double?,
            set: @escaping @Sendable (Double, inout SeparationRequest) throws(Expected) -> Void
        ) {
            self.init(
                name, .text(placeholder: "time"), .number,
                asText: .types("number", "string").with(["examples": [90.5, "1:02:03.5"]]),
                help: help, default: defaultText, value: { JSON(value($0)) },
                parse: { value, request throws(Expected) in
                    guard let seconds = seconds(value) else { throw Expected(expectedTime) }
                    try set(seconds, &request)
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

    /// The expected value, for the text of an error.
    struct Expected: Error {
        let text: String

        init(_ text: String) { self.text = text }
    }
}
