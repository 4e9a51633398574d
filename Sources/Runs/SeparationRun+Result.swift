// The results of tracks in a run's report: an event for a track of the command line, a line of a
// fixed schema for one of a manifest. The format is described in docs/formats.md.

import Analysis
import CSwiftDemucs
import Demucs
import System

extension SeparationRun {
    private static let resultKeys = [
        "id", "path", "status", "error_class", "error", "seconds", "peak_memory_bytes",
        "realtime_factor", "duration_seconds", "seed", "tempo_bpm", "key", "warnings", "outputs",
        "engine_version", "checkpoint_sha256", "parameters",
    ]
    private static let outputKeys = [
        "stem", "path", "bytes", "sha256", "peak", "gain", "duration_seconds",
    ]

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
        let details = details + ["error": failure?.text]
        guard let id = track.input.id else {
            return .init(
                track.input.path, status, details, failure: failure, warnings: warnings,
                outputs: outputs)
        }
        let fields: JSONObject = [
            "id": id, "path": track.input.path, "error_class": failure?.kind, "seconds": seconds,
            "peak_memory_bytes": seconds == nil ? nil : peakResidentBytes(),
            "engine_version": SD_VERSION, "checkpoint_sha256": events.model?.sha256,
            "parameters": parameters(of: track),
        ]
        return .init(
            id, status, details + fields, failure: failure, warnings: warnings,
            outputs: outputs.map { $0.filled(Self.outputKeys) }, schema: Self.resultKeys)
    }
}
