// `swift-demucs separate`: what a call names becomes a plan, and the plan is carried out.

import Foundation
import Separation
import WeightsLoader

struct SeparateCommand {
    let settings: Settings
    let console: Console

    /// Separates all tracks, going on after one that fails.
    func run() -> ExitCode {
        let cancellation = CancellationToken()
        let display = ProgressDisplay(console: console)
        Interruption.cancels(cancellation, resized: display.redraw)
        do {
            if settings.isModelListing { return try listModels() }
            try settings.separation.validate()
            let found = TrackDiscovery(settings.operands)
            if settings.standardOutput != nil { try checkStandardOutput(found) }
            let model = try LocatedModel(settings, console: console, cancellation: cancellation)
            let outputs = try settings.selection.outputs(ofSources: model.sources)
            let plan =
                settings.standardOutput != nil
                ? OutputPlan(toStandardOutput: found.tracks[0], format: settings.output.format)
                : try OutputPlan(
                    found.tracks, names: outputs.map(\.name),
                    in: FilePath.joined(settings.outputFolder, model.folder), settings: settings)
            var run = SeparationRun(
                settings: settings, console: console, cancellation: cancellation, display: display,
                model: model, outputs: outputs, plan: plan,
                precision: try settings.precision ?? EngineInformation().fastestPrecision)
            return try run.run(problems: found.problems)
        } catch {
            return report(error)
        }
    }

    /// The names that `--name` takes, as the reference lists them.
    private func listModels() throws -> ExitCode {
        let names: (bags: [String], checkpoints: [String])
        if let repository = settings.repository {
            names = try ModelLocator(repository: repository, isOffline: true).store
                .names(in: repository)
        } else {
            names = (KnownModel.all.map(\.name), KnownModel.all.flatMap(\.bag.signatures))
        }
        for (title, list) in [
            ("Bag of models:", names.bags), ("Single models:", names.checkpoints),
        ] {
            console.result(([title] + list).joined(separator: "\n    "))
        }
        return .done
    }

    private func checkStandardOutput(_ found: TrackDiscovery) throws(UsageError) {
        guard found.tracks.count == 1, found.problems.isEmpty else {
            throw .severalToStandardOutput(count: found.tracks.count)
        }
        if isatty(STDOUT_FILENO) == 1 { throw .soundOnTerminal }
    }

    /// One line, and what the shell is told, about an error before the first track.
    private func report(_ error: any Error) -> ExitCode {
        switch error {
        case SeparationError.invalidOption(let name, let value, let allowed):
            // The library's names of options are the command's; values are shown as typed.
            let option = SeparateCommand.definition.options.first { $0.name == name }
            let usage = option.map {
                UsageError.invalidValue(
                    $0, value: settings.arguments.value($0) ?? value, allowed: allowed)
            }
            console.error("\(usage ?? error)")
            return .wrongUsage
        case is UsageError:
            console.error("\(error)")
            return .wrongUsage
        case is CancellationError:
            console.error("interrupted before the first track")
            return .interrupted
        case is ModelStoreError, is BagError, is WeightsError, is ConfigurationError:
            console.error("\(error)")
            return .modelUnusable
        default:
            console.error("\(error)")
            return .trackFailed
        }
    }
}
