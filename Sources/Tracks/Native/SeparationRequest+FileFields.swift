// The fields of a request that have an effect on files.

import Signal
import System

extension SeparationRequest {
    static let fileFields = partFields + formatFlags + encodingFields

    private static let partFields: [Field] = [
        Field(
            time: "start", of: .track, help: "Start here, in seconds or as 1:02:03.5.",
            default: "the track's start", value: \.start
        ) { $1.start = $0 },
        Field(
            time: "duration", of: .track,
            help: "Separate a part of this length, as if the track ended there.",
            default: "to its end", value: \.duration
        ) { value, request throws(Expected) in
            if value == 0 { throw Expected("more than 0") }
            request.duration = value
        },
        Field(
            "downmix", choices: Downmix.allCases,
            of: .track,
            help: "How to reduce more channels than the model takes: first keeps the first ones, "
                + "average averages all, layout mixes all by their loudspeakers (ITU-R BS.775).",
            value: \.downmix
        ) { $1.downmix = $0 },
        Field(
            "format", choices: Format.allCases, of: .encoding, help: "Container of the files.",
            value: \.format
        ) {
            $1.format = $0
        },
    ]

    private static let formatFlags = Format.flags.map { format in
        let row = format.container.row
        return Field(flag: row.name, of: .encoding, help: "Write \(row.words) files.") {
            if $0 { $1.format = format }
        }
    }

    private static let encodingFields: [Field] = [
        Field(
            flag: "int24", of: .encoding, help: "Write 24-bit samples.", default: "16 bits",
            value: { .bool($0.sampleFormat == .int24) },
            set: { if $0 { $1.sampleFormat = .int24 } }),
        Field(
            flag: "float32", of: .encoding, help: "Write 32-bit floating-point samples.",
            value: { .bool($0.sampleFormat == .float32) },
            set: { if $0 { $1.sampleFormat = .float32 } }),
        Field(
            "clip-mode", choices: [ClipMode.rescale, .clamp, .tanh, .none, .off],
            of: .encoding,
            help: "How to avoid clipping: rescale the stem, clamp its peaks, bend them by tanh, or "
                + "none, which limits samples to ±1. off keeps samples beyond ±1, with `float32`.",
            value: \.clipMode
        ) { $1.clipMode = $0 },
        Field(
            "gain", choices: OutputOptions.Gain.allCases,
            help: "Whether `clip-mode` rescale scales each stem by its own gain, or all by a "
                + "common one, so that they still add up to the track.", default: "stem",
            value: \.gain
        ) { $1.gain = $0 },
        Field(
            "mp3-bitrate", .text(placeholder: "kbit/s"),
            .integer(in: MP3Settings.supportedBitRates),
            of: .encoding,
            help: "Bit rate of MP3 files, \(MP3Settings.supportedBitRates.lowerBound) to "
                + "\(MP3Settings.supportedBitRates.upperBound).",
            value: { .integer($0.mp3Bitrate) },
            parse: { value, request throws(Expected) in
                request.mp3Bitrate = try whole(value, in: MP3Settings.supportedBitRates)
            }),
        Field(
            "mp3-preset", .choice(MP3Settings.supportedPresets.map(String.init)),
            .integer(in: MP3Settings.supportedPresets),
            of: .encoding, help: "Preset of the MP3 encoder, from 2 (best) to 7 (fastest).",
            value: { .integer($0.mp3Preset) },
            parse: { value, request throws(Expected) in
                request.mp3Preset = try whole(value, in: MP3Settings.supportedPresets)
            }),
        Field(
            flag: "no-tags", help: "Leave out the track's title, artist and other tags.",
            value: { .bool(!$0.copiesTags) },
            set: { $1.copiesTags = !$0 }),
        Field(
            flag: "analyze",
            help: "Also find the tempo and the key, for the record and the result of the track.",
            value: { .bool($0.analyzes) },
            set: { $1.analyzes = $0 }),
    ]
}

// MARK: - Checks and parsers

extension SeparationRequest {
    /// The fields that choose the container.
    package static let formatNames = ["format"] + Format.flags.map { $0.rawValue }
    static let exclusiveOfFiles = [["int24", "float32"], formatNames]

    func validateFiles() throws(RequestError) {
        if let gain, gain == .common, !clipMode.keepsSums {
            throw .invalidValue(
                field: "gain", value: gain.rawValue,
                expected: "stem, because `clip-mode \(clipMode.rawValue)` limits samples")
        }
        if clipMode == .off, outputFormat(format).storedFormat != .float32 {
            throw .invalidValue(
                field: "clip-mode", value: clipMode.rawValue,
                expected:
                    "rescale, clamp, tanh or none, because only WAV of `float32` keeps samples "
                    + "beyond ±1")
        }
    }

    static func whole(
        _ text: String, in range: ClosedRange<Int>
    ) throws(Expected) -> Int {
        try number(text, "a whole number from \(range.lowerBound) to \(range.upperBound)") {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// The values that ``seconds(_:)`` takes, for the text of an error.
    package static let expectedTime = "seconds, minutes:seconds or hours:minutes:seconds"

    /// A time in seconds, from `83.5`, `1:23.5`, `1:02:03` or a number of JSON such as `1e-05`; nil for anything
    /// else.
    package static func seconds(_ text: String) -> Double? {
        var seconds = 0.0
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for part in parts {
            // Of what Double reads, no "nan", "0x10" or sign.
            let others = parts.count == 1 ? ".eE+-" : "."
            let isPlain = part.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || others.utf8.contains($0)
            }
            guard parts.count <= 3, isPlain, let first = part.first, !"+-".contains(first),
                let value = Double(part), value.isFinite
            else { return nil }
            seconds = seconds * 60 + value
        }
        return seconds
    }
}

extension RequestField {
    package init(
        time name: String, of scope: FieldScope = .files, help: String,
        default defaultText: String,
        value: @escaping @Sendable (Values) -> Double?,
        set: @escaping @Sendable (Double, inout Values) throws(Expected) -> Void
    ) {
        self.init(
            name, .text(placeholder: "time"), .number, of: scope,
            asText: .types("number", "string").with(["examples": [90.5, "1:02:03.5"]]),
            help: help, default: defaultText, value: { JSON(value($0)) },
            parse: { value, request throws(Expected) in
                guard let seconds = SeparationRequest.seconds(value) else {
                    throw Expected(SeparationRequest.expectedTime)
                }
                try set(seconds, &request)
            })
    }
}
