// The events of a run as lines of JSON, and the results that the manifest and the summary count. The
// format is described in docs/formats.md.

import CSwiftDemucs
import Demucs
import System

struct SeparationEvents {
    typealias Status = RunEvent.Status

    /// A track's result for the summary, and the fields of its event.
    struct Track {
        let name: String
        let status: Status
        /// The failure; nil for other results.
        let failure: TrackFailure?
        let fields: JSONObject

        /// - Parameters:
        ///   - details: fields that only some results have, such as `error`.
        ///   - outputs: the track's files, written or planned.
        ///   - schema: the fields of a line with a fixed schema; nil for all fields that have a
        ///     value.
        init(
            _ name: String, _ status: Status, _ details: JSONObject = [:],
            failure: TrackFailure? = nil, warnings: [String] = [], outputs: [JSONObject] = [],
            schema: [String]? = nil
        ) {
            self.name = name
            self.status = status
            self.failure = failure
            let all: JSONObject =
                [
                    "track": name, "status": status, "warnings": warnings, "outputs": outputs,
                ] + details
            fields = schema.map(all.filled) ?? all
        }

        static func outputs(of report: TrackReport) -> [JSONObject] {
            report.outputs.map { output in
                [
                    "stem": output.name, "path": output.path ?? "", "peak": output.peak,
                    "gain": output.gain, "duration_seconds": output.durationSeconds,
                    "bytes": output.bytes, "sha256": output.sha256,
                ]
            }
        }
    }

    struct Model: Encodable {
        let name: String
        let files: [String]
        /// Checksums of the files; nil until computed.
        var sha256: [String]?
    }

    private let reporter: any RunReporter
    /// Nil if no track was found, so that no model was looked for.
    private let parameters: SeparationParameters?
    var model: Model?
    /// Results of all tracks; empty for a manifest, whose tracks may not fit into memory.
    private(set) var tracks: [Track] = []
    private var counts: [Status: Int] = [:]
    private let isManifest: Bool

    init(
        _ reporter: any RunReporter, isManifest: Bool = false, model: Model? = nil,
        parameters: SeparationParameters? = nil
    ) {
        self.reporter = reporter
        self.isManifest = isManifest
        self.model = model
        self.parameters = parameters
    }

    /// - Parameter fields: evaluated only if events are wanted.
    private func write(
        _ event: RunEvent, failure: ErrorCause? = nil, _ fields: @autoclosure () -> JSONObject
    ) {
        guard reporter.takesEvents else { return }
        reporter.event(JSONText.of(["event": event.rawValue] + fields(), []), failure: failure)
    }

    /// - Parameters:
    ///   - tracks: their number, with operands that name none.
    ///   - found: what a search has left out; nil without one.
    func start(tracks: Int?, _ found: TrackDiscovery?) {
        let folders = found?.skippedFolders ?? []
        let stems = found?.skippedStems ?? 0
        write(
            .start,
            [
                "version": SD_VERSION, "model": model, "parameters": parameters,
                "tracks": tracks, "skipped_folders": folders.isEmpty ? nil : folders,
                "skipped_stems": stems == 0 ? nil : stems,
            ])
    }

    func progress(_ progress: SeparationProgress, of track: InputTrack, secondsLeft: Double?) {
        write(
            .progress,
            [
                "id": track.id, "track": track.path, "segments_done": progress.segmentsDone,
                "segments_total": progress.segmentsTotal,
                "audio_seconds_done": progress.audioSecondsDone,
                "audio_seconds_total": progress.audioSecondsTotal, "seconds_left": secondsLeft,
            ])
    }

    /// A name that is no track, or a track that can't be separated beside the others.
    mutating func failed(_ name: String, _ text: String, _ cause: ErrorCause = .argument) {
        reporter.error(text)
        ended(Track(name, .failed, ["error": text]), cause)
    }

    mutating func ended(_ track: Track, _ cause: ErrorCause? = nil) {
        counts[track.status, default: 0] += 1
        let cause = track.status == .interrupted ? .cancelled : track.failure?.cause ?? cause
        if isManifest {
            write(.result, failure: cause, track.fields)
        } else {
            tracks.append(track)
            write(.track, failure: cause, track.fields)
        }
    }

    func count(_ status: Status) -> Int { counts[status] ?? 0 }

    /// Number of tracks that have ended.
    var count: Int { counts.values.reduce(0, +) }

    /// Writes the list of failed tracks and the last event.
    ///
    /// - Parameter failed: the list; nil for none.
    /// - Returns: the outcome, which a list that can't be written changes.
    func end(_ ended: RunOutcome, _ failed: FailedList?) -> RunOutcome {
        var outcome = ended
        do {
            try failed?.write()
        } catch {
            reporter.error("the list of failed tracks can't be written: \(error)")
            if outcome == .done { outcome = .trackFailed }
        }
        manifest(outcome)
        return outcome
    }

    private func manifest(_ outcome: RunOutcome) {
        let names = Dictionary(uniqueKeysWithValues: counts.map { ($0.rawValue, $1) })
        write(
            .manifest,
            [
                "version": SD_VERSION, "model": model, "parameters": parameters,
                "tracks": isManifest ? nil : tracks.map(\.fields), "counts": names,
                "exit_code": outcome.rawValue,
            ])
    }
}
