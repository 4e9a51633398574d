// Carrying out a plan: each track through the model, its stems into files, a record beside them.

import Foundation
import Separation

struct SeparationRun {
    let settings: SeparateCommand.Settings
    let console: Console
    let cancellation: CancellationToken
    let display: ProgressDisplay
    let model: LocatedModel
    let outputs: [OutputSelection.Output]
    let plan: OutputPlan
    let precision: Precision

    private let parameters: SeparationParameters
    private var events: SeparationEvents
    /// Whether nobody takes the sound on standard output any more.
    private var isPipeClosed = false
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
        let tracks = tracksToDo()
        if settings.isDryRun {
            tracks.forEach { tell($0, status: .planned) }
        } else if !tracks.isEmpty {
            try separate(tracks)
        }
        return end(seconds: (ContinuousClock.now - start).seconds)
    }

    // MARK: - Before

    /// The tracks of the plan, without those that are done already where these are left out.
    private mutating func tracksToDo() -> [PlannedTrack] {
        guard settings.skipsExisting else { return plan.tracks }
        return plan.tracks.filter { track in
            guard !cancellation.isCancelled, let path = track.recordPath,
                let record = SeparationRecord(at: path),
                record.covers(
                    track, model: identity(), parameters: parameters,
                    seed: settings.separation.seed)
            else { return true }
            tell(track, status: .skipped, record)
            return false
        }
    }

    private mutating func identity() -> SeparationRecord.Model? {
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
            if !settings.isJSON { files.forEach { console.result($0.path) } }
        } else {
            console.status("Done already: \(track.input.path)")
        }
        events.ended(
            .init(track: track.input.path, status: status, seed: record?.seed, outputs: files))
    }

    // MARK: - Tracks

    private mutating func separate(_ tracks: [PlannedTrack]) throws {
        let separator = try Separator(
            model.files, stems: neededStems, threads: settings.threads,
            segmentsInParallel: max(1, settings.jobs), precision: precision)
        try separator.validate(settings.separation)
        separator.model.warnings.forEach(console.warning)
        describe(separator)
        // Told before the first track: nothing can be written here.
        let modelFolder = try plan.folder.map { try OutputFolder(making: $0) }
        defer { modelFolder?.removeIfEmpty() }
        var options = settings.separation
        if options.shifts > 0 {
            // One seed for all tracks, so that one number repeats the run.
            let seed = options.seedOrDrawn()
            options.seed = seed
            console.status("Seed \(seed)")
        }
        for (index, track) in tracks.enumerated() {
            let label = tracks.count > 1 ? "\(index + 1)/\(tracks.count)" : ""
            let result = separate(track, label: label, with: separator, options: options)
            events.ended(result)
            if result.status == .interrupted { break }
        }
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
        _ track: PlannedTrack, label: String, with separator: Separator,
        options: SeparationOptions
    ) -> SeparationEvents.Track {
        let name = track.input.path
        let start = ContinuousClock.now
        var result = SeparationEvents.Track(track: name, status: .done)
        do {
            let report = try separateFiles(track, label: label, with: separator, options: options)
            let seconds = (ContinuousClock.now - start).seconds
            result.take(report, elapsedSeconds: seconds)
            if !settings.isJSON { report.outputs.compactMap(\.path).forEach(console.result) }
            console.status(
                "Done: \(ProgressDisplay.clock(report.durationSeconds)) in "
                    + "\(String(format: "%.1f", seconds)) s")
        } catch is CancellationError {
            result.status = .interrupted
            console.error("interrupted while separating \(name); \(wayToGoOn)")
        } catch {
            if track.paths.isEmpty, StandardOutput.isLeft {
                // As other programs do in a pipe that is left: end without a word.
                isPipeClosed = true
            }
            let text = "\(error)"
            result.status = .failed
            result.error = text.hasPrefix(name) ? text : "\(name): \(text)"
            if !isPipeClosed { console.error(result.error ?? text) }
        }
        return result
    }

    private var wayToGoOn: String {
        let done = events.count(.done) + events.count(.skipped)
        let count = plan.tracks.count
        return count == 1
            ? "nothing of it was written"
            : "\(done) of \(count) tracks are done: the same call with "
                + "\(Option.skipExisting.long) does the rest"
    }

    private mutating func separateFiles(
        _ track: PlannedTrack, label: String, with separator: Separator,
        options: SeparationOptions
    ) throws -> TrackReport {
        try cancellation.check()
        let path = track.input.path
        let before = FilePath.status(path)
        let isCancelled = { cancellation.isCancelled }
        let input =
            track.input.isStandardInput
            ? try AudioInput(
                standardInputSpooledIn: settings.output.spoolFolder, isCancelled: isCancelled)
            : try AudioInput(
                path: path, spoolFolder: settings.output.spoolFolder, isCancelled: isCancelled)
        let folders = try track.folders.map { try OutputFolder(making: $0) }
        defer { folders.reversed().forEach { $0.removeIfEmpty() } }
        console.status(label.isEmpty ? "Separating \(path)" : "Separating \(label) \(path)")

        display.begin(label: label)
        let report: TrackReport
        do {
            defer { display.end() }
            report = try separator.separate(
                input, excerpt: settings.excerpt, into: track.outputs(outputs),
                output: outputOptions, options: options, cancellation: cancellation,
                progress: { progress in
                    if progress.segmentsDone == 0, events.tracks.isEmpty { tellAge() }
                    let left = display.update(progress)
                    events.progress(progress, of: path, secondsLeft: left)
                })
        }
        for warning in report.warnings { console.warning("\(warning)") }
        record(track, report, unchangedSince: before)
        return report
    }

    private var outputOptions: OutputOptions {
        var options = settings.output
        options.format = plan.format
        return options
    }

    private func tellAge() {
        guard let age = ProcessAge.seconds else { return }
        console.detail(
            "\(String(format: "%.2f", age)) s from the start of the process to the first segment")
    }

    /// Leaves a record beside the stems, unless the input is none that could be looked at again.
    private mutating func record(
        _ track: PlannedTrack, _ report: TrackReport, unchangedSince before: stat?
    ) {
        guard let recordPath = track.recordPath, !track.input.isStandardInput,
            let model = identity(),
            let checksum = FileChecksum.of(track.input.path, cancellation),
            let input = SeparationRecord.File(track.input.path, sha256: checksum),
            let before, input.isSame(as: before)
        else { return }
        let outputs = report.outputs.compactMap { output -> SeparationRecord.Output? in
            guard let path = output.path,
                let file = SeparationRecord.File(path, sha256: output.sha256)
            else { return nil }
            return .init(
                stem: output.name, file: file, peak: output.peak, gain: output.gain,
                durationSeconds: output.durationSeconds)
        }
        guard outputs.count == report.outputs.count else { return }
        SeparationRecord(
            model: model, parameters: parameters, seed: report.seed, input: input,
            outputs: outputs
        ).write(to: recordPath)
    }

    // MARK: - After

    /// Sums up, and tells the shell.
    private func end(seconds: Double) -> ExitCode {
        let failed = events.tracks.filter { $0.status == .failed }.map(\.track)
        let count = plan.tracks.count
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
