// The JSON lines of `separate --json`, and the results that the manifest and the summary count. The
// format is described in docs/formats.md.

import Demucs

struct SeparationEvents {
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

    /// What the summary counts, and the members of the track's event.
    struct Track {
        let name: String
        let status: Status
        fileprivate let members: JSONObject

        /// - Parameters:
        ///   - details: members that only some results have, such as `error`.
        ///   - outputs: the track's files, written or planned.
        init(
            _ name: String, _ status: Status, _ details: JSONObject = [:],
            warnings: [String] = [], outputs: [JSONObject] = []
        ) {
            self.name = name
            self.status = status
            members =
                details + [
                    "track": name, "status": status, "warnings": warnings, "outputs": outputs,
                ]
        }

        /// A track that was separated.
        init(_ name: String, _ report: TrackReport, elapsedSeconds: Double) {
            let details: JSONObject = [
                "seed": report.seed, "duration_seconds": report.durationSeconds,
                "sample_rate_hz": report.sampleRateHz, "channels": report.channelCount,
                "elapsed_seconds": elapsedSeconds,
            ]
            let outputs = report.outputs.map { output -> JSONObject in
                [
                    "stem": output.name, "path": output.path ?? "", "peak": output.peak,
                    "gain": output.gain, "duration_seconds": output.durationSeconds,
                    "bytes": output.bytes, "sha256": output.sha256,
                ]
            }
            self.init(
                name, .done, details, warnings: report.warnings.map(\.description),
                outputs: outputs)
        }
    }

    struct Model: Encodable {
        let name: String
        let files: [String]
        /// nil until computed.
        var sha256: [String]?
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

    /// - Parameter members: made only if events are printed.
    private func write(_ event: String, _ members: @autoclosure () -> JSONObject) {
        if isShown { console.result(JSONText.of(["event": event] + members(), [])) }
    }

    func start(tracks: Int) {
        write(
            "start",
            [
                "version": CommandLineTool.version, "model": model, "parameters": parameters,
                "tracks": tracks,
            ])
    }

    func progress(_ progress: SeparationProgress, of track: String, secondsLeft: Double?) {
        write(
            "progress",
            [
                "track": track, "segments_done": progress.segmentsDone,
                "segments_total": progress.segmentsTotal,
                "audio_seconds_done": progress.audioSecondsDone,
                "audio_seconds_total": progress.audioSecondsTotal, "seconds_left": secondsLeft,
            ])
    }

    mutating func ended(_ track: Track) {
        tracks.append(track)
        write("track", track.members)
    }

    func count(_ status: Status) -> Int { tracks.count { $0.status == status } }

    func manifest(exitCode: ExitCode) {
        let counts = Dictionary(grouping: tracks, by: \.status.rawValue).mapValues(\.count)
        write(
            "manifest",
            [
                "version": CommandLineTool.version, "model": model, "parameters": parameters,
                "tracks": tracks.map(\.members), "counts": counts, "exit_code": exitCode.rawValue,
            ])
    }
}
