// The keys of events. Everything that writes, reads or describes an event is compared with this table by tests: what
// each door gives for each status, the results of the Python package, docs/formats.md.

/// The kinds of events of a run.
package enum RunEvent: String, CaseIterable, Sendable {
    case start, progress
    /// A track's end; the line of a manifest has `result` in its place.
    case track, result
    case manifest

    /// Keys that each event of the kind has. Those of `result` are null without a value.
    package var keys: [String] {
        switch self {
        case .start: ["version"]
        case .progress:
            [
                "track", "segments_done", "segments_total", "audio_seconds_done",
                "audio_seconds_total",
            ]
        case .track: ["track", "status", "warnings", "outputs"]
        case .result:
            [
                "id", "path", "status", "error_class", "error", "seconds", "peak_memory_bytes",
                "realtime_factor", "duration_seconds", "seed", "tempo_bpm", "key", "warnings",
                "outputs", "engine_version", "checkpoint_sha256", "parameters",
            ]
        case .manifest: ["version", "counts", "exit_code"]
        }
    }

    /// Keys that an event of the kind has as well, if they have a value.
    package var sometimes: [String] {
        switch self {
        case .start: ["model", "parameters", "tracks", "skipped_folders", "skipped_stems"]
        case .progress: ["id", "seconds_left"]
        case .manifest: ["model", "parameters", "tracks"]
        // By their status.
        case .track, .result: []
        }
    }

    /// Keys of each of the `outputs`; only a track that is done, now or by its record, has more than the first two.
    package static let outputKeys = [
        "stem", "path", "bytes", "sha256", "peak", "gain", "duration_seconds",
    ]

    /// How a track has ended.
    package enum Status: String, CaseIterable, Encodable, Sendable {
        case done
        /// Finished by an earlier run.
        case skipped
        case failed
        case interrupted
        /// Listed by a dry run.
        case planned
        /// Not tried again after too many failures; of a manifest alone.
        case quarantined

        /// Keys that each event `track` of the status has as well.
        package var keys: [String] {
            switch self {
            case .done: ["duration_seconds", "sample_rate_hz", "channels", "elapsed_seconds"]
            case .failed, .quarantined: ["error"]
            case .skipped, .interrupted, .planned: []
            }
        }

        /// Keys that it has if they have a value: with shifts, with an analysis, with a record.
        package var sometimes: [String] {
            switch self {
            case .done: ["seed", "tempo_bpm", "key"]
            case .skipped: ["seed", "tempo_bpm", "key", "duration_seconds"]
            case .failed, .interrupted, .planned, .quarantined: []
            }
        }
    }
}
