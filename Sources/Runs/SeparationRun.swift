// Runs a plan: track after track, then the summary.

import Demucs
import System

package struct SeparationRun {
    let settings: RunSettings
    let reporter: any RunReporter
    let cancellation: CancellationToken
    let model: ChosenModel
    let outputs: [NamedSignal]
    /// The stems of stem files; empty without them.
    private let stemFileParts: [NamedSignal]
    private let ffmpeg: FFmpeg?
    let plan: OutputPlan
    let precision: Precision

    private let manifest: TrackManifest?
    /// Number of tracks; nil for a manifest that is followed.
    let trackCount: Int?
    var events: SeparationEvents
    /// Whether the reader of standard output closed the pipe.
    var isPipeClosed = false
    private var separator: Separator?
    /// Number of the present track, counted from 1.
    private var trackNumber = 0
    /// The model's folder, made when a track needs it.
    private(set) var folder: OutputFolder?
    /// Seed of all tracks without their own seed, so that one number repeats the run.
    private let seed: UInt64
    /// The files of finished tracks, each with its track: a disk that ignores case, or a link, may
    /// give two tracks the same file. Those of a manifest might not fit into memory.
    private(set) var finishedFiles: [FileIdentity: String] = [:]
    /// How the disk of the folder compares names.
    private(set) var names = NameComparison.exact
    private let start = ContinuousClock.now
    private let startNanoseconds = RunClock.nanoseconds()
    /// Tracks that another run is separating.
    private var deferred: [PlannedTrack] = []
    /// Folders whose leftovers of killed runs have been removed.
    private var sweptFolders: Set<String> = []
    /// Tracks for which the disk had no room since one was done.
    private var refusals = 0
    private var notes = ProgressNotes()
    /// Paths of the tracks that failed, if they are listed.
    private(set) var failedPaths: [String] = []

    /// Plans the files.
    ///
    /// - Throws: `RunError` for settings that don't fit the model or the tracks; the errors of
    ///   `EngineInformation`.
    package init(
        of tracks: [InputTrack], _ manifest: TrackManifest?, with model: ChosenModel,
        settings: RunSettings, reporter: any RunReporter, cancellation: CancellationToken
    ) throws {
        self.manifest = manifest
        var settings = settings
        if let loaded = model.separator {
            settings.request = loaded.withLoadedStems(settings.request)
        }
        self.settings = settings
        self.reporter = reporter
        self.cancellation = cancellation
        self.model = model
        outputs = try settings.outputs(of: model.stems)
        stemFileParts =
            try settings.stemFile == nil
            ? [] : settings.request.stemFileParts(of: model.stems.sources)
        try model.separator?.checkLoaded(outputs + stemFileParts)
        ffmpeg = settings.stemFile == nil ? nil : .onPath
        if settings.stemFile != nil, ffmpeg == nil { throw RunError.ffmpegMissing }
        plan =
            settings.standardOutput != nil
            ? OutputPlan(toStandardOutput: tracks[0], settings: settings)
            : try OutputPlan(
                tracks, names: outputs.map(\.name),
                // A track of a manifest may ask for other stems than the command.
                otherNames: manifest?.mayHaveStems == true ? model.stems.all : [],
                modelFolder: model.folder, isManifest: manifest != nil, settings: settings)
        try manifest?.validateStems(settings, of: model.stems)
        precision = try model.precision(of: settings.request)
        trackCount = manifest == nil ? plan.tracks.count : manifest?.count
        seed = settings.request.separation.seedOrDrawn()
        events = SeparationEvents(
            reporter, isManifest: manifest != nil,
            model: .init(name: model.files.name, files: model.files.allCheckpoints),
            parameters: SeparationParameters(
                settings, settings.request, of: model, outputs: outputs,
                stemFileParts: stemFileParts,
                format: plan.format, precision: precision))
    }

    /// - Parameters:
    ///   - problems: operands that name no track.
    ///   - skipped: folders that a search has left out.
    /// - Throws: errors of loading the model and making its folder, before the first track.
    package mutating func run(
        problems: [(operand: String, text: String)], skipped: [String] = []
    ) throws -> RunOutcome {
        if !settings.isDryRun, let path = settings.failedList { try checkFailedList(path) }
        let problems = problems + plan.shared.map { ($0.track.path, "\($0.error)") }
        // Each result line of a manifest names the checkpoints.
        if manifest != nil, reporter.takesEvents { _ = identity() }
        events.start(tracks: trackCount.map { $0 + problems.count }, skipped: skipped)
        for problem in problems {
            events.failed(problem.operand, problem.text)
            failedPaths.append(problem.operand)
        }
        defer { folder?.removeIfEmpty() }
        if let manifest {
            var tracks = try manifest.tracks(settings, of: model.stems)
            while let input = try tracks.next() {
                if try !run(plan.planned(input)) { return end() }
            }
        } else {
            for track in plan.tracks {
                if try !run(track) { return end() }
            }
        }
        try runDeferred()
        return end()
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
        if skip(track) {
            return true
        } else if let failure = quarantine(track) {
            events.ended(quarantined(track, failure))
        } else if settings.isDryRun {
            report(track, status: .planned)
        } else {
            if track.isRecorded { model.beginIdentity() }
            let separator = try loadedSeparator()
            guard let claim = claim(track) else {
                reporter.detail(
                    "\(track.input.label): another run separates it; it is left for later")
                deferred.append(track)
                return true
            }
            defer { claim.end() }
            // Another run may have finished the track just before the claim.
            if skip(track) { return true }
            sweep(track)
            let label = trackCount.map { $0 > 1 ? "\(trackNumber)/\($0)" : "" } ?? "\(trackNumber)"
            let failures = countTry(track)
            let result = separate(track, label: label, with: separator)
            recordOutcome(result, track, after: failures)
            events.ended(result)
            if result.status == .failed, settings.failedList != nil {
                failedPaths.append(track.input.path)
            }
            if result.status == .done { keepFiles(of: track) }
            if isPipeClosed || events.count(.interrupted) > 0 { return false }
            if let note = notes.next(
                done: trackNumber, of: trackCount, separated: events.count(.done),
                seconds: (ContinuousClock.now - start).seconds)
            {
                reporter.status(note)
            }
            if result.status == .done { refusals = 0 }
            if result.failure?.kind == .noRoom { refusals += 1 }
            if refusals == Self.mostRefusals {
                reporter.error(
                    "stopped: the files of \(refusals) tracks in a row could not be written. Make room "
                        + "on the disk and run the same command again")
                return false
            }
        }
        return true
    }

    /// Reports a track that is done, if such tracks are left out.
    private mutating func skip(_ track: PlannedTrack) -> Bool {
        guard let record = recordOfSameResult(track) else { return false }
        sweep(track)
        report(track, status: .skipped, record)
        keepFiles(of: track)
        return true
    }

    /// A full disk refuses all tracks; a name that it can't hold refuses one.
    private static let mostRefusals = 10

    // MARK: - Other runs in the same folder

    /// Keeps other runs from separating the track at the same time; nil if one already does.
    private func claim(_ track: PlannedTrack) -> TrackClaim? {
        guard track.isRecorded, let place = track.record else { return TrackClaim() }
        return TrackClaim(place)
    }

    /// Separates the tracks that other runs were separating, unless they are done now.
    private mutating func runDeferred() throws {
        while !deferred.isEmpty {
            let waiting = deferred
            deferred = []
            for track in waiting {
                if try !run(track, isLast: true) { return }
            }
            if deferred.count == waiting.count { usleep(200_000) }
        }
    }

    /// Removes what killed runs left in the folders of a track.
    private mutating func sweep(_ track: PlannedTrack) {
        let folders = track.folders + (track.record.map { [FilePath.folder(of: $0.path)] } ?? [])
        for folder in folders where sweptFolders.insert(folder).inserted {
            TemporaryFiles.removeLeftovers(in: folder)
        }
    }

    private mutating func keepFiles(of track: PlannedTrack) {
        if manifest != nil { return }
        for path in track.paths {
            if let file = FilePath.status(path)?.file { finishedFiles[file] = track.input.label }
        }
    }

    // MARK: - Tracks that are skipped or planned

    /// The record of a track that an earlier run finished with the same result; nil for all others
    /// and if such tracks are not left out.
    private mutating func recordOfSameResult(_ track: PlannedTrack) -> SeparationRecord? {
        guard let place = track.record, let record = place.read(),
            // Another run may have finished the track since this one began.
            settings.skipsExisting && !settings.isForced || place.isNewer(than: startNanoseconds),
            record.covers(
                track, model: identity(), parameters: parameters(of: track),
                seed: request(of: track).shifts > 0 ? request(of: track).seed : nil),
            !request(of: track).analyzes || record.tempoBpm != nil || record.key != nil
        else { return nil }
        return record
    }

    // MARK: - Options of a track

    /// The track's request, or that of the command.
    func request(of track: PlannedTrack) -> SeparationRequest {
        track.input.request ?? settings.request
    }

    /// The track's options with the seed that will be used; nil without shifts.
    func options(of track: PlannedTrack) -> SeparationOptions {
        var options = request(of: track).separation
        options.seed = options.shifts > 0 ? options.seed ?? seed : nil
        return options
    }

    func outputs(of track: PlannedTrack) -> [NamedSignal] {
        track.input.outputs ?? outputs
    }

    func stemFile(of track: PlannedTrack) -> StemFileOutput? {
        guard let ffmpeg, let path = track.stemFilePath, let format = settings.stemFile else {
            return nil
        }
        return StemFileOutput(
            path: path, format: format,
            parts: stemFileParts.map {
                // Capitalised as in DJ software: "Drums".
                NamedSignal($0.name.prefix(1).uppercased() + $0.name.dropFirst(), $0.signal)
            }, ffmpeg: ffmpeg)
    }

    func parameters(of track: PlannedTrack) -> SeparationParameters {
        SeparationParameters(
            settings, request(of: track), of: model, outputs: outputs(of: track),
            stemFileParts: stemFileParts, format: plan.format, precision: precision)
    }

    /// The checksums of the model, computed once; nil if a file can't be read.
    mutating func identity() -> ModelIdentity? {
        let identity = model.identity
        if let identity { events.model?.sha256 = identity.checkpoints }
        return identity
    }

    /// Reports a track that isn't separated, and its files.
    private mutating func report(
        _ track: PlannedTrack, status: SeparationEvents.Status, _ record: SeparationRecord? = nil
    ) {
        if status == .planned {
            reporter.status("Would separate \(track.input.label)")
            track.paths.forEach(reporter.file)
        } else {
            reporter.status("Already done: \(track.input.label)")
        }
        // A record has the same outputs, in the same order.
        let names = outputs(of: track).map(\.name) + [settings.stemFile?.fileExtension ?? ""]
        let files = zip(names, track.paths).enumerated().map { index, file -> JSONObject in
            let known = record?.outputs[index]
            return [
                "stem": file.0, "path": file.1, "peak": known?.peak, "gain": known?.gain,
                "duration_seconds": known?.durationSeconds, "bytes": known?.file.bytes,
                "sha256": known?.file.sha256,
            ]
        }
        let known: JSONObject = [
            "seed": record?.seed, "tempo_bpm": record?.tempoBpm, "key": record?.key,
        ]
        events.ended(result(of: track, status, known, outputs: files))
    }

    // MARK: - Model

    /// Loads the model for the first track that needs it: if all are skipped, no weights are read.
    private mutating func loadedSeparator() throws -> Separator {
        if let separator { return separator }
        let wasLoaded = model.separator != nil
        let loaded = try model.load(
            stems: neededStems, threads: settings.threads,
            segmentsInParallel: max(1, settings.jobs), precision: precision)
        try loaded.validate(settings.request.separation)
        try manifest?.validateSegments { try loaded.validate($0) }
        if !wasLoaded {
            loaded.model.warnings.forEach(reporter.warning)
            loaded.precisionWarning.map(reporter.warning)
        }
        for checkpoint in model.files.allCheckpoints { reporter.detail("Checkpoint \(checkpoint)") }
        reporter.detail("Stems \(loaded.model.sources.joined(separator: ", "))")
        reporter.detail("Engine \(loaded.engineDescription)")
        // An unwritable folder ends the run before the first track.
        folder = try plan.folder.map { try OutputFolder(making: $0) }
        if let folder { names = NameComparison(probing: folder.path) }
        if settings.request.shifts > 0 { reporter.status("Seed \(seed)") }
        separator = loaded
        return loaded
    }

    /// The stems to compute, in the model's order; nil for all.
    private var neededStems: [String]? {
        if manifest?.mayHaveStems == true { return nil }
        let needed = Set((outputs + stemFileParts).flatMap(\.signal.stems))
        let stems = model.stems.all.filter(needed.contains)
        return stems.count == model.stems.all.count ? nil : stems
    }

    // MARK: - Summary

    private func end() -> RunOutcome {
        let seconds = (ContinuousClock.now - start).seconds
        let failed = events.count(.failed)
        var outcome: RunOutcome =
            events.count(.interrupted) > 0 || cancellation.isCancelled
            ? .interrupted : isPipeClosed ? .pipeClosed : failed == 0 ? .done : .trackFailed
        if events.count > 1 || manifest != nil, !settings.isDryRun {
            let skipped = events.count(.skipped)
            let quarantined = events.count(.quarantined)
            reporter.status(
                "\(events.count(.done)) of \(events.count) tracks separated"
                    + (skipped > 0 ? ", \(skipped) already done" : "")
                    + (quarantined > 0 ? ", \(quarantined) in quarantine" : "")
                    + " in \(seconds.clockText)")
            if failed > 0 {
                // The names of all tracks of a manifest might not fit into memory.
                let names = events.tracks.filter { $0.status == .failed }.map(\.name)
                reporter.error(
                    "\(failed) of \(events.count) tracks failed"
                        + (names.isEmpty ? "" : ": " + names.joined(separator: ", ")))
            }
        }
        if !settings.isDryRun, let path = settings.failedList, !writeFailed(to: path),
            outcome == .done
        {
            outcome = .trackFailed
        }
        events.manifest(outcome)
        return outcome
    }
}
