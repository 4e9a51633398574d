// Carrying out a plan: each track through the model, its stems into files, a record beside them.

import Demucs
import Foundation
import HTDemucs

struct SeparationRun {
    let settings: SeparateCommand.Settings
    let console: Console
    let cancellation: CancellationToken
    let display: ProgressDisplay
    let model: LocatedModel
    let outputs: [OutputSelection.Output]
    let plan: OutputPlan
    let precision: Precision

    let parameters: SeparationParameters
    var events: SeparationEvents
    /// Whether nobody takes the sound on standard output any more.
    private var isPipeClosed = false
    private var separator: Separator?
    /// The model's, once a track is separated.
    private var folder: OutputFolder?
    /// With the seed that all tracks share, so that one number repeats the run.
    let options: SeparationOptions
    /// Once it has been computed.
    private var modelIdentity: SeparationRecord.Model?

    init(
        settings: SeparateCommand.Settings, console: Console, cancellation: CancellationToken,
        display: ProgressDisplay, model: LocatedModel, outputs: [OutputSelection.Output],
        plan: OutputPlan, precision: Precision
    ) {
        self.settings = settings
        self.console = console
        self.cancellation = cancellation
        self.display = display
        self.model = model
        self.outputs = outputs
        self.plan = plan
        self.precision = precision
        var options = settings.separation
        options.seed = options.shifts > 0 ? options.seedOrDrawn() : nil
        self.options = options
        parameters = SeparationParameters(
            settings, outputs: outputs, format: plan.format, precision: precision)
        events = SeparationEvents(
            console: console, isShown: settings.isJSON,
            model: .init(name: model.files.name, files: model.files.members),
            parameters: parameters)
    }

    /// - Parameter problems: operands that name no track.
    /// - Throws: what makes separating impossible before the first track.
    mutating func run(problems: [(operand: String, text: String)]) throws -> ExitCode {
        let start = ContinuousClock.now
        events.start(tracks: plan.tracks.count + problems.count)
        for problem in problems {
            console.error(problem.text)
            events.ended(.init(track: problem.operand, status: .failed, error: problem.text))
        }
        defer { folder?.removeIfEmpty() }
        for (index, track) in plan.tracks.enumerated() {
            if cancellation.isCancelled {
                events.ended(interrupted(track))
                break
            }
            if let record = recordOfSameResult(track) {
                tell(track, status: .skipped, record)
            } else if settings.isDryRun {
                tell(track, status: .planned)
            } else {
                let label = plan.tracks.count > 1 ? "\(index + 1)/\(plan.tracks.count)" : ""
                events.ended(separate(track, label: label, with: try loadedSeparator()))
                if isPipeClosed || events.count(.interrupted) > 0 { break }
            }
        }
        return end(seconds: (ContinuousClock.now - start).seconds)
    }

    // MARK: - Before

    /// What tells that a track is done already; nil if it isn't, or shall be done again.
    private mutating func recordOfSameResult(_ track: PlannedTrack) -> SeparationRecord? {
        guard settings.skipsExisting, let path = track.recordPath,
            let record = SeparationRecord(at: path),
            record.covers(
                track, model: identity(), parameters: parameters, seed: settings.separation.seed)
        else { return nil }
        return record
    }

    /// What the model is made of, computed once.
    mutating func identity() -> SeparationRecord.Model? {
        if modelIdentity == nil {
            modelIdentity = model.identity(cancellation)
            events.model.sha256 = modelIdentity?.checkpoints
        }
        return modelIdentity
    }

    /// Tells about a track that isn't separated, with its files.
    private mutating func tell(
        _ track: PlannedTrack, status: SeparationEvents.Status, _ record: SeparationRecord? = nil
    ) {
        var files = zip(outputs, track.paths).map {
            SeparationEvents.Output(stem: $0.name, path: $1)
        }
        for (index, output) in (record?.outputs ?? []).enumerated() {
            files[index].peak = output.peak
            files[index].gain = output.gain
            files[index].durationSeconds = output.durationSeconds
            files[index].bytes = output.file.bytes
            files[index].sha256 = output.file.sha256
        }
        if status == .planned {
            console.status("Would separate \(track.input.path)")
            if !settings.isJSON {
                for file in files { console.result(file.path) }
            }
        } else {
            console.status("Done already: \(track.input.path)")
        }
        events.ended(
            .init(track: track.input.path, status: status, seed: record?.seed, outputs: files))
    }

