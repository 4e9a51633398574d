// `swift-demucs bench`: seconds per segment on this machine, memory and accuracy.

import Demucs
import Diagnostics
import Evaluation
import Foundation
import HTDemucs
import ModelZoo
import Tensor

struct BenchCommand {
    /// The only name that `--random-weights` accepts.
    static let configurationName = "htdemucs"

    let settings: Settings
    let console: Console
    let cancellation: CancellationToken

    /// - Returns: `modelUnusable` if the model is missing, unreadable or a bag of several networks,
    ///   `trackFailed` if the track can't be read.
    func run() -> ExitCode {
        do {
            let track = try track()
            let (name, network) = try network()
            let benchmark = Benchmark(
                network,
                threads: settings.threads,
                runs: settings.runs, track: track)
            let measurements = try benchmark.measure(
                settings.precisions ?? [try network.ownPrecision()],
                includesFloat16File: settings.precisions == Set(Precision.allCases),
                cancellation: cancellation,
                report: { console.status("Measuring \(name) in \($0.rawValue)") })
            let report = BenchReport(
                model: name, measurements: measurements, showsLayers: settings.showsLayers)
            console.result(settings.isJSON ? report.json : report.table)
            return .done
        } catch is CancellationError {
            console.error("interrupted before the benchmark finished")
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

    /// The track to separate and how to score its stems; nil without `--track`.
    private func track() throws -> Benchmark.Track? {
        guard let path = settings.track else { return nil }
        let audio = try AudioFile.read(path).buffer
        guard let references = settings.references else { return Benchmark.Track(audio) }
        let folder = try StemFolder(references)
        guard !folder.stems.isEmpty else { throw StemFolderError.noStems(path: references) }
        return Benchmark.Track(audio) { separation in
            // Finds a missing file before any is decoded.
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

    /// The network to measure, and its name in the report.
    private func network() throws -> (name: String, Benchmark.Network) {
        if settings.hasRandomWeights {
            return (
                "\(BenchCommand.configurationName) with random weights",
                .random(try Configuration(.htdemucs))
            )
        }
        let store = try ModelStore(
            ofProgramWith: settings.repository, isOffline: settings.isOffline)
        let files = try store.model(
            named: settings.model, console: console, cancellation: cancellation)
        guard files.checkpoints.count == 1 else {
            throw SeveralNetworks(name: files.name, checkpoints: files.checkpoints)
        }
        return (
            files.name,
            .checkpoint(path: files.checkpoints[0], segmentSeconds: files.segmentSeconds)
        )
    }
}

/// The model is a bag of several networks.
private struct SeveralNetworks: Error, CustomStringConvertible {
    let name: String
    let checkpoints: [String]

    var description: String {
        "'\(name)' is a bag of \(checkpoints.count) networks, expected one; give one of its files with "
            + "-n: " + checkpoints.joined(separator: ", ")
    }
}

// MARK: - Options

extension Option {
    static let randomWeights = Option(
        "random-weights", value: "name",
        help: "Measure the published configuration of this name with seeded weights, without a "
            + "file: htdemucs.")
    static let measuredPrecision = Option(
        "precision", value: "name",
        help: "float32, bfloat16, int8, or all, which adds float32 with weights from a float16 "
            + "file. (default: float32; int8 for INT8 weights)")
    static let runs = Option(
        "runs", value: "n", help: "Timed runs, after one that doesn't count. (default: 5)")
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
        definition: CommandDefinition(
            name: "bench",
            overview: "Measure speed, memory and accuracy of a model on this machine.",
            options: [
                .name, .randomWeights, .repo, .offline, .measuredPrecision, .threads, .runs,
                .layers, .benchTrack, .references, .json,
            ] + Option.common,
            exclusive: [[.name, .randomWeights], [.randomWeights, .benchTrack]])
    ) { arguments, console throws(UsageError) in
        BenchCommand(
            settings: try Settings(arguments), console: console,
            cancellation: Interruption.cancellation()
        ).run()
    }

    struct Settings {
        /// nil for the default.
        let model: String?
        let hasRandomWeights: Bool
        let repository: String?
        let isOffline: Bool
        /// nil for the model's own.
        let precisions: Set<Precision>?
        let threads: Int
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
            if arguments.value(.measuredPrecision) == "all" {
                precisions = Set(Precision.allCases)
            } else {
                precisions = try arguments.choice(
                    .measuredPrecision, of: Precision.allCases, or: ["all"]
                ).map { [$0] }
            }
            threads = try arguments.threads()
            runs = try arguments.number(.runs, in: 1...1000) ?? 5
            showsLayers = arguments.has(.layers)
            track = arguments.value(.benchTrack)
            references = arguments.value(.references)
            if references != nil, track == nil { throw .needs(.references, .benchTrack) }
            isJSON = arguments.has(.json)
        }
    }
}
