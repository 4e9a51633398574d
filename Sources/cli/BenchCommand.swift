// `swift-demucs bench`: seconds per segment on this machine, memory and accuracy.

import Demucs
import Diagnostics
import Evaluation
import ModelZoo
import Porting
import System
import Tensor

struct BenchCommand {
    /// The names that `--random-weights` accepts.
    static let configurationNames = ModelFamily.publishedNames

    private let arguments: ParsedArguments
    private let console: Console
    private let cancellation = Interruption.cancellation()
    /// Precisions to measure; nil for the model's own.
    private let precisions: Set<Precision>?
    private let threads: Int
    private let runs: Int

    init(_ arguments: ParsedArguments, _ console: Console) throws(UsageError) {
        self.arguments = arguments
        self.console = console
        if let name = arguments.value(.randomWeights),
            !BenchCommand.configurationNames.contains(name)
        {
            throw .invalidValue(
                .randomWeights, value: name,
                allowed: "one of " + BenchCommand.configurationNames.joined(separator: ", "))
        }
        if arguments.value(.measuredPrecision) == "all" {
            precisions = Set(Precision.allCases)
        } else {
            precisions = try arguments.choice(
                .measuredPrecision, of: Precision.allCases, or: ["all"]
            ).map { [$0] }
        }
        threads = try arguments.threads()
        runs = try arguments.number(.runs, in: 1...1000) ?? 5
        if arguments.has(.references), !arguments.has(.benchTrack) {
            throw .needs(.references, .benchTrack)
        }
    }

    /// - Returns: `modelUnusable` if the model is missing, unreadable or a bag of several networks,
    ///   `trackFailed` if the track can't be read.
    func run() -> ExitCode {
        console.reporting(
            interruption: "interrupted before the benchmark finished", failure: .modelUnusable
        ) {
            do {
                try measure()
                return .done
            } catch let error
                where error is AudioError || error is StemFolderError || error is EvaluationError
            {
                console.error("\(error)")
                return .trackFailed
            }
        }
    }

    private func measure() throws {
        let audio = try arguments.value(.benchTrack).map { try AudioFile.read($0).buffer }
        let (name, network) = try network()
        let track = try audio.map { Benchmark.Track($0, score: try score(of: network)) }
        let benchmark = Benchmark(
            network, threads: threads, runs: runs, track: track)
        let measurements = try benchmark.measure(
            precisions ?? [try network.ownPrecision()],
            includesFloat16File: precisions == Set(Precision.allCases), cancellation: cancellation,
            report: { console.status("Measuring \(name) in \($0.rawValue)") })
        let report = BenchReport(
            model: name, measurements: measurements, showsLayers: arguments.has(.layers))
        console.result(arguments.has(.json) ? report.json : report.table)
    }

    /// The scoring of the track's stems; nil without `--references`. A missing stem is an error
    /// now, not after the measurement.
    private func score(
        of network: Benchmark.Network
    ) throws -> ((Separation) throws -> [String: Double])? {
        guard let references = arguments.value(.references) else { return nil }
        let folder = try StemFolder(references)
        guard !folder.stems.isEmpty else { throw StemFolderError.noStems(references) }
        for stem in try network.sources() { _ = try folder.file(of: stem) }
        return { separation in
            let pairs = try separation.stems.map { stem in
                StemPair(
                    name: stem.name,
                    reference: try AudioFile.read(folder.file(of: stem.name)).buffer,
                    estimate: stem.audio)
            }
            let scores = try TrackScores(pairs, metrics: [.sdr])
            return Dictionary(
                uniqueKeysWithValues: scores.stems.map { ($0.name, $0.values[.sdr] ?? .nan) })
        }
    }

    /// The network to measure, and its name in the report.
    private func network() throws -> (name: String, Benchmark.Network) {
        if let name = arguments.value(.randomWeights),
            let random = try ModelFamily.configuration(ofPublishedSize: name)
        {
            return ("\(name) with random weights", .random(random))
        }
        let files = try arguments.modelStore().model(
            named: arguments.value(.name), console: console, cancellation: cancellation)
        guard files.checkpoints.count == 1 else {
            throw PortingError.bagOfSeveral(name: files.name, checkpoints: files.checkpoints)
        }
        return (files.name, .checkpoint(files))
    }
}

// MARK: - Options

extension Option {
    static let randomWeights = Option(
        "random-weights", values: BenchCommand.configurationNames,
        help: "Measure the published configuration of this name with seeded weights, without a "
            + "file.")
    static let measuredPrecision = Option(
        "precision", values: Precision.allCases.map(\.rawValue) + ["all"],
        help: "The precision to measure; all adds float32 with weights from a float16 file. "
            + "(default: float32; int8 for INT8 weights)")
    static let runs = Option(
        "runs", value: "n",
        help: "Timed runs, 1 to 1000, after one that doesn't count. (default: 5)")
    static let layers = Option(
        "layers", help: "Also print the time, speed and bound of each block of the network.")
    static let benchTrack = Option(
        "track", value: "file", help: "Also separate this track, once, without shifts.")
    static let references = Option(
        "references", value: "folder",
        help: "The true stems of that track: adds the SDR of the separated ones.")
}

extension BenchCommand {
    static let command = Command(
        name: "bench",
        overview: "Measure speed, memory and accuracy of a model on this machine.",
        topics: [
            "MODEL": [.name, .randomWeights, .repo, .offline],
            "MEASUREMENT": [
                .measuredPrecision, .runs, .layers, .benchTrack, .references,
                .threads,
            ],
            "OUTPUT": [.json] + Option.common,
        ],
        exclusive: [[.name, .randomWeights], [.randomWeights, .benchTrack]],
        examples: [
            "swift-demucs bench --random-weights htdemucs --precision all":
                "The time of a segment on this machine in each precision, without a download.",
            "swift-demucs bench -n demo --layers":
                "The time of each block, and how far it is from the machine's limits.",
        ]
    ) { arguments, console throws(UsageError) in
        try BenchCommand(arguments, console).run()
    }
}
