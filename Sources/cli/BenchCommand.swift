// `swift-demucs bench`: seconds per segment on this machine, and what they cost.

import Demucs
import Diagnostics
import Evaluation
import Foundation
import HTDemucs
import Tensor

struct BenchCommand {
    /// What `--random-weights` can be.
    static let configurationName = "htdemucs"

    let settings: Settings
    let console: Console
    let cancellation: CancellationToken

    /// - Returns: `modelUnusable` if the model is missing, unreadable or more than one network,
    ///   `trackFailed` if the track can't be read.
    func run() -> ExitCode {
        do {
            let track = try track()
            let (name, network) = try network()
            let benchmark = Benchmark(
                network,
                threads: settings.threads ?? ProcessInfo.processInfo.activeProcessorCount,
                runs: settings.runs, track: track)
            let measurements = try benchmark.measure(
                settings.precisions ?? [try network.ownPrecision()],
                widensHalf: settings.precisions == Set(Precision.allCases),
                cancellation: cancellation,
                report: { console.status("Measuring \(name) in \($0.rawValue)") })
            let report = BenchReport(
                model: name, measurements: measurements, showsLayers: settings.showsLayers)
            console.result(settings.isJSON ? report.json : report.table)
            return .done
        } catch is CancellationError {
            console.error("interrupted before all was measured")
            return .interrupted
        } catch let error
            where error is AudioError || error is StemFolderError
            || error is EvaluationError
        {
            console.error("\(error)")
            return .trackFailed
        } catch {
            console.error("\(error)")
            return .modelUnusable
        }
    }

    /// The track that is separated too, and how its stems are scored.
    private func track() throws -> Benchmark.Track? {
        guard let path = settings.track else { return nil }
        let audio = try AudioFile.read(path).buffer
        guard let references = settings.references else { return Benchmark.Track(audio) }
        let folder = try StemFolder(references)
        guard !folder.stems.isEmpty else { throw StemFolderError.noStems(path: references) }
        return Benchmark.Track(audio) { separation in
            // All files are looked for before the first is decoded.
            let files = try separation.stems.map { try folder.file(of: $0.name) }
            let pairs = try zip(separation.stems, files).map { stem, file in
                StemPair(
                    name: stem.name, reference: try AudioFile.read(file).buffer,
                    estimate: stem.audio)
            }
            let scores = try TrackScores(pairs, metrics: [.sdr], on: Backend(threads: 1))
            return Dictionary(
                uniqueKeysWithValues: scores.stems.map { ($0.name, $0.values[.sdr] ?? .nan) })
        }
    }

    /// What is measured, and what to call it.
    private func network() throws -> (name: String, Benchmark.Network) {
        if settings.hasRandomWeights {
            return (
                "\(BenchCommand.configurationName) with random weights",
                .random(try Configuration(.htdemucs))
            )
        }
        let locator = try ModelLocator(
            repository: settings.repository, isOffline: settings.isOffline)
        let files = try locator.locate(
            settings.model, console: console, cancellation: cancellation)
        guard files.members.count == 1 else {
            throw SeveralNetworks(name: files.name, members: files.members)
        }
        return (
            files.name,
            .checkpoint(path: files.members[0], segmentSeconds: files.segmentSeconds)
        )
    }
}

/// A bag was named where one network is measured.
private struct SeveralNetworks: Error, CustomStringConvertible {
    let name: String
    let members: [String]

    var description: String {
        "'\(name)' is a bag of \(members.count) networks, and one is measured; give one of its "
            + "files with -n: " + members.joined(separator: ", ")
    }
}

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
