// The arguments of `separate`, typed and checked as far as possible without the model and the tracks.

import Demucs
import ModelZoo
import Tensor

/// Second stem of `--two-stems`: none, the sum of the other stems, or the mixture minus the stem.
enum OtherMethod: String, CaseIterable {
    case none
    case add
    case minus
}

extension SeparateCommand {
    struct Settings {
        /// The arguments as typed.
        let arguments: ParsedArguments
        let selection: OutputSelection
        let separation: SeparationOptions
        /// Part of the track to separate; nil for the whole track.
        let excerpt: Excerpt?
        let output: OutputOptions
        /// Format of the stem file; nil without one.
        let stemFile: StemFileFormat?
        let template: FileNameTemplate
        let precision: PrecisionChoice
        let threads: Int
        let jobs: Int
        /// The part of the manifest to separate; nil for all of it.
        let shard: Shard?
        let timeoutSeconds: Double?
        /// Longest track to separate, in seconds.
        let maximumSeconds: Double?
        /// Number of failures after which a track is not tried again.
        let quarantineAfter: Int?

        init(_ arguments: ParsedArguments) throws(UsageError) {
            if arguments.has(.signature) {
                throw UsageError(
                    "'\(Option.signature.long)' is not supported: only the reference's solver can "
                        + "read its training runs; export the model and pass the checkpoint with "
                        + "'\(Option.name.long)'")
            }
            if arguments.has(.raw) && !arguments.has(.stdout) { throw .needs(.raw, .stdout) }
            if let device = arguments.value(.device), device != "cpu" {
                throw .invalidValue(
                    .device, value: device, allowed: "cpu, the only supported device")
            }
            self.arguments = arguments
            selection = try OutputSelection(arguments)
            separation = try Settings.separation(arguments)
            excerpt = try Settings.excerpt(arguments)
            output = try Settings.output(arguments)
            stemFile = try Settings.stemFile(arguments)
            template = try FileNameTemplate(arguments.value(.filename))
            precision = try PrecisionChoice(arguments)
            threads = try arguments.threads()
            jobs = try arguments.number(.jobs, in: 0...1024) ?? 0
            shard = try arguments.value(
                .shard,
                allowed: "I/N, shard I of N, counted from 0, such as 0/8 for the first of eight"
            ) { Shard($0) }
            timeoutSeconds = try arguments.value(
                .timeout, allowed: "a number of seconds above 0 and at most 1000000000"
            ) {
                Double($0).flatMap { $0 > 0 && $0 <= 1e9 ? $0 : nil }
            }
            maximumSeconds = try Settings.time(.maxDuration, arguments)
            quarantineAfter = try arguments.number(.quarantineAfter, in: 1...1_000_000)
            try checkManifestOptions()
        }

        /// Name of the model; nil for the default.
        var model: String? { arguments.value(.name) }
        var member: String? { arguments.value(.member) }
        var isDryRun: Bool { arguments.has(.dryRun) }
        var isJSON: Bool { arguments.has(.jsonLines) }
        var manifest: String? { arguments.value(.manifest) }
        /// Whether the manifest is read line by line while it is written.
        var isFollowing: Bool { arguments.has(.follow) }

        private func checkManifestOptions() throws(UsageError) {
            if manifest == nil {
                for option in [Option.shard, .follow, .quarantineAfter] where arguments.has(option)
                {
                    throw .needs(option, .manifest)
                }
            } else if let operand = arguments.operands.first {
                throw UsageError(
                    "Unexpected argument '\(operand)': '\(Option.manifest.long)' names all tracks")
            }
        }

        static func separation(
            _ arguments: ParsedArguments
        ) throws(UsageError) -> SeparationOptions {
            var options = SeparationOptions()
            options.split = !arguments.has(.noSplit)
            options.seed = try arguments.value(
                .seed, allowed: "a whole number from 0 to \(UInt64.max)"
            ) { UInt64($0) }
            options.shifts =
                try arguments.value(.shifts, allowed: "a whole number") { Int($0) }
                ?? options.shifts
            options.overlap =
                try arguments.value(.overlap, allowed: "a number") { Double($0) }
                ?? options.overlap
            options.segmentSeconds = try arguments.value(
                .segment, allowed: "a number of seconds"
            ) { Double($0) }
            return options
        }

