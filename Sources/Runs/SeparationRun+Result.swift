// The results of tracks in a run's report: an event for a track of the command line, a line of a
// fixed schema for one of a manifest. The format is described in docs/formats.md.

import Analysis
import CSwiftDemucs
import Demucs
import System

extension SeparationRun {
    /// A track that was separated.
    func result(
        of track: PlannedTrack, _ report: TrackReport, _ analysis: MusicAnalysis?, seconds: Double
    ) -> SeparationEvents.Track {
        let details: JSONObject = [
            "duration_seconds": report.durationSeconds, "seed": report.seed,
            "tempo_bpm": analysis?.beatsPerMinute, "key": analysis?.key?.description,
        ]
        // A line of a manifest has its own names of times.
        let more: JSONObject =
            track.input.id == nil
            ? [
                "sample_rate_hz": report.sampleRateHz, "channels": report.channelCount,
                "elapsed_seconds": seconds,
            ] : ["realtime_factor": report.durationSeconds / seconds]
        return result(
            of: track, .done, details + more, warnings: report.warnings.map(\.description),
            outputs: SeparationEvents.Track.outputs(of: report), seconds: seconds)
    }

    /// The result of a track that was not separated.
    ///
    /// - Parameter details: fields that only some results have.
    func result(
        of track: PlannedTrack, _ status: SeparationEvents.Status, _ details: JSONObject = [:],
        failure: TrackFailure? = nil, warnings: [String] = [], outputs: [JSONObject] = [],
        seconds: Double? = nil
    ) -> SeparationEvents.Track {
        let details = ["error": failure?.text] + details
        guard let id = track.input.id else {
            return .init(
                track.input.path, status, details, failure: failure, warnings: warnings,
                outputs: outputs)
        }
        let fields: JSONObject = [
            "id": id, "path": track.input.path, "error_class": failure?.kind, "seconds": seconds,
            "peak_memory_bytes": seconds == nil ? nil : peakResidentBytes(),
            "engine_version": SD_VERSION, "checkpoint_sha256": events.model?.sha256,
            "parameters": plan.parameters(of: track),
        ]
        return .init(
            id, status, details + fields, failure: failure, warnings: warnings,
            outputs: outputs.map { $0.filled(RunEvent.outputKeys) }, schema: RunEvent.result.keys)
    }

    /// Reports a track that isn't separated, and its files.
    mutating func report(
        _ track: PlannedTrack, status: SeparationEvents.Status, _ record: SeparationRecord? = nil
    ) {
        if status == .planned {
            reporter.status("Would separate \(track.input.label)")
            track.paths.forEach(reporter.file)
        } else {
            reporter.status("Already done: \(track.input.label)")
        }
        // A record has the same outputs, in the same order.
        let stemFile = plan.settings.stemFile?.fileExtension ?? ""
        let names = plan.outputs(of: track).map(\.name) + [stemFile]
        let files = zip(names, track.paths).enumerated().map { index, file -> JSONObject in
            let known = record?.outputs[index]
            return [
                "stem": file.0, "path": file.1, "peak": known?.peak, "gain": known?.gain,
                "duration_seconds": known?.durationSeconds, "bytes": known?.file.bytes,
                "sha256": known?.file.sha256,
            ]
        }
        let known: JSONObject = [
            "duration_seconds": record?.outputs.first?.durationSeconds, "seed": record?.seed,
            "tempo_bpm": record?.tempoBpm, "key": record?.key,
        ]
        events.ended(result(of: track, status, known, outputs: files))
    }

    /// Reports a track that is not tried again.
    func quarantined(_ track: PlannedTrack, _ failures: FailureRecord) -> SeparationEvents.Track {
        reporter.status("In quarantine after \(failures.tries) failures: \(failures.error)")
        return result(
            of: track, .quarantined,
            failure: TrackFailure(failures.errorClass, failures.error, of: track.input))
    }
}
