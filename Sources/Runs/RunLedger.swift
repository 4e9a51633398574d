// The records of a run's tracks: of earlier runs, of those beside it, and its own.

import Demucs
import System

struct RunLedger {
    private let plan: RunPlan
    /// Nil for a run that leaves nothing but stems.
    private let ledger: Ledger?
    /// The files that no output may replace.
    private(set) var taken: TakenFiles
    /// Folders whose leftovers of killed runs have been removed.
    private var sweptFolders: Set<String> = []
    /// When the run began, by the clock of the ledger's disk; nil before the ledger's folder is made.
    private var start: Int?
    /// The disk of the ledger; nil before its folder is made, and where it can't be.
    private var disk: dev_t?

    init(_ plan: RunPlan) {
        self.plan = plan
        taken = plan.taken
        let settings = plan.settings
        let ledger = Ledger(ofRun: settings.folder)
        // Another run has its ledger before its first stem: so the stems are looked for first.
        let isNew =
            plan.files.folder.map { folder in
                FilePath.entries(of: folder).allSatisfy { $0.hasPrefix(".") }
            } ?? false
        let isKept =
            plan.files.folder != nil
            && (ledger.exists
                || (settings.skipsExisting ? isNew : plan.manifest != nil || plan.failed != nil))
        self.ledger = isKept ? ledger : nil
        start = isKept && !settings.isDryRun ? OwnFile.now(in: ledger.folder) : nil
    }

    private var skips: Bool { plan.settings.skipsExisting && !plan.settings.isForced }

    /// Whether tracks are taken as done by their stems alone.
    var goesByStems: Bool { skips && ledger == nil }

    /// Whether a record of the track's files is kept: pipes can't be read again.
    func keeps(_ track: PlannedTrack) -> Bool {
        ledger != nil && track.entry != nil && FilePath.isRegularFile(track.input.path)
    }

    /// Makes the folder of the ledger, before anything else is in the folder of the stems.
    ///
    /// - Returns: why the tracks can't be recorded; nil if they can.
    mutating func makeFolder() -> String? {
        guard let folder = ledger?.folder else { return nil }
        do throws(SystemError) {
            try OwnFile.makeFolder(folder)
            if FilePath.withCString(folder, { access($0, W_OK | X_OK) }) != 0 { throw .last }
        } catch {
            return "\(folder): no track is recorded (\(error)); the next run separates all again"
        }
        disk = FilePath.status(folder)?.st_dev
        start = start ?? OwnFile.now(in: folder)
        return nil
    }

    /// Whether records can be written: nothing is written in place of a disk that was removed.
    private var isThere: Bool {
        guard let disk, let ledger else { return false }
        return FilePath.status(FilePath.folder(of: ledger.folder))?.st_dev == disk
    }

    /// Removes the folder of the ledger, if it is empty.
    func removeIfEmpty() {
        if let ledger { _ = FilePath.withCString(ledger.folder) { rmdir($0) } }
    }

    // MARK: - Done, or not to be tried again

    /// A track that is done.
    struct Done {
        /// Nil if only its stems tell it: they are there, whole and of its length.
        let record: SeparationRecord?
    }

    /// Whether an earlier run, or one beside this one, has made the files that this run would make.
    func done(_ track: PlannedTrack) -> Done? {
        guard let entry = track.entry, ledger != nil || skips, !plan.settings.isForced else {
            return nil
        }
        let request = plan.request(of: track)
        guard let result = entry.trackRecord()?.result else {
            let isDone =
                goesByStems && !request.analyzes
                && track.paths.allSatisfy { taken.file(at: $0) == nil }
                && track.hasWholeStems(request, plan.settings)
            return isDone ? Done(record: nil) : nil
        }
        guard skips || isNewer(result),
            let model = try? plan.model.identity,
            result.covers(
                track, model: model, parameters: plan.parameters(of: track), seed: request.seed),
            !request.analyzes || result.hasAnalysis
        else { return nil }
        return Done(record: result)
    }

