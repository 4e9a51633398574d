// The fields of a request: name, form, meaning and parser of each, once for all doors.

import Audio
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

        fileprivate init(
            _ name: String, _ form: Form, help: String, default defaultText: String,
            parse: @escaping @Sendable (String, inout SeparationRequest) throws(Expected) -> Void
        ) {
            self.name = name
            self.form = form
            self.help = help
            self.defaultText = defaultText
            self.parse = parse
        }

        fileprivate init(
            _ name: String, _ placeholder: String, help: String, default defaultText: String = "",
            parse: @escaping @Sendable (String, inout SeparationRequest) throws(Expected) -> Void
        ) {
            self.init(
                name, .text(placeholder: placeholder), help: help, default: defaultText,
                parse: parse)
        }

        fileprivate init(
            flag name: String, help: String, default defaultText: String = "",
            set: @escaping @Sendable (Bool, inout SeparationRequest) -> Void
        ) {
            self.init(name, .flag, help: help, default: defaultText) {
                value, request throws(Expected) in
                guard let isSet = Field.truth(value) else { throw Expected("true or false") }
                set(isSet, &request)
            }
        }

        fileprivate init<Choice: RawRepresentable<String> & Sendable>(
            _ name: String, of choices: [Choice], help: String, default defaultText: String,
            set: @escaping @Sendable (Choice, inout SeparationRequest) -> Void
        ) {
            let words = choices.map(\.rawValue)
            self.init(name, .choice(words), help: help, default: defaultText) {
                value, request throws(Expected) in
                guard let choice = choices.first(where: { $0.rawValue == value }) else {
                    throw Expected("one of " + words.joined(separator: ", "))
                }
                set(choice, &request)
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
            "stems", "list",
            help: "Write only these stems, separated by commas; models that only other stems need "
                + "do not run.", default: "all"
        ) { value, request throws(Expected) in
            request.stems = try names(value, ",", or: "stem names such as vocals,drums")
        },
        Field("two-stems", "stem", help: "Write only this stem and the rest of the track.") {
            $1.twoStems = $0
        },
        Field(
            "other-method", of: OtherMethod.allCases,
            help: "How `two-stems` makes the rest of the track: add sums the other stems into "
                + "no_<stem>, minus subtracts the stem from the track into minus_<stem>, none writes "
                + "no rest.", default: "add"
        ) { $1.otherMethod = $0 },
        Field(
            "mix", "name=a+b",
            help: "Also write a sum of stems under a new name, such as karaoke=drums+bass+other. "
                + "Can be repeated. `stems` accepts the name too."
        ) { value, request throws(Expected) in request.mixes.append(try mix(value)) },
        Field(
            flag: "residual", help: "Also write 'residual', the track minus the sum of all stems."
        ) { $1.hasResidual = $0 },
        Field(
            "shifts", "n",
            help: "Average over this many passes with random shifts in time: 0 to 100. Each pass "
                + "takes the time of a separation: 5 takes five times as long as 1. The demo model "
                + "gains 0.09 dB of SDR with 2 and 0.14 dB with 5. 0 is one pass without a shift, as "
                + "fast as 1 and the same each time.", default: "1"
        ) { value, request throws(Expected) in
            request.shifts = try number(value, "a whole number") { Int($0) }
        },
        Field(
            "seed", "n", help: "Seed of the shifts, a whole number, to repeat a run.",
            default: "random"
        ) { value, request throws(Expected) in
            request.seed = try number(value, "a whole number from 0 to \(UInt64.max)") {
                UInt64($0)
            }
        },
        Field(
            "overlap", "fraction",
            help: "Fraction of each segment that overlaps the next one: 0 to less than 1. The time "
                + "grows as 1 / (1 - overlap): 0.1 takes a sixth less time than 0.25, 0.5 half as "
                + "much again.", default: "0.25"
        ) { value, request throws(Expected) in
            request.overlap = try number(value, "a number") { Double($0) }
        },
        Field(
            "segment", "seconds", help: "Length of a segment, decimals allowed.",
            default: "the model's own, the longest possible one of HTDemucs"
        ) { value, request throws(Expected) in
            request.segment = try number(value, "a number of seconds") { Double($0) }
        },
        Field(flag: "no-split", help: "Separate a short track as a whole, without segments.") {
            $1.split = !$0
        },
        Field(
            "start", "time", help: "Start here, in seconds or as 1:02:03.5.",
            default: "the track's start"
        ) { value, request throws(Expected) in request.start = try time(value) },
        Field(
            "duration", "time",
            help: "Separate a part of this length, as if the track ended there.",
            default: "to its end"
        ) { value, request throws(Expected) in
            let duration = try time(value)
            if duration == 0 { throw Expected("more than 0") }
            request.duration = duration
        },
        Field(
            "downmix", of: Downmix.allCases,
            help: "How to reduce more channels than the model takes: first keeps the first ones, "
                + "average averages all.", default: "first"
        ) { $1.downmix = $0 },
        Field(
            "precision", .choice(precisions),
            help: "Numbers to compute with: float32 matches the reference; bfloat16 is faster on "
                + "CPUs that support it, with an SNR of 42 dB against float32; int8 is smaller and "
                + "faster still, with 39 dB; auto picks the faster of float32 and bfloat16. The SDR "
                + "of the demo model's stems changes by 0.01 dB at most.",
            default: "float32; int8 for INT8 weights"
        ) { value, request throws(Expected) in
            guard precisions.contains(value) else {
                throw Expected("one of " + precisions.joined(separator: ", "))
            }
            request.precision = value
        },
        Field("format", of: Format.allCases, help: "Container of the files.", default: "wav") {
            $1.format = $0
        },
        Field(flag: "flac", help: "Write FLAC files.") { if $0 { $1.format = .flac } },
        Field(flag: "mp3", help: "Write MP3 files.") { if $0 { $1.format = .mp3 } },
        Field(flag: "int24", help: "Write 24-bit samples.", default: "16 bits") {
            if $0 { $1.sampleFormat = .int24 }
        },
        Field(flag: "float32", help: "Write 32-bit floating-point samples.") {
            if $0 { $1.sampleFormat = .float32 }
        },
        Field(
            // The reference's command has these three, but not the library's tanh.
            "clip-mode", of: [ClipMode.rescale, .clamp, .none],
            help: "How to avoid clipping: rescale the stem, clamp its peaks, or none.",
            default: "rescale"
        ) { $1.clipMode = $0 },
        Field(
            "gain", of: OutputOptions.Gain.allCases,
            help: "Whether `clip-mode` rescale scales each stem by its own gain, or all by a "
                + "common one, so that they still add up to the track.", default: "stem"
        ) { $1.gain = $0 },
        Field(
            "mp3-bitrate", "kbit/s",
            help: "Bit rate of MP3 files, \(MP3Settings.supportedBitRates.lowerBound) to "
                + "\(MP3Settings.supportedBitRates.upperBound).", default: "320"
        ) { value, request throws(Expected) in
            request.mp3Bitrate = try whole(value, in: MP3Settings.supportedBitRates)
        },
        Field(
            "mp3-preset", .choice(MP3Settings.supportedPresets.map(String.init)),
            help: "Preset of the MP3 encoder, from 2 (best) to 7 (fastest).", default: "2"
        ) { value, request throws(Expected) in
            request.mp3Preset = try whole(value, in: MP3Settings.supportedPresets)
        },
        Field(
            "output-rate", of: OutputOptions.Rate.allCases,
            help: "Sample rate of the stems: the model's, or the track's own.", default: "model"
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

    private static func time(_ text: String) throws(Expected) -> Double {
        try number(text, expectedTime, seconds)
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
