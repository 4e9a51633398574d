// Quarantine: tracks of a manifest that have failed too often are not tried again.

import System

/// The failures of a track, kept in the hidden folder of the records.
struct FailureRecord: Codable {
    static let currentVersion = 1

    var version = currentVersion
    /// Number of tries that ended with a failure of the track, or because the process ended.
    let tries: Int
    let errorClass: TrackFailure.Class
    let error: String
    /// Size and time of the track's file; nil if there was none. The count starts again for a
    /// changed file or other parameters.
    let inputBytes: Int?
    let inputModified: Int?
    let parameters: SeparationParameters
}

extension SeparationRun {
    /// The failures of a track that must not be tried again; nil for all other tracks.
    func quarantine(_ track: PlannedTrack) -> FailureRecord? {
        guard let limit = settings.quarantineAfter, !settings.isForced,
            let failures = failures(of: track), failures.tries >= limit
        else { return nil }
        return failures
    }

    /// Reports a track that is not tried again.
    func quarantined(_ track: PlannedTrack, _ failures: FailureRecord) -> SeparationEvents.Track {
        reporter.status("In quarantine after \(failures.tries) failures: \(failures.error)")
        return result(
            of: track, .quarantined,
            failure: TrackFailure(failures.errorClass, failures.error, of: track.input))
    }

    /// Counts a try before it begins, because a track may crash the process.
    ///
    /// - Returns: the failures before this try.
    func countTry(_ track: PlannedTrack) -> FailureRecord? {
        guard settings.quarantineAfter != nil else { return nil }
        let before = failures(of: track)
        let ended = TrackFailure(.internal, "the process ended before it was done", of: track.input)
        write(record(of: ended, track, after: before), track)
        return before
    }

    /// Stores a failure of the track. Removes the try if it was interrupted or the machine caused
    /// the failure, and all failures of a track that succeeded.
    func recordOutcome(
        _ result: SeparationEvents.Track, _ track: PlannedTrack, after before: FailureRecord?
    ) {
        guard settings.quarantineAfter != nil else { return }
        if let failure = result.failure, failure.fault == .track {
            write(record(of: failure, track, after: before), track)
        } else if let before, result.status != .done {
            write(before, track)
        } else if let place = track.record {
            unlink(place.failurePath)
        }
    }

    /// Failures of the same file with the same parameters.
    private func failures(of track: PlannedTrack) -> FailureRecord? {
        guard let place = track.record,
            let failures: FailureRecord = JSONText.read(place.failurePath),
            failures.version == FailureRecord.currentVersion,
            failures.parameters == parameters(of: track)
        else { return nil }
        let status = FilePath.status(track.input.path)
        let isSame =
            failures.inputBytes == status.map { Int($0.st_size) }
            && failures.inputModified == status?.modifiedNanoseconds
        return isSame ? failures : nil
    }

    private func record(
        of failure: TrackFailure, _ track: PlannedTrack, after before: FailureRecord?
    ) -> FailureRecord {
        let status = FilePath.status(track.input.path)
        return FailureRecord(
            tries: (before?.tries ?? 0) + 1, errorClass: failure.kind, error: failure.text,
            inputBytes: status.map { Int($0.st_size) },
            inputModified: status?.modifiedNanoseconds, parameters: parameters(of: track))
    }

    /// Errors are ignored: without a record the track is tried again.
    private func write(_ record: FailureRecord, _ track: PlannedTrack) {
        guard let place = track.record else { return }
        try? FilePath.makeFolder(FilePath.folder(of: place.failurePath))
        try? replaceFile(at: place.failurePath, with: (JSONText.of(record) + "\n").utf8)
    }
}