    /// Whether a run beside this one has made files since this one began. The clock of the files' disk decides: times
    /// ahead of it tell nothing.
    private func isNewer(_ result: SeparationRecord) -> Bool {
        guard let start, let ledger, let last = result.lastModified, last > start else {
            return false
        }
        return OwnFile.now(in: ledger.folder).map { last <= $0 } ?? false
    }

    /// The failures of a track that must not be tried again; nil for all other tracks.
    func quarantine(_ track: PlannedTrack) -> FailureRecord? {
        guard let limit = plan.settings.quarantineAfter, !plan.settings.isForced, ledger != nil,
            let entry = track.entry, let record = entry.trackRecord(), let failure = record.failure,
            failure.tries >= limit, failure.counts(for: track.input, plan.parameters(of: track)),
            // Another run may be trying it.
            record.state.isFinal || !entry.isClaimed
        else { return nil }
        return failure
    }

    // MARK: - A try

    /// Keeps other runs from separating the track at the same time; nil if one already does.
    func claim(_ track: PlannedTrack) -> LedgerEntry.Claim? {
        guard isThere, let entry = track.entry else { return LedgerEntry.Claim() }
        return entry.claim()
    }

    /// Counts a try before it begins, because a track may end the process.
    ///
    /// - Returns: the record before this try.
    mutating func begin(_ track: PlannedTrack) -> TrackRecord? {
        sweep(track)
        guard isThere, let entry = track.entry else { return nil }
        let before = entry.trackRecord()
        let failure = TrackFailure(
            .internal, "the process ended before it was done", of: track.input)
        entry.replace(record(track, .queued, before?.result, failure, after: before))
        return before
    }

    /// Notes how a try has ended. Nothing is left of one that was interrupted.
    ///
    /// - Parameters:
    ///   - result: the track's files, if it is done and they can be recognised.
    ///   - before: the record before the try.
    mutating func end(
        _ track: PlannedTrack, isDone: Bool, _ result: SeparationRecord?, _ failure: TrackFailure?,
        after before: TrackRecord?
    ) {
        if isDone { keepFiles(of: track) }
        guard isThere, let entry = track.entry else { return }
        if isDone {
            entry.replace(result.map { record(track, .done, $0) })
        } else if let failure {
            entry.replace(record(track, .failed, before?.result, failure, after: before))
        } else {
            entry.replace(before)
        }
    }

    private func record(
        _ track: PlannedTrack, _ state: TrackState, _ result: SeparationRecord?,
        _ failure: TrackFailure? = nil, after before: TrackRecord? = nil
    ) -> TrackRecord {
        TrackRecord(
            name: track.input.label, path: track.input.path, model: plan.model.folder, state: state,
            result: result,
            failure: failure.map {
                FailureRecord(
                    $0, of: track.input, plan.parameters(of: track),
                    limit: plan.settings.quarantineAfter, after: before?.failure)
            })
    }

    /// Notes that a track is done whose last try, with other options or by force, has failed.
    func settle(_ track: PlannedTrack, _ done: Done) {
        guard let result = done.record, !plan.settings.isDryRun, let entry = track.entry,
            let known = entry.trackRecord(), known.state != .done
        else { return }
        entry.replace(record(track, .done, result))
    }

    /// Removes what killed runs left in the folders of a track.
    mutating func sweep(_ track: PlannedTrack) {
        let records = ledger.flatMap { ledger in
            track.entry.map { [ledger.folder, $0.path] }
        }
        for folder in track.folders + (records ?? []) where sweptFolders.insert(folder).inserted {
            TemporaryFiles.removeLeftovers(in: folder)
        }
    }

    /// Keeps other tracks from the files of one that is done. Those of a manifest might not fit into
    /// memory.
    mutating func keepFiles(of track: PlannedTrack) {
        if plan.manifest != nil { return }
        for path in track.paths { taken.add(path, "a file of the track '\(track.input.label)'") }
    }
}