        static func excerpt(_ arguments: ParsedArguments) throws(UsageError) -> Excerpt? {
            let start = try time(.start, arguments)
            let duration = try time(.duration, arguments)
            if duration == 0 {
                throw .invalidValue(.duration, value: "0", allowed: "more than 0")
            }
            if start == nil && duration == nil { return nil }
            return Excerpt(startSeconds: start ?? 0, durationSeconds: duration)
        }

        /// A time in seconds, from `83.5`, `1:23.5` or `1:02:03`.
        static func time(
            _ option: Option, _ arguments: ParsedArguments
        ) throws(UsageError) -> Double? {
            try arguments.value(
                option, allowed: "seconds, minutes:seconds or hours:minutes:seconds"
            ) { text in
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
        }

        static func output(_ arguments: ParsedArguments) throws(UsageError) -> OutputOptions {
            let mp3 = try mp3(arguments)
            // The reference's command has these three, but not the library's tanh.
            let clipModes: [ClipMode] = [.rescale, .clamp, .none]
            let sampleFormat: SampleFormat =
                arguments.has(.float32) ? .float32 : arguments.has(.int24) ? .int24 : .int16
            let container: OutputFormat.Container =
                arguments.has(.raw)
                ? .rawFloat32
                : arguments.has(.flac) ? .flac : arguments.has(.mp3) ? .mp3(mp3) : .wav
            let clipMode = try arguments.choice(.clipMode, of: clipModes) ?? .rescale
            // DJ software plays the four stems of a stem file together: they have to sum to the mix.
            let usualGain: OutputOptions.Gain =
                arguments.has(.stemFile) && clipMode == .rescale ? .common : .perStem
            let gain = try arguments.choice(.gain, of: OutputOptions.Gain.allCases) ?? usualGain
            if gain == .common, clipMode != .rescale {
                throw .invalidValue(
                    .gain, value: gain.rawValue,
                    allowed:
                        "stem, because '\(Option.clipMode.long) \(clipMode.rawValue)' has no gain")
            }
            return OutputOptions(
                format: OutputFormat(container: container, sampleFormat: sampleFormat),
                clipMode: clipMode, gain: gain,
                rate: try arguments.choice(.outputRate, of: OutputOptions.Rate.allCases) ?? .model,
                downmix: try arguments.choice(.downmix, of: Downmix.allCases) ?? .first,
                spoolFolder: arguments.value(.spool))
        }

        private static func stemFile(
            _ arguments: ParsedArguments
        ) throws(UsageError) -> StemFileFormat? {
            let codec = try arguments.choice(.stemCodec, of: StemFileFormat.Codec.allCases)
            guard
                let container = try arguments.choice(
                    .stemFile, of: StemFileFormat.Container.allCases)
            else {
                if codec != nil { throw .needs(.stemCodec, .stemFile) }
                return nil
            }
            if let codec, !container.codecs.contains(codec) {
                let names = container.codecs.map(\.rawValue).joined(separator: " or ")
                throw .invalidValue(
                    .stemCodec, value: codec.rawValue,
                    allowed: "\(names) with '\(Option.stemFile.long) \(container.rawValue)'")
            }
            return StemFileFormat(container: container, codec: codec ?? container.codecs[0])
        }

        /// Settings of MP3, chosen by an option or by the extension in `--filename`.
        static func mp3(_ arguments: ParsedArguments) throws(UsageError) -> MP3Settings {
            var settings = MP3Settings()
            settings.bitRateKilobitsPerSecond =
                try arguments.number(.mp3Bitrate, in: MP3Settings.supportedBitRates)
                ?? settings.bitRateKilobitsPerSecond
            settings.preset =
                try arguments.number(.mp3Preset, in: MP3Settings.supportedPresets)
                ?? settings.preset
            return settings
        }
    }
}

extension PrecisionChoice {
    init(_ arguments: ParsedArguments) throws(UsageError) {
        if arguments.value(.precision) == "auto" {
            self = .fastest
        } else {
            let fixed = try arguments.choice(.precision, of: Precision.allCases, or: ["auto"])
            self = fixed.map(PrecisionChoice.fixed) ?? .ofModel
        }
    }
}
