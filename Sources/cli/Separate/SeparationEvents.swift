// What `separate --json` prints: a line of JSON for each thing that happens.

import Foundation
import Separation

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
