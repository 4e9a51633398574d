// `swift-demucs bench`: seconds per segment on this machine, and what they cost.

import Evaluation
import Foundation
import Separation
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
