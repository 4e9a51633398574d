// Also Embedded Swift: typed throws, no key paths, no casts.
// The table of a request's fields, once for all doors.

import Signal
import System
import Tensor

extension SeparationRequest {
    /// The field of a name; nil if there is none.
    package static func field(_ name: String) -> Field? { fields.first { $0.name == name } }

    /// Checks the request as a whole, as far as that needs no model.
    ///
    /// - Parameter given: names of the fields that were set to something else than false.
    package func validate(given: [String]) throws(RequestError) {
        for group in SeparationRequest.exclusive {
            let together = group.filter(given.contains)
            if together.count > 1 { throw .combined(together[0], together[1]) }
        }
        try validateFiles()
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
    package static let fields = separationFields + fileFields

    /// Groups of fields that exclude each other.
    package static let exclusive =
        [["stems", "two-stems"], ["two-stems", "then"], ["segment", "no-split"]] + exclusiveOfFiles

    #if hasFeature(Embedded)
        // The engine for browsers writes no files.
        private static let fileFields: [Field] = []
        private static let exclusiveOfFiles: [[String]] = []
        private func validateFiles() throws(RequestError) {}
    #endif

    /// Those of signals and of the separation, which need no files.
    private static let separationFields: [Field] = [
        Field(
            "stems", .text(placeholder: "list"), .list(of: .string), of: .signals,
            list: .separatedByCommas,
            asText: .string.with(["examples": ["vocals,drums"]]),
            help: "Write only these stems, separated by commas; models that only other stems need "
                + "do not run.", default: "all",
            value: { $0.stems.map { .array($0.map(JSON.text)) } ?? .null },
            parse: { value, request throws(Expected) in
                request.stems = try names(value, ",", or: "stem names such as vocals,drums")
            }),
        Field(
            "two-stems", .text(placeholder: "stem"), .string,
            of: .signals, help: "Write only this stem and the rest of the track.",
            value: { JSON($0.twoStems) },
            parse: { $1.twoStems = $0 }),
        Field(
            "other-method", choices: OtherMethod.allCases,
            of: .signals,
            help: "How `two-stems` makes the rest of the track: add sums the other stems into "
                + "no_<stem>, minus subtracts the stem from the track into minus_<stem>, none writes "
                + "no rest.", value: { $0.otherMethod },
            set: { $1.otherMethod = $0 }),
        Field(
            "mix", .text(placeholder: "name=a+b"), .list(of: .string), of: .signals,
            list: .repeated,
            help:
                "Also write a sum of stems under a new name, such as karaoke=drums+bass+other, or "
                + "the track minus stems, such as rest=mixture-vocals. Can be repeated. `stems` "
                + "accepts the name too.",
            value: { .array($0.mixes.map { .text($0.description) }) },
            parse: { value, request throws(Expected) in request.mixes.append(try mix(value)) }),
        Field(
            flag: "residual", of: .signals,
            help: "Also write 'residual', the track minus the sum of all stems.",
            value: { .bool($0.hasResidual) },
            set: { $1.hasResidual = $0 }),
        Field(
            "then", .text(placeholder: "stem=model"), .list(of: .string), of: .signals,
            list: .repeated,
            help:
                "Separate a stem further by another model, such as drums=drumsep, into drums_kick, "
                + "drums_snare and so on. Can be repeated. `stems` and `mix` accept these names too.",
            value: { .array(($0.then ?? []).map { .text($0.description) }) },
            parse: { value, request throws(Expected) in
                request.then = try following(value, after: request.then ?? [])
            }),
        Field(
            "output-rate", choices: OutputOptions.Rate.allCases,
            of: .signals, help: "Sample rate of the stems: the model's, or the track's own.",
            value: { $0.outputRate },
            set: { $1.outputRate = $0 }),
        Field(
            "shifts", .text(placeholder: "n"), .integer(in: SeparationOptions.supportedShifts),
            of: .separation,
            help: "Average over this many passes with random shifts in time: 0 to 100. Each pass "
                + "takes the time of a separation: 5 takes five times as long as 1. The demo model "
                + "gains 0.11 dB of SDR with 2 and 0.18 dB with 5. 0 is one pass without a shift, as "
                + "fast as 1 and the same each time.", value: { .integer($0.shifts) },
            parse: { value, request throws(Expected) in
                request.shifts = try number(value, "a whole number") { Int($0) }
            }),
        Field(
            // Greater values than those of an Int are strings in JSON.
            "seed", .text(placeholder: "n"), .types("integer", "string"),
            of: .separation, asText: .integer.with(["minimum": 0]),
            help: "Seed of the shifts, a whole number, to repeat a run.", default: "random",
            value: {
                $0.seed.map { Int(exactly: $0).map(JSON.integer) ?? .text("\($0)") } ?? .null
            },
            parse: { value, request throws(Expected) in
                request.seed = try number(value, "a whole number from 0 to \(UInt64.max)") {
                    UInt64($0)
                }
            }),
        Field(
            "overlap", .text(placeholder: "fraction"),
            .number.with(["minimum": 0, "exclusiveMaximum": 1]),
            of: .separation,
            help: "Fraction of each segment that overlaps the next one: 0 to less than 1. The time "
                + "grows as 1 / (1 - overlap): 0.1 takes a sixth less time than 0.25, 0.5 half as "
                + "much again.", default: "0.25; what its configuration says for a RoFormer",
            value: { JSON($0.overlap) },
            parse: { value, request throws(Expected) in
                request.overlap = try number(value, "a number") { Double($0) }
            }),
        Field(
            "segment", .text(placeholder: "seconds"), .number.with(["exclusiveMinimum": 0]),
            of: .separation, help: "Length of a segment in seconds, decimals allowed.",
            default: "the model's own, the longest possible one of HTDemucs",
            value: { JSON($0.segment) },
            parse: { value, request throws(Expected) in
                request.segment = try number(value, "a number of seconds") { Double($0) }
            }),
        Field(
            flag: "no-split", of: .separation,
            help: "Separate a short track as a whole, without segments.",
            value: { .bool(!$0.split) },
            set: { $1.split = !$0 }),
        Field(
            "transition-power", .text(placeholder: "power"), .number.with(["minimum": 1]),
            of: .separation,
            help: "Power of the triangular weights of overlapping segments, at least 1.",
            default: "1", value: { .number($0.transitionPower) },
            parse: { value, request throws(Expected) in
                request.transitionPower = try number(value, "a number") { Double($0) }
            }),
        Field(
            "precision", .choice(precisions), .words(precisions),
            of: .separation,
            help: "Numbers to compute with: float32 matches the reference; bfloat16 is faster on "
                + "CPUs that support it, with an SNR of 42 dB against float32; int8 is smaller and "
                + "faster still, with 39 dB; auto is int8 for HTDemucs on CPUs with VNNI and without "
                + "AMX, else bfloat16 on CPUs that multiply it, else float32. The SDR of the demo "
                + "model's stems changes by 0.01 dB at most.",
            default: "float32; int8 for INT8 weights", value: { JSON($0.precision) },
            parse: { value, request throws(Expected) in
                guard precisions.contains(value) else {
                    throw Expected("one of " + precisions.joined(separator: ", "))
                }
                request.precision = value
            }),
    ]
}

// MARK: - Parsers

extension SeparationRequest {
    static func number<Value>(
        _ text: String, _ expected: String, _ convert: (String) -> Value?
    ) throws(Expected) -> Value {
        guard let value = convert(text) else { throw Expected(expected) }
        return value
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

    private static func following(
        _ text: String, after others: [Following]
    ) throws(Expected) -> [Following] {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            .map(String.init)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }),
            !others.contains(where: { $0.stem == parts[0] })
        else { throw Expected("a stem and a model, such as drums=drumsep, each stem once") }
        return others + [Following(stem: parts[0], model: parts[1])]
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
        let parts = text[text.utf8.index(after: equals)...]
        let isRest = parts.hasPrefix(Mix.mixture)
        return Mix(
            name: name,
            parts: isRest
                ? try names(String(parts.dropFirst(Mix.mixture.count)), "-", or: expected)
                : try names(String(parts), "+", or: expected),
            isRest: isRest)
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
