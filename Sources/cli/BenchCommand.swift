// `swift-demucs bench`: seconds per segment on this machine, and what they cost.

import Foundation
import Separation

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
            let track = try settings.track.map { try AudioFile.read($0).buffer }
            let (name, network) = try network()
            let benchmark = Benchmark(
                network,
                threads: settings.threads ?? ProcessInfo.processInfo.activeProcessorCount,
                runs: settings.runs, track: track)
            let measurements = try benchmark.measure(
                settings.precisions ?? [try network.ownPrecision()], cancellation: cancellation,
                report: { console.status("Measuring \(name) in \($0.rawValue)") })
            let report = BenchReport(
                model: name, measurements: measurements, showsLayers: settings.showsLayers)
            console.result(settings.isJSON ? report.json : report.table)
            return .done
        } catch is CancellationError {
            console.error("interrupted before all was measured")
            return .interrupted
        } catch let error as AudioError {
            console.error("\(error)")
            return .trackFailed
        } catch {
            console.error("\(error)")
            return .modelUnusable
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
