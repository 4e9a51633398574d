// `swift-demucs separate`: what a call names becomes a plan, and the plan is carried out.

import Demucs
import Files
import Foundation
import HTDemucs
import ModelZoo
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
                precision: try settings.precision.precision(for: model.files))
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

/// Writes events, or nothing where none are wanted, and remembers what the manifest needs.
struct SeparationEvents {
    /// A signal that was written, or would be.
    struct Output: Encodable {
        let stem: String
        let path: String
        var peak: Float?
        var gain: Float?
        var durationSeconds: Double?
        var bytes: Int?
        var sha256: String?
    }

    /// How a track ended.
    enum Status: String, Encodable {
        case done
        /// It was done already.
        case skipped
        case failed
        case interrupted
        /// A dry run would do it.
        case planned
    }

    struct Track: Encodable {
        let track: String
        var status: Status
        var error: String?
        var seed: UInt64?
        var durationSeconds: Double?
        var sampleRateHz: Int?
        var channels: Int?
        /// Time that it took.
        var elapsedSeconds: Double?
        var warnings: [String] = []
        var outputs: [Output] = []

        mutating func take(_ report: TrackReport, elapsedSeconds: Double) {
            seed = report.seed
            durationSeconds = report.durationSeconds
            sampleRateHz = report.sampleRateHz
            channels = report.channelCount
            self.elapsedSeconds = elapsedSeconds
            warnings = report.warnings.map(\.description)
            outputs = report.outputs.map {
                Output(
                    stem: $0.name, path: $0.path ?? "", peak: $0.peak, gain: $0.gain,
                    durationSeconds: $0.durationSeconds, bytes: $0.bytes, sha256: $0.sha256)
            }
        }
    }

    struct Model: Encodable {
        let name: String
        let files: [String]
        /// Once they are known: they take a moment.
        var sha256: [String]?
    }

    private struct Start: Encodable {
        let event = "start"
        let version = CommandLineTool.version
        let model: Model
        let parameters: SeparationParameters
        let tracks: Int
    }

    private struct Progress: Encodable {
        let event = "progress"
        let track: String
        let segmentsDone: Int
        let segmentsTotal: Int
        let audioSecondsDone: Double
        let audioSecondsTotal: Double
        let secondsLeft: Double?
    }

    private struct End: Encodable {
        let event = "track"
        let result: Track

        func encode(to encoder: any Encoder) throws {
            // One flat object.
            try result.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(event, forKey: .event)
        }

        private enum Key: CodingKey { case event }
    }

    private struct Manifest: Encodable {
        let event = "manifest"
        let version = CommandLineTool.version
        let model: Model
        let parameters: SeparationParameters
        let tracks: [Track]
        let counts: [String: Int]
        let exitCode: Int32
    }

    private let console: Console
    private let isShown: Bool
    private let parameters: SeparationParameters
    var model: Model
    private(set) var tracks: [Track] = []

    init(console: Console, isShown: Bool, model: Model, parameters: SeparationParameters) {
        self.console = console
        self.isShown = isShown
        self.model = model
        self.parameters = parameters
    }

    private func write(_ event: some Encodable) {
        if isShown { console.result(JSONText.line(event)) }
    }

    func start(tracks: Int) {
        write(Start(model: model, parameters: parameters, tracks: tracks))
    }

    func progress(_ progress: SeparationProgress, of track: String, secondsLeft: Double?) {
        if !isShown { return }
        write(
            Progress(
                track: track, segmentsDone: progress.segmentsDone,
                segmentsTotal: progress.segmentsTotal,
                audioSecondsDone: progress.audioSecondsDone,
                audioSecondsTotal: progress.audioSecondsTotal, secondsLeft: secondsLeft))
    }

    mutating func ended(_ track: Track) {
        tracks.append(track)
        write(End(result: track))
    }

    func count(_ status: Status) -> Int { tracks.count { $0.status == status } }

    func manifest(exitCode: ExitCode) {
        write(
            Manifest(
                model: model, parameters: parameters, tracks: tracks,
                counts: Dictionary(grouping: tracks, by: \.status.rawValue).mapValues(\.count),
                exitCode: exitCode.rawValue))
    }
}
