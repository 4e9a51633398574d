// Runs a plan: track after track, then the summary.

import Demucs
import System

package struct SeparationRun {
    let plan: RunPlan
    var ledger: RunLedger
    let reporter: any RunReporter
    let cancellation: CancellationToken
    var events: SeparationEvents
    /// Whether the reader of standard output closed the pipe.
    var isPipeClosed = false
    var separator: Separator?
    /// Number of the present track, counted from 1.
    private var trackNumber = 0
    /// The model's folder, made when a track needs it.
    var folder: OutputFolder?
    /// How the disk of the folder compares names.
    var names = NameComparison.exact
    let start = ContinuousClock.now
    /// Tracks that another run is separating.
    private var deferred: [PlannedTrack] = []
    /// Tracks for which the disk had no room since one was done.
    private var refusals = 0
    private var notes = ProgressNotes()

    /// Plans the files.
    ///
    /// - Parameter model: evaluated once the list of failed tracks is there.
    /// - Throws: `RunError` for settings that don't fit the model or the tracks; the errors of
    ///   `EngineInformation`.
    package init(
        of tracks: [InputTrack], _ manifest: TrackManifest?,
        with model: @autoclosure () throws -> ChosenModel, settings: RunSettings,
        reporter: any RunReporter, cancellation: CancellationToken
    ) throws {
        plan = try RunPlan(of: tracks, manifest, with: model, settings: settings)
        ledger = RunLedger(plan)
        self.reporter = reporter
        self.cancellation = cancellation
        events = SeparationEvents(
            reporter, isManifest: manifest != nil,
            model: .init(name: plan.model.name, files: plan.model.files.allCheckpoints),
            parameters: plan.parameters(of: nil))
    }

    /// - Parameter found: the search for the tracks, with its problems; nil without one.
    /// - Throws: errors of loading the model and making its folder, before the first track.
    package mutating func run(_ found: TrackDiscovery? = nil) throws -> RunOutcome {
        let problems =
            (found?.problems ?? []) + plan.files.shared.map { ($0.track.path, "\($0.error)") }
        // Each result line of a manifest names the checkpoints.
        if plan.manifest != nil { identify() }
        events.start(tracks: plan.trackCount.map { $0 + problems.count }, found)
        for problem in problems {
            events.failed(problem.operand, problem.text)
            plan.failed?.add(problem.operand)
        }
        if ledger.goesByStems {
            reporter.status(
                "\(plan.files.folder ?? "") has stems and no records: a track counts as done if its "
                    + "stems are there, whole and as long as the track")
        }
        defer {
            ledger.removeIfEmpty()
            folder?.removeIfEmpty()
        }
        do {
            try runTracks()
        } catch {
            // A followed manifest may be found wrong after tracks have failed.
            if events.count > 0, !plan.settings.isDryRun { try? plan.failed?.write() }
            throw error
        }
        return end()
    }

    private mutating func runTracks() throws {
        if let manifest = plan.manifest {
            var reader = manifest.reader
            while let input = try manifest.next(&reader, plan.settings, of: plan.model.stems) {
                if try !run(plan.files.planned(input)) { return }
            }
        } else {
            for track in plan.files.tracks {
                if try !run(track) { return }
            }
        }
        while !deferred.isEmpty {
            let waiting = deferred
            deferred = []
            for track in waiting {
                if try !run(track, isLast: true) { return }
            }
            if deferred.count == waiting.count { usleep(200_000) }
        }
    }

    /// Separates a track, unless it is finished, quarantined or only planned.
    ///
    /// - Returns: whether the run continues.
    private mutating func run(_ track: PlannedTrack, isLast: Bool = false) throws -> Bool {
        if !isLast { trackNumber += 1 }
        if cancellation.isCancelled {
            events.ended(interrupted(track))
            return false
        }
        if isReaderGone() { return false }
        if skip(track) { return true }
        if plan.settings.isDryRun {
            report(track, status: .planned)
            return true
        }
        if ledger.keeps(track) || reporter.takesEvents { plan.model.beginIdentity() }
        let separator = try loadedSeparator()
        let label =
            plan.trackCount.map { $0 > 1 ? "\(trackNumber)/\($0)" : "" } ?? "\(trackNumber)"
        guard let claim = ledger.claim(track) else {
            if !isLast {
                reporter.detail(
                    "\(track.input.label): another run separates it; it is left for later")
            }
            deferred.append(track)
            return true
        }
        defer { claim.end() }
        // Another run may have finished the track just before the claim.
        if skip(track) { return true }
        let before = ledger.begin(track)
        let (result, record) = separate(track, label: label, with: separator)
        ledger.end(track, isDone: result.status == .done, record, result.failure, after: before)
        return goesOn(after: result, track)
    }

    /// Whether nobody reads the events any more. The run ends then: whoever wanted its files has ended too.
    mutating func isReaderGone() -> Bool {
        if (reporter.takesEvents || plan.settings.isFollowing) && reporter.isReaderGone {
            isPipeClosed = true
        }
        return isPipeClosed
    }

    /// Reports a track that is done, if such tracks are left out, or that is not tried again.
    private mutating func skip(_ track: PlannedTrack) -> Bool {
        guard let done = ledger.done(track) else {
            guard let failures = ledger.quarantine(track) else { return false }
            ledger.sweep(track)
            events.ended(quarantined(track, failures))
            return true
        }
        ledger.sweep(track)
        ledger.settle(track, done)
        ledger.keepFiles(of: track)
        report(track, status: .skipped, done.record)
        return true
    }

    /// A full disk refuses all tracks; a name that it can't hold refuses one.
    private static let mostRefusals = 10

    private mutating func goesOn(
        after result: SeparationEvents.Track, _ track: PlannedTrack
    ) -> Bool {
        events.ended(result)
        if result.status == .failed { plan.failed?.add(track.input.path) }
        if isPipeClosed || result.status == .interrupted { return false }
        if let note = notes.next(
            done: trackNumber, of: plan.trackCount, separated: events.count(.done),
            seconds: (ContinuousClock.now - start).seconds)
        {
            reporter.status(note)
        }
        if result.status == .done { refusals = 0 }
        if result.failure?.kind == .noRoom { refusals += 1 }
        guard refusals == Self.mostRefusals else { return true }
        reporter.error(
            "stopped: the files of \(refusals) tracks in a row could not be written. Make room on "
                + "the disk and run the same command again")
        return false
    }
}
