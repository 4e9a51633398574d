// The table of `bench`, and the typed settings that are read from a call by it.

import Separation
import Tensor

extension Option {
    static let randomWeights = Option(
        "random-weights", value: "name",
        help: "The real configuration of this name with seeded weights, without a file: htdemucs.")
    static let measuredPrecision = Option(
        "precision", value: "name",
        help:
            "float32, bfloat16, int8, or all: these and float32 with weights from a float16 file. "
            + "(default: float32; int8 for INT8 weights)")
    static let runs = Option(
        "runs", value: "n", help: "Timed runs, after one that doesn't count. (default: 5)")
    static let layers = Option(
        "layers",
        help: "Tell the time, the rate and the bound of each block of the network too.")
    static let benchTrack = Option(
        "track", value: "file", help: "Separate this track too, once, without shifts.")
    static let references = Option(
        "references", value: "folder",
        help: "The true stems of that track: adds the SDR of what comes out.")
}

extension BenchCommand {
    static let definition = CommandDefinition(
        name: "bench",
        overview: "Measure how fast a model runs here, and what that costs in memory and accuracy.",
        operand: "", operandHelp: "", operandCount: 0...0,
        options: [
            .name, .randomWeights, .repo, .offline, .measuredPrecision, .threads, .runs, .layers,
            .benchTrack, .references, .json, .quiet, .version, .help,
        ],
        exclusive: [[.name, .randomWeights], [.randomWeights, .benchTrack]])

    static let command = Command(definition: definition) { arguments, console throws(UsageError) in
        let settings = try Settings(arguments)
        var console = console
        console.isQuiet = arguments.has(.quiet)
        let cancellation = CancellationToken()
        Interruption.cancels(cancellation)
        return BenchCommand(
            settings: settings, console: console, cancellation: cancellation
        ).run()
    }

    /// What a call asks for.
    struct Settings {
        /// nil for the default.
        let model: String?
        let hasRandomWeights: Bool
        let repository: String?
        let isOffline: Bool
        /// nil for the model's own.
        let precisions: Set<Precision>?
        /// nil for all cores.
        let threads: Int?
        let runs: Int
        let showsLayers: Bool
        let track: String?
        /// Folder of the track's true stems.
        let references: String?
        let isJSON: Bool

        init(_ arguments: ParsedArguments) throws(UsageError) {
            model = arguments.value(.name)
            hasRandomWeights = arguments.has(.randomWeights)
            if let name = arguments.value(.randomWeights), name != BenchCommand.configurationName {
                throw .invalidValue(
                    .randomWeights, value: name, allowed: BenchCommand.configurationName)
            }
            repository = arguments.value(.repo)
            isOffline = arguments.has(.offline)
            precisions = try Settings.precisions(arguments)
            threads = try arguments.number(.threads, in: Separator.supportedThreads)
            runs = try arguments.number(.runs, in: 1...1000) ?? 5
            showsLayers = arguments.has(.layers)
            track = arguments.value(.benchTrack)
            references = arguments.value(.references)
            if references != nil, track == nil { throw .needs(.references, .benchTrack) }
            isJSON = arguments.has(.json)
        }

        private static func precisions(
            _ arguments: ParsedArguments
        ) throws(UsageError) -> Set<Precision>? {
            guard let text = arguments.value(.measuredPrecision) else { return nil }
            if text == "all" { return Set(Precision.allCases) }
            guard let precision = Precision(rawValue: text) else {
                let names = Precision.allCases.map(\.rawValue) + ["all"]
                throw .invalidValue(
                    .measuredPrecision, value: text,
                    allowed: "one of " + names.joined(separator: ", "))
            }
            return [precision]
        }
    }
}
