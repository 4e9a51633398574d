// The table of `eval`, and the typed settings that are read from a call by it.

import Evaluation
import Separation

extension Option {
    static let metrics = Option(
        "metrics", value: "list",
        help: "Which to compute, separated by commas: sdr, si-sdr, bsseval. (default: all)")
    static let stems = Option(
        "stems", value: "list",
        help: "Compare these stems only, separated by commas. (default: all of the reference's)")
    static let against = Option(
        "against", value: "folder",
        help: "Other estimates of the same tracks: adds the SNR of the estimates against these.")
}

extension EvalCommand {
    static let definition = CommandDefinition(
        name: "eval",
        overview:
            "Score separated stems against the true ones: SDR as in the MDX challenges, SI-SDR "
            + "and BSSEval v4.",
        operand: "reference estimate",
        operandHelp:
            "Folders with the true stems and with the estimates: of one track (drums.wav, ...), or "
            + "of tracks in folders of their own. Stems go by their names.",
        operandCount: 2...2,
        options: [.metrics, .stems, .against, .json, .threads, .quiet, .version, .help],
        exclusive: [])

    static let command = Command(definition: definition) { arguments, console throws(UsageError) in
        let settings = try Settings(arguments)
        var console = console
        console.isQuiet = settings.isQuiet
        Interruption.ends(console)
        return EvalCommand(settings: settings, console: console).run()
    }

    /// What a call asks for.
    struct Settings {
        let reference: String
        let estimate: String
        let against: String?
        let metrics: Set<Metric>
        /// nil for all.
        let stems: [String]?
        let isJSON: Bool
        let threads: Int?
        let isQuiet: Bool

        init(_ arguments: ParsedArguments) throws(UsageError) {
            reference = arguments.operands[0]
            estimate = arguments.operands[1]
            against = arguments.value(.against)
            metrics = try Settings.metrics(arguments)
            stems = arguments.value(.stems).map(Settings.words)
            isJSON = arguments.has(.json)
            threads = try Settings.threads(arguments)
            isQuiet = arguments.has(.quiet)
        }

        private static func words(_ text: String) -> [String] {
            text.split(separator: ",").map(String.init)
        }

        private static func metrics(_ arguments: ParsedArguments) throws(UsageError) -> Set<Metric>
        {
            guard let text = arguments.value(.metrics) else { return Set(Metric.allCases) }
            var metrics: Set<Metric> = []
            for word in words(text) {
                guard let metric = Metric(rawValue: word) else {
                    throw .invalidValue(
                        .metrics, value: word,
                        allowed: "some of " + Metric.allCases.map(\.rawValue).joined(separator: ",")
                    )
                }
                metrics.insert(metric)
            }
            return metrics
        }

        private static func threads(_ arguments: ParsedArguments) throws(UsageError) -> Int? {
            guard let text = arguments.value(.threads) else { return nil }
            let supported = Separator.supportedThreads
            guard let threads = Int(text), supported.contains(threads) else {
                throw .invalidValue(
                    .threads, value: text,
                    allowed: "a whole number from \(supported.lowerBound) to "
                        + "\(supported.upperBound)")
            }
            return threads
        }
    }
}
