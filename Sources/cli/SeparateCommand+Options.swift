// The table of `separate`, and the typed settings that are read from a call by it.

import Separation

extension Option {
    static let name = Option(
        "name", short: "n", value: "model",
        help: "The model: a file, a published name (htdemucs, htdemucs_ft, htdemucs_6s), a "
            + "signature, hf://[namespace/]name, or demo. What is missing is downloaded. (default: "
            + "htdemucs; where that can't be had, demo with a warning)")
    static let repo = Option(
        "repo", value: "folder", help: "A folder of models to look into first.")
    static let offline = Option("offline", help: "Never download anything.")
    static let out = Option(
        "out", short: "o", value: "folder",
        help: "Where stems go, as <folder>/<model>/<track>/<stem>.wav. (default: separated)")
    static let shifts = Option(
        "shifts", value: "n",
        help: "Average over this many random shifts in time; each takes one more pass, 0 is the "
            + "fastest. (default: 1)")
    static let seed = Option(
        "seed", value: "n", help: "Seed of the shifts, to repeat a run. (default: random)")
    static let overlap = Option(
        "overlap", value: "share",
        help: "Share of each segment that overlaps the next one. (default: 0.25)")
    static let segment = Option(
        "segment", value: "seconds",
        help: "Length of a segment, decimals allowed. (default: the model's own, the longest)")
    static let noSplit = Option(
        "no-split", help: "Separate a short track as a whole, without segments.")
    static let int24 = Option("int24", help: "Write 24-bit files. (default: 16 bits)")
    static let float32 = Option("float32", help: "Write 32-bit floating-point files.")
    static let clipMode = Option(
        "clip-mode", value: "mode",
        help:
            "What happens to stems that are too loud: rescale the stem, clamp its peaks, or none. "
            + "(default: rescale)")
    static let precision = Option(
        "precision", value: "name",
        help: "float32 gives the reference's samples; bfloat16 is faster on CPUs that multiply it "
            + "and 40 dB near; int8 is smaller and faster still, and 37 dB near; auto takes the "
            + "faster of the first two here. (default: float32; int8 for INT8 weights)")
    static let threads = Option(
        "threads", value: "n", help: "Number of threads. (default: all available cores)")
    static let quiet = Option("quiet", short: "q", help: "Tell warnings and errors only.")
    static let verbose = Option(
        "verbose", short: "v", help: "Tell what is used, and how long the start took.")
}

extension SeparateCommand {
    static let definition = CommandDefinition(
        name: "separate",
        overview:
            "Separate music into stems: drums, bass, vocals and whatever else the model knows.",
        operand: "track",
        operandHelp: "Sound files: WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3.",
        options: [
            .name, .repo, .offline, .out, .shifts, .seed, .overlap, .segment, .noSplit, .int24,
            .float32, .clipMode,
            .precision, .threads, .quiet, .verbose, .version, .help,
        ],
        exclusive: [[.segment, .noSplit], [.int24, .float32], [.quiet, .verbose]])

    static let command = Command(definition: definition) { arguments, console throws(UsageError) in
        let settings = try Settings(arguments)
        var console = console
        console.isQuiet = settings.isQuiet
        console.isVerbose = settings.isVerbose
        let cancellation = CancellationToken()
        Interruption.cancels(cancellation)
        return SeparateCommand(
            settings: settings, console: console, cancellation: cancellation
        ).run()
    }

    /// What a call asks for.
    struct Settings {
        /// As typed.
        let arguments: ParsedArguments
        let tracks: [String]
        /// nil for the default.
        let model: String?
        let repository: String?
        let isOffline: Bool
        let outputFolder: String
        let separation: SeparationOptions
        let format: SampleFormat
        let clipMode: ClipMode
        let precision: PrecisionChoice
        let threads: Int?
        let isQuiet: Bool
        let isVerbose: Bool

        init(_ arguments: ParsedArguments) throws(UsageError) {
            self.arguments = arguments
            tracks = arguments.operands
            model = arguments.value(.name)
            repository = arguments.value(.repo)
            isOffline = arguments.has(.offline)
            outputFolder = arguments.value(.out) ?? "separated"
            var options = SeparationOptions()
            options.split = !arguments.has(.noSplit)
            options.seed = try Settings.number(
                .seed, arguments, allowed: "a whole number from 0 to \(UInt64.max)")
            if let shifts: Int = try Settings.number(
                .shifts, arguments, allowed: "a whole number")
            {
                options.shifts = shifts
            }
            if let overlap: Double = try Settings.number(.overlap, arguments, allowed: "a number") {
                options.overlap = overlap
            }
            options.segmentSeconds = try Settings.number(
                .segment, arguments, allowed: "a number of seconds")
            separation = options
            format =
                arguments.has(.float32) ? .float32 : arguments.has(.int24) ? .int24 : .int16
            clipMode = try Settings.clipMode(arguments)
            precision = try PrecisionChoice(arguments)
            threads = try Settings.number(.threads, arguments, allowed: "a whole number")
            isQuiet = arguments.has(.quiet)
            isVerbose = arguments.has(.verbose)
        }

        private static func number<Value: LosslessStringConvertible>(
            _ option: Option, _ arguments: ParsedArguments, allowed: String
        ) throws(UsageError) -> Value? {
            guard let text = arguments.value(option) else { return nil }
            guard let value = Value(text) else {
                throw .invalidValue(option, value: text, allowed: allowed)
            }
            return value
        }

        private static func clipMode(_ arguments: ParsedArguments) throws(UsageError) -> ClipMode {
            // The library's tanh is not offered: the reference's command has these three.
            let modes: [ClipMode] = [.rescale, .clamp, .none]
            guard let text = arguments.value(.clipMode) else { return .rescale }
            guard let mode = modes.first(where: { $0.rawValue == text }) else {
                throw .invalidValue(
                    .clipMode, value: text,
                    allowed: "one of " + modes.map(\.rawValue).joined(separator: ", "))
            }
            return mode
        }
    }
}
