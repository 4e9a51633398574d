// `swift-demucs eval`: scores estimates against true stems, track by track.

import Demucs
import Evaluation

struct EvalCommand {
    private let arguments: ParsedArguments
    private let console: Console
    /// Stems to score; nil for all.
    private let stems: [String]?
    private let metrics: Set<Score>

    init(_ arguments: ParsedArguments, _ console: Console) throws(UsageError) {
        self.arguments = arguments
        self.console = console
        func words(_ option: Option) -> [String]? {
            arguments.value(option)?.split(separator: ",").map(String.init)
        }
        stems = words(.stems)
        if let stems, Set(stems).count < stems.count || stems.isEmpty {
            throw .invalidValue(
                .stems, value: arguments.value(.stems) ?? "", allowed: "stem names, each once")
        }
        let names = Score.metrics.map(\.optionName)
        func unknown(_ metric: String) -> UsageError {
            .invalidValue(
                .metrics, value: metric, allowed: "some of " + names.joined(separator: ","))
        }
        var metrics: Set<Score> = []
        for word in words(.metrics) ?? names {
            guard let index = names.firstIndex(of: word) else { throw unknown(word) }
            metrics.insert(Score.metrics[index])
        }
        if metrics.isEmpty { throw unknown(arguments.value(.metrics) ?? "") }
        self.metrics = metrics
    }

    /// Scores all tracks; continues after one that fails.
    func run() -> ExitCode {
        console.reporting(failure: .trackFailed) {
            let reference = try StemCollection(arguments.operands[0])
            let estimate = try StemCollection(arguments.operands[1])
            let against = try arguments.value(.against).map { try StemCollection($0) }
            try estimate.checkLayout(like: reference)
            try against?.checkLayout(like: reference)
            return try score(reference, estimate, against)
        }
    }

    private func score(
        _ reference: StemCollection, _ estimate: StemCollection, _ against: StemCollection?
    ) throws -> ExitCode {
        var report = EvalReport(metrics: metrics, hasOther: against != nil)
        var failed: [String] = []
        for track in reference.tracks {
            do {
                console.status("Scoring \(track)")
                let pairs = try read(
                    try reference.folder(of: track), try estimate.folder(of: track),
                    try against?.folder(of: track))
                let scores = try TrackScores(pairs, metrics: metrics)
                report.add(track, scores, seconds: pairs.first?.reference.durationSeconds ?? 0)
            } catch {
                // All other errors begin with the name of a file or folder.
                console.error(error is EvaluationError ? "\(track): \(error)" : "\(error)")
                failed.append(track)
            }
        }
        if !report.isEmpty {
            console.result(arguments.has(.json) ? report.json : report.table)
        }
        if failed.isEmpty { return .done }
        if reference.tracks.count > 1 {
            console.error(
                "\(failed.count) of \(reference.tracks.count) tracks failed: "
                    + failed.joined(separator: ", "))
        }
        return .trackFailed
    }

    /// The stems of a track to compare.
    private func read(
        _ reference: StemFolder, _ estimate: StemFolder, _ against: StemFolder?
    ) throws -> [StemPair] {
        let names = stems ?? reference.stems
        // Finds a missing file before any file is decoded.
        let files = try names.map { name in
            (
                reference: try reference.file(of: name), estimate: try estimate.file(of: name),
                other: try against?.file(of: name)
            )
        }
        if stems == nil {
            let extra = estimate.stems.filter { !names.contains($0) }
            if !extra.isEmpty {
                console.warning(
                    "\(estimate.path): not scored, because the reference is missing: "
                        + extra.joined(separator: ", "))
            }
        }
        return try zip(names, files).map { name, files in
            StemPair(
                name: name, reference: try read(files.reference),
                estimate: try read(files.estimate), other: try files.other.map(read))
        }
    }

    private func read(_ path: String) throws -> PlanarAudio {
        let decoded = try AudioFile.read(path)
        for warning in decoded.warnings { console.warning("\(warning)") }
        return decoded.buffer
    }
}

extension Score {
    /// The name in `--metrics`.
    fileprivate var optionName: String { self == .scaleInvariantSDR ? "si-sdr" : rawValue }
}

// MARK: - Options

extension Option {
    static let metrics = Option(
        "metrics", value: "list",
        help: "Metrics to compute, separated by commas: sdr, si-sdr. (default: all)")
    static let stems = Option(
        "stems", value: "list",
        help: "Score only these stems, separated by commas. (default: all of the reference's)")
    static let against = Option(
        "against", value: "folder",
        help: "Other estimates of the same tracks: adds the SNR of the estimates against them.")
}

extension EvalCommand {
    static let command = Command(
        name: "eval",
        overview:
            "Score separated stems against the true ones: SDR as in the MDX challenges, and "
            + "SI-SDR.",
        operand: "reference estimate",
        operandHelp:
            "Folders with the true stems and with the estimates: of one track (drums.wav, ...), "
            + "or of several tracks in folders of their own. Stems are matched by name.",
        topics: [
            "SCORES": [.metrics, .stems, .against],
            "OUTPUT": [.json],
            "RUNNING": Option.common,
        ],
        examples: [
            "swift-demucs eval true/song separated/htdemucs/song":
                "Every score of each stem, and the medians.",
            "swift-demucs eval true separated/htdemucs --metrics sdr":
                "SDR of all tracks.",
        ]
    ) { arguments, console throws(UsageError) in
        let command = try EvalCommand(arguments, console)
        Interruption.endsProcess(console)
        return command.run()
    }
}
