// The JSON lines of `separate --json`, and the results that the manifest and the summary count. The
// format is described in docs/formats.md.

import Demucs

struct SeparationEvents {
    /// A file of a track, written or planned.
    struct Output: Encodable {
        let stem: String
        let path: String
        var peak: Float?
        var gain: Float?
        var durationSeconds: Double?
        var bytes: Int?
        var sha256: String?
    }

    /// The result of a track.
    enum Status: String, Encodable {
        case done
        /// Done by an earlier run.
        case skipped
        case failed
        case interrupted
        /// Listed by a dry run.
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
        /// nil until computed.
        var sha256: [String]?
    }

    /// A track's result with the name of its event, in one flat object.
    private struct TrackEvent: Encodable {
        let result: Track

        func encode(to encoder: any Encoder) throws {
            try result.encode(to: encoder)
            try (["event": "track"] as JSONObject).encode(to: encoder)
        }
    }

    private let console: Console
    /// Whether events are printed.
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
        let event: JSONObject = [
            "event": "start", "version": CommandLineTool.version, "model": model,
            "parameters": parameters, "tracks": tracks,
        ]
        write(event)
    }

    func progress(_ progress: SeparationProgress, of track: String, secondsLeft: Double?) {
        if !isShown { return }
        let event: JSONObject = [
            "event": "progress", "track": track, "segments_done": progress.segmentsDone,
            "segments_total": progress.segmentsTotal,
            "audio_seconds_done": progress.audioSecondsDone,
            "audio_seconds_total": progress.audioSecondsTotal, "seconds_left": secondsLeft,
        ]
        write(event)
    }

    mutating func ended(_ track: Track) {
        tracks.append(track)
        write(TrackEvent(result: track))
    }

    func count(_ status: Status) -> Int { tracks.count { $0.status == status } }

    func manifest(exitCode: ExitCode) {
        let counts = Dictionary(grouping: tracks, by: \.status.rawValue).mapValues(\.count)
        let event: JSONObject = [
            "event": "manifest", "version": CommandLineTool.version, "model": model,
            "parameters": parameters, "tracks": tracks, "counts": counts,
            "exit_code": exitCode.rawValue,
        ]
        write(event)
    }
}
