// Runs the plan of `separate`: track after track, then the summary and the exit code.

import Demucs
import HTDemucs

struct SeparationRun {
    let settings: SeparateCommand.Settings
    let console: Console
    let cancellation: CancellationToken
    let display: ProgressDisplay
    let model: SeparationModel
    let outputs: [OutputSelection.Output]
    let plan: OutputPlan
    let precision: Precision

    let parameters: SeparationParameters
    var events: SeparationEvents
    /// Whether the reader of standard output closed the pipe.
    var isPipeClosed = false
    private var separator: Separator?
    /// The model's folder, once a track needs it.
    private var folder: OutputFolder?
    /// With a seed that all tracks share, so that one number repeats the run.
    let options: SeparationOptions
    private var modelIdentity: SeparationRecord.Model?

    /// Finds the model and plans the files.
    ///
    /// - Throws: `UsageError` for options that don't fit the model or the tracks; the errors of
    ///   `SeparationModel` and `EngineInformation`.
    init(
        of tracks: [InputTrack], settings: SeparateCommand.Settings, console: Console,
        cancellation: CancellationToken, display: ProgressDisplay
    ) throws {
        self.settings = settings
        self.console = console
        self.cancellation = cancellation
        self.display = display
        model = try SeparationModel(settings, console: console, cancellation: cancellation)
        outputs = try settings.selection.outputs(ofSources: model.sources)
        plan =
            settings.arguments.has(.stdout)
            ? OutputPlan(toStandardOutput: tracks[0], format: settings.output.format)
            : try OutputPlan(
                tracks, names: outputs.map(\.name), modelFolder: model.folder, settings: settings)
        precision = try settings.precision.precision(isQuantized: model.files.isQuantized())
        var options = settings.separation
        options.seed = options.shifts > 0 ? options.seedOrDrawn() : nil
        self.options = options
        parameters = SeparationParameters(
            settings, outputs: outputs, format: plan.format, precision: precision)
        events = SeparationEvents(
            console: console, isShown: settings.isJSON,
            model: .init(name: model.files.name, files: model.files.checkpoints),
            parameters: parameters)
    }

    /// - Parameter problems: operands that name no track.
    /// - Throws: errors of loading the model and making its folder, before the first track.
    mutating func run(problems: [(operand: String, text: String)]) throws -> ExitCode {
        let start = ContinuousClock.now
        events.start(tracks: plan.tracks.count + problems.count)
        for problem in problems {
            console.error(problem.text)
            events.ended(.init(problem.operand, .failed, ["error": problem.text]))
        }
        defer { folder?.removeIfEmpty() }
        for (index, track) in plan.tracks.enumerated() {
            if cancellation.isCancelled {
                events.ended(interrupted(track))
                break
            }
            if let record = recordOfSameResult(track) {
                report(track, status: .skipped, record)
            } else if settings.isDryRun {
                report(track, status: .planned)
            } else {
                let label = plan.tracks.count > 1 ? "\(index + 1)/\(plan.tracks.count)" : ""
                events.ended(separate(track, label: label, with: try loadedSeparator()))
                if isPipeClosed || events.count(.interrupted) > 0 { break }
            }
        }
        return end(seconds: (ContinuousClock.now - start).seconds)
    }

    // MARK: - Tracks that are skipped or planned

    /// The record of a track that an earlier run finished with the same result; nil for all others
    /// and without `--skip-existing`.
    private mutating func recordOfSameResult(_ track: PlannedTrack) -> SeparationRecord? {
        guard settings.arguments.has(.skipExisting), !settings.arguments.has(.force),
            let record = track.record?.read(),
            record.covers(
                track, model: identity(), parameters: parameters, seed: settings.separation.seed)
        else { return nil }
        return record
    }

    /// The checksums of the model, computed once; nil if a file can't be read.
    mutating func identity() -> SeparationRecord.Model? {
        if modelIdentity == nil {
            modelIdentity = model.identity(cancellation)
            events.model.sha256 = modelIdentity?.checkpoints
        }
        return modelIdentity
    }

    /// Reports a track that isn't separated, and its files.
    private mutating func report(
        _ track: PlannedTrack, status: SeparationEvents.Status, _ record: SeparationRecord? = nil
    ) {
        if status == .planned {
            console.status("Would separate \(track.input.path)")
            if !settings.isJSON { track.paths.forEach(console.result) }
        } else {
            console.status("Already done: \(track.input.path)")
        }
        // A record has the same outputs, in the same order.
        let files = zip(outputs, track.paths).enumerated().map { index, file -> JSONObject in
            let known = record?.outputs[index]
            return [
                "stem": file.0.name, "path": file.1, "peak": known?.peak, "gain": known?.gain,
                "duration_seconds": known?.durationSeconds, "bytes": known?.file.bytes,
                "sha256": known?.file.sha256,
            ]
        }
        events.ended(.init(track.input.path, status, ["seed": record?.seed], outputs: files))
    }

    // MARK: - Model

    /// Loads the model for the first track that needs it: if all are skipped, no weights are read.
    private mutating func loadedSeparator() throws -> Separator {
        if let separator { return separator }
        let loaded = try Separator(
            model.files, stems: neededStems, threads: settings.threads,
            segmentsInParallel: max(1, settings.jobs), precision: precision)
        try loaded.validate(settings.separation)
        loaded.model.warnings.forEach(console.warning)
        for checkpoint in model.files.checkpoints { console.detail("Checkpoint \(checkpoint)") }
        console.detail("Stems \(loaded.model.sources.joined(separator: ", "))")
        console.detail("Engine \(loaded.engineDescription)")
        // An unwritable folder ends the run before the first track.
        folder = try plan.folder.map { try OutputFolder(making: $0) }
        if let seed = options.seed { console.status("Seed \(seed)") }
        separator = loaded
        return loaded
    }

    /// The stems to compute, in the model's order; nil for all.
    private var neededStems: [String]? {
        let needed = Set(outputs.flatMap(\.signal.stems))
        let stems = model.sources.filter(needed.contains)
        return stems.count == model.sources.count ? nil : stems
    }

    // MARK: - Summary

    private func end(seconds: Double) -> ExitCode {
        let failed = events.tracks.filter { $0.status == .failed }.map(\.name)
        let code: ExitCode =
            events.count(.interrupted) > 0
            ? .interrupted : isPipeClosed ? .pipeClosed : failed.isEmpty ? .done : .trackFailed
        if events.tracks.count > 1, !settings.isDryRun {
            let skipped = events.count(.skipped)
            console.status(
                "\(events.count(.done)) of \(events.tracks.count) tracks separated"
                    + (skipped > 0 ? ", \(skipped) already done" : "")
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