    // MARK: - Tracks

    /// Loads the model when the first track needs it: a run that finds all done reads no weights.
    private mutating func loadedSeparator() throws -> Separator {
        if let separator { return separator }
        let loaded = try Separator(
            model.files, stems: neededStems, threads: settings.threads,
            segmentsInParallel: max(1, settings.jobs), precision: precision)
        try loaded.validate(settings.separation)
        loaded.model.warnings.forEach(console.warning)
        describe(loaded)
        // Told before the first track: nothing can be written here.
        folder = try plan.folder.map { try OutputFolder(making: $0) }
        if let seed = options.seed { console.status("Seed \(seed)") }
        separator = loaded
        return loaded
    }

    /// The stems that have to be computed, in the order of the model; nil for all.
    private var neededStems: [String]? {
        let needed = Set(outputs.flatMap(\.signal.stems))
        let stems = model.sources.filter(needed.contains)
        return stems.count == model.sources.count ? nil : stems
    }

    private func describe(_ separator: Separator) {
        for checkpoint in model.files.members { console.detail("Checkpoint \(checkpoint)") }
        console.detail("Stems \(separator.model.sources.joined(separator: ", "))")
        console.detail("Engine \(separator.engineDescription)")
    }

    /// Separates one track and tells how that went.
    private mutating func separate(
        _ track: PlannedTrack, label: String, with separator: Separator
    ) -> SeparationEvents.Track {
        let name = track.input.path
        let start = ContinuousClock.now
        var result = SeparationEvents.Track(track: name, status: .done)
        do {
            let report = try separateFiles(track, label: label, with: separator)
            let seconds = (ContinuousClock.now - start).seconds
            result.take(report, elapsedSeconds: seconds)
            if !settings.isJSON {
                for path in report.outputs.compactMap(\.path) { console.result(path) }
            }
            console.status(
                "Done: \(ProgressDisplay.clock(report.durationSeconds)) in "
                    + "\(String(format: "%.1f", seconds)) s")
        } catch is CancellationError {
            return interrupted(track)
        } catch AudioError.readerGone {
            // As other programs do in a pipe that is left: end without a word.
            isPipeClosed = true
            result.status = .failed
        } catch {
            let text = "\(error)"
            result.status = .failed
            result.error = text.hasPrefix(name) ? text : "\(name): \(text)"
            console.error(result.error ?? text)
        }
        return result
    }

    /// Tells how to go on.
    private func interrupted(_ track: PlannedTrack) -> SeparationEvents.Track {
        let done = events.count(.done) + events.count(.skipped)
        let count = plan.tracks.count
        console.error(
            "interrupted while separating \(track.input.path); "
                + (count == 1
                    ? "the same call does it again"
                    : "\(done) of \(count) tracks are done: the same call with "
                        + "\(Option.skipExisting.long) does the rest"))
        return .init(track: track.input.path, status: .interrupted)
    }

    // MARK: - After

    /// Sums up, and tells the shell.
    private func end(seconds: Double) -> ExitCode {
        let failed = events.tracks.filter { $0.status == .failed }.map(\.track)
        let code: ExitCode =
            events.count(.interrupted) > 0
            ? .interrupted : isPipeClosed ? .pipeClosed : failed.isEmpty ? .done : .trackFailed
        if events.tracks.count > 1, !settings.isDryRun {
            let skipped = events.count(.skipped)
            console.status(
                "\(events.count(.done)) of \(events.tracks.count) tracks separated"
                    + (skipped > 0 ? ", \(skipped) done already" : "")
                    + " in \(ProgressDisplay.clock(seconds))")
            if !failed.isEmpty {
                console.error(
                    "\(failed.count) of \(events.tracks.count) tracks failed: "
                        + failed.joined(separator: ", "))
            }
        }
        events.manifest(exitCode: code)
        return code
    }
}
