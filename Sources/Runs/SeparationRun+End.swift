// The end of a run: the summary, the list of failed tracks and the last event.

import Demucs
import System

extension SeparationRun {
    /// Has the events name the checkpoints by their checksums.
    mutating func identify() {
        guard reporter.takesEvents, let identity = try? plan.model.identity else { return }
        events.model?.sha256 = identity.checkpoints
    }

    /// Writes the summary, the list of failed tracks and the last event.
    mutating func end() -> RunOutcome {
        let failed = events.count(.failed)
        let isPipeClosed = isReaderGone()
        let outcome: RunOutcome =
            isPipeClosed
            ? .pipeClosed
            : events.count(.interrupted) > 0 || cancellation.isCancelled
                ? .interrupted : failed == 0 ? .done : .trackFailed
        if events.count > 1 || plan.manifest != nil, !plan.settings.isDryRun {
            let skipped = events.count(.skipped)
            let quarantined = events.count(.quarantined)
            reporter.status(
                "\(events.count(.done)) of \(events.count) tracks separated"
                    + (skipped > 0 ? ", \(skipped) already done" : "")
                    + (quarantined > 0 ? ", \(quarantined) in quarantine" : "")
                    + " in \((ContinuousClock.now - start).seconds.clockText)")
            if failed > 0 {
                // The names of all tracks of a manifest might not fit into memory.
                let names = events.tracks.filter { $0.status == .failed }.map(\.name)
                reporter.error(
                    "\(failed) of \(events.count) tracks failed"
                        + (names.isEmpty ? "" : ": " + names.joined(separator: ", ")))
            }
        }
        if separator != nil { identify() }
        return events.end(outcome, plan.settings.isDryRun ? nil : plan.failed)
    }

    /// Ends a run whose operands name no track. The model is not looked for, so the events don't name
    /// it.
    ///
    /// - Throws: `RunError` for a list of failed tracks that would replace something else.
    package static func end(
        without found: TrackDiscovery, settings: RunSettings, reporter: any RunReporter
    ) throws(RunError) -> RunOutcome {
        let failed = try settings.openFailedList()
        var taken = TakenFiles()
        for track in found.tracks { taken.add(track.file, track.path, "a track") }
        try failed?.claim(in: &taken)
        let problems =
            found.problems
            + found.tracks.map { ($0.path, "\(AudioError.notFound(path: $0.path))") }
        var events = SeparationEvents(reporter)
        events.start(tracks: problems.count, found)
        for problem in problems {
            events.failed(problem.operand, problem.text)
            failed?.add(problem.operand)
        }
        return events.end(.trackFailed, settings.isDryRun ? nil : failed)
    }
}
