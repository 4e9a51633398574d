// The fields of a request: name, form, meaning and parser of each, once for all doors.

import Audio
import System
import Tensor

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
        fileprivate init(
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

        fileprivate init(
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

        fileprivate init<Choice: RawRepresentable<String> & Sendable>(
            _ name: String, of choices: [Choice], help: String, default defaultText: String? = nil,
            value: @escaping @Sendable (SeparationRequest) -> Choice?,
            set: @escaping @Sendable (Choice, inout SeparationRequest) -> Void
        ) {
            let words = choices.map(\.rawValue)
            self.init(
                name, .choice(words), .words(words), help: help, default: defaultText,
                value: { JSON(value($0)?.rawValue) }
            ) { value, request throws(Expected) in
                guard let choice = choices.first(where: { $0.rawValue == value }) else {
                    throw Expected("one of " + words.joined(separator: ", "))
                }
                set(choice, &request)
            }
        }

        fileprivate init(
            time name: String, help: String, default defaultText: String,
            value: @escaping @Sendable (SeparationRequest) -> Double?,
            set: @escaping @Sendable (Double, inout SeparationRequest) throws(Expected) -> Void
        ) {
            self.init(
                name, .text(placeholder: "time"), .number,
                asText: .types("number", "string").with(["examples": [90.5, "1:02:03.5"]]),
                help: help, default: defaultText, value: { JSON(value($0)) }
            ) { value, request throws(Expected) in
                try set(number(value, expectedTime, seconds), &request)
            }
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
    fileprivate struct Expected: Error {
        let text: String

        init(_ text: String) { self.text = text }
    }

    /// Groups of fields that exclude each other.
    package static let exclusive = [
        ["stems", "two-stems"], ["segment", "no-split"], ["int24", "float32"], ["flac", "mp3"],
    ]

    /// The field of a name; nil if there is none.
    package static func field(_ name: String) -> Field? { fields.first { $0.name == name } }

    /// Checks the request as a whole, as far as that needs no model.
    ///
    /// - Parameter given: names of the fields that were set to something else than false.
    /// - Throws: `RequestError`.
    package func validate(given: [String]) throws(RequestError) {
        for group in SeparationRequest.exclusive {
            let together = group.filter(given.contains)
            if together.count > 1 { throw .combined(together[0], together[1]) }
        }
        if let gain, gain == .common, clipMode != .rescale {
            throw .invalidValue(
                field: "gain", value: gain.rawValue,
                expected: "stem, because `clip-mode \(clipMode.rawValue)` has no gain")
        }
        do throws(SeparationError) {
            try separation.validate()
            try excerpt?.validate()
        } catch {
            throw RequestError(error)
        }
    }
}

extension RequestError {
    /// The engine's error about an option, whose name is that of the field.
    package init(_ error: SeparationError) {
        guard case .invalidOption(let name, let value, let allowed) = error else {
            self = .invalidValue(field: "separation", value: "", expected: error.description)
            return
        }
        self = .invalidValue(field: name, value: value, expected: allowed)
    }
}

// MARK: - The table

extension SeparationRequest {
    package static let fields: [Field] = [
        Field(
            "stems", .text(placeholder: "list"), .list(of: .string),
            asText: .string.with(["examples": ["vocals,drums"]]),
            help: "Write only these stems, separated by commas; models that only other stems need "
                + "do not run.", default: "all",
            value: { $0.stems.map { .array($0.map(JSON.text)) } ?? .null }
        ) { value, request throws(Expected) in
            request.stems = try names(value, ",", or: "stem names such as vocals,drums")
        },
        Field(
            "two-stems", .text(placeholder: "stem"), .string,
            help: "Write only this stem and the rest of the track.", value: { JSON($0.twoStems) }
        ) { $1.twoStems = $0 },
        Field(
            "other-method", of: OtherMethod.allCases,
            help: "How `two-stems` makes the rest of the track: add sums the other stems into "
                + "no_<stem>, minus subtracts the stem from the track into minus_<stem>, none writes "
                + "no rest.", value: \.otherMethod
        ) { $1.otherMethod = $0 },
        Field(
            "mix", .text(placeholder: "name=a+b"), .list(of: .string),
            help: "Also write a sum of stems under a new name, such as karaoke=drums+bass+other. "
                + "Can be repeated. `stems` accepts the name too.",
            value: {
                .array($0.mixes.map { .text("\($0.name)=\($0.parts.joined(separator: "+"))") })
            }
        ) { value, request throws(Expected) in request.mixes.append(try mix(value)) },
        Field(
            flag: "residual", help: "Also write 'residual', the track minus the sum of all stems.",
            value: { .bool($0.hasResidual) }
        ) { $1.hasResidual = $0 },
        Field(
            "shifts", .text(placeholder: "n"), .integer(in: SeparationOptions.supportedShifts),
            help: "Average over this many passes with random shifts in time: 0 to 100. Each pass "
                + "takes the time of a separation: 5 takes five times as long as 1. The demo model "
                + "gains 0.09 dB of SDR with 2 and 0.14 dB with 5. 0 is one pass without a shift, as "
                + "fast as 1 and the same each time.", value: { .integer($0.shifts) }
        ) { value, request throws(Expected) in
            request.shifts = try number(value, "a whole number") { Int($0) }
        },
        Field(
            // Greater values than those of an Int are strings in JSON.
            "seed", .text(placeholder: "n"), .types("integer", "string"),
            asText: .integer.with(["minimum": 0]),
            help: "Seed of the shifts, a whole number, to repeat a run.", default: "random",
            value: {
                $0.seed.map { Int(exactly: $0).map(JSON.integer) ?? .text("\($0)") } ?? .null
            }
        ) { value, request throws(Expected) in
            request.seed = try number(value, "a whole number from 0 to \(UInt64.max)") {
                UInt64($0)
            }
        },
        Field(
            "overlap", .text(placeholder: "fraction"),
            .number.with(["minimum": 0, "exclusiveMaximum": 1]),
            help: "Fraction of each segment that overlaps the next one: 0 to less than 1. The time "
                + "grows as 1 / (1 - overlap): 0.1 takes a sixth less time than 0.25, 0.5 half as "
                + "much again.", value: { .number($0.overlap) }
        ) { value, request throws(Expected) in
            request.overlap = try number(value, "a number") { Double($0) }
        },
        Field(
            "segment", .text(placeholder: "seconds"), .number.with(["exclusiveMinimum": 0]),
            help: "Length of a segment in seconds, decimals allowed.",
            default: "the model's own, the longest possible one of HTDemucs",
            value: { JSON($0.segment) }
        ) { value, request throws(Expected) in
            request.segment = try number(value, "a number of seconds") { Double($0) }
        },
        Field(
            flag: "no-split", help: "Separate a short track as a whole, without segments.",
            value: { .bool(!$0.split) }
        ) { $1.split = !$0 },
        Field(
            time: "start", help: "Start here, in seconds or as 1:02:03.5.",
            default: "the track's start", value: \.start
        ) { $1.start = $0 },
        Field(
            time: "duration",
            help: "Separate a part of this length, as if the track ended there.",
            default: "to its end", value: \.duration
        ) { value, request throws(Expected) in
            if value == 0 { throw Expected("more than 0") }
            request.duration = value
        },
        Field(
            "downmix", of: Downmix.allCases,
            help: "How to reduce more channels than the model takes: first keeps the first ones, "
                + "average averages all.", value: \.downmix
        ) { $1.downmix = $0 },
        Field(
            "precision", .choice(precisions), .words(precisions),
            help: "Numbers to compute with: float32 matches the reference; bfloat16 is faster on "
                + "CPUs that support it, with an SNR of 42 dB against float32; int8 is smaller and "
                + "faster still, with 39 dB; auto picks the faster of float32 and bfloat16. The SDR "
                + "of the demo model's stems changes by 0.01 dB at most.",
            default: "float32; int8 for INT8 weights", value: { JSON($0.precision) }
        ) { value, request throws(Expected) in
            guard precisions.contains(value) else {
                throw Expected("one of " + precisions.joined(separator: ", "))
            }
            request.precision = value
        },
        Field("format", of: Format.allCases, help: "Container of the files.", value: \.format) {
            $1.format = $0
        },
        Field(flag: "flac", help: "Write FLAC files.") { if $0 { $1.format = .flac } },
        Field(flag: "mp3", help: "Write MP3 files.") { if $0 { $1.format = .mp3 } },
        Field(
            flag: "int24", help: "Write 24-bit samples.", default: "16 bits",
            value: { .bool($0.sampleFormat == .int24) }
        ) { if $0 { $1.sampleFormat = .int24 } },
        Field(
            flag: "float32", help: "Write 32-bit floating-point samples.",
            value: { .bool($0.sampleFormat == .float32) }
        ) { if $0 { $1.sampleFormat = .float32 } },
        Field(
            // The reference's command has these three, but not the library's tanh.
            "clip-mode", of: [ClipMode.rescale, .clamp, .none],
            help: "How to avoid clipping: rescale the stem, clamp its peaks, or none.",
            value: \.clipMode
        ) { $1.clipMode = $0 },
        Field(
            "gain", of: OutputOptions.Gain.allCases,
            help: "Whether `clip-mode` rescale scales each stem by its own gain, or all by a "
                + "common one, so that they still add up to the track.", default: "stem",
            value: \.gain
        ) { $1.gain = $0 },
        Field(
            "mp3-bitrate", .text(placeholder: "kbit/s"),
            .integer(in: MP3Settings.supportedBitRates),
            help: "Bit rate of MP3 files, \(MP3Settings.supportedBitRates.lowerBound) to "
                + "\(MP3Settings.supportedBitRates.upperBound).", value: { .integer($0.mp3Bitrate) }
        ) { value, request throws(Expected) in
            request.mp3Bitrate = try whole(value, in: MP3Settings.supportedBitRates)
        },
        Field(
            "mp3-preset", .choice(MP3Settings.supportedPresets.map(String.init)),
            .integer(in: MP3Settings.supportedPresets),
            help: "Preset of the MP3 encoder, from 2 (best) to 7 (fastest).",
            value: { .integer($0.mp3Preset) }
        ) { value, request throws(Expected) in
            request.mp3Preset = try whole(value, in: MP3Settings.supportedPresets)
        },
        Field(
            "output-rate", of: OutputOptions.Rate.allCases,
            help: "Sample rate of the stems: the model's, or the track's own.", value: \.outputRate
        ) { $1.outputRate = $0 },
    ]
}

// MARK: - Parsers

extension SeparationRequest {
    private static func number<Value>(
        _ text: String, _ expected: String, _ convert: (String) -> Value?
    ) throws(Expected) -> Value {
        guard let value = convert(text) else { throw Expected(expected) }
        return value
    }

    private static func whole(
        _ text: String, in range: ClosedRange<Int>
    ) throws(Expected) -> Int {
        try number(text, "a whole number from \(range.lowerBound) to \(range.upperBound)") {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// What ``seconds(_:)`` takes, for the text of an error.
    package static let expectedTime = "seconds, minutes:seconds or hours:minutes:seconds"

    /// A time in seconds, from `83.5`, `1:23.5` or `1:02:03`; nil for anything else.
    package static func seconds(_ text: String) -> Double? {
        var seconds = 0.0
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for part in parts {
            // Digits and a point only: no "nan", "1e9" or signs.
            let isPlain = part.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard parts.count <= 3, isPlain, let value = Double(part) else { return nil }
            seconds = seconds * 60 + value
        }
        return seconds
    }

    /// Splits a list; none of its names may be empty or repeated.
    private static func names(
        _ text: String, _ separator: Character, or expected: String
    ) throws(Expected) -> [String] {
        let names = text.split(separator: separator, omittingEmptySubsequences: false)
            .map(String.init)
        if names.contains("") || Set(names).count < names.count {
            throw Expected("\(expected), each once")
        }
        return names
    }

    private static func mix(_ text: String) throws(Expected) -> Mix {
        let expected = "a name and stems, such as karaoke=drums+bass"
        guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            throw Expected(expected)
        }
        let name = String(text[..<equals])
        if let problem = problem(withName: name) {
            throw Expected("\(expected); the name \(problem)")
        }
        let parts = String(text[text.utf8.index(after: equals)...])
        return Mix(name: name, parts: try names(parts, "+", or: expected))
    }

    /// The reason why a name can't be a part of a file's name; nil if it can.
    package static func problem(withName name: String) -> String? {
        if name.isEmpty || name == "." || name == ".." { return "must not be '\(name)'" }
        if name.utf8.contains(where: { $0 < 32 || $0 == 127 || $0 == UInt8(ascii: "/") }) {
            return "must not contain '/' or control characters"
        }
        return name.utf8.count > 200 ? "must have at most 200 bytes" : nil
    }
}
