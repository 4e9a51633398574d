// Separates a track of a run: the stems, their files, what a record has of them.

import Analysis
import Demucs
import System

extension SeparationRun {
    /// Loads the model for the first track that needs it: if all are skipped, no weights are read.
    mutating func loadedSeparator() throws -> Separator {
        if let separator { return separator }
        let isNew = plan.model.separator == nil
        let loaded = try plan.load()
        if isNew {
            loaded.model.warnings.forEach(reporter.warning)
            loaded.precisionWarning.map(reporter.warning)
        }
        for path in plan.model.files.allCheckpoints { reporter.detail("Checkpoint \(path)") }
        reporter.detail("Stems \(loaded.model.sources.joined(separator: ", "))")
        reporter.detail("Engine \(loaded.engineDescription)")
        // An unwritable folder ends the run before the first track.
        folder = try plan.files.folder.map { try OutputFolder(making: $0) }
        ledger.makeFolder().map(reporter.warning)
        if let folder { names = NameComparison(probing: folder.path) }
        if plan.settings.request.shifts > 0 { reporter.status("Seed \(plan.seed)") }
        if plan.settings.request.precisionChoice == .auto {
            reporter.status("Precision \(loaded.precision.rawValue)")
        }
        reporter.loaded(
            modelCount: plan.model.files.allCheckpoints.count, folder: folder?.path)
        separator = loaded
        return loaded
    }

    /// Separates a track. A failure doesn't end the run.
    ///
    /// - Returns: the result for the report, and for the record of a track that is done.
    mutating func separate(
        _ track: PlannedTrack, label: String, with separator: Separator
    ) -> (SeparationEvents.Track, SeparationRecord?) {
        let start = ContinuousClock.now
        restartPeakResidentBytes()
        let limit = plan.settings.timeoutSeconds.map { seconds in
            CancellationToken(within: cancellation) {
                ContinuousClock.now >= start + .seconds(seconds)
            }
        }
        do {
            let (report, analysis, record) = try separateFiles(
                track, label: label, with: separator, cancellation: limit ?? cancellation)
            let seconds = (ContinuousClock.now - start).seconds
            report.outputs.compactMap(\.path).forEach(reporter.file)
            reporter.status(
                "Done: \(report.durationSeconds.clockText) in "
                    + "\(seconds.fixed(1)) s")
            return (result(of: track, report, analysis, seconds: seconds), record)
        } catch is CancellationError where cancellation.isCancelled {
            // A run whose reader has gone prints no message, as is usual in pipelines.
            return (isPipeClosed ? result(of: track, .interrupted) : interrupted(track), nil)
        } catch AudioError.readerGone(let path) {
            isPipeClosed = true
            let error = AudioError.readerGone(path: path)
            return (result(of: track, .failed, ["error": "\(error)"]), nil)
        } catch {
            let failure =
                error is CancellationError
                ? TrackFailure(timeoutSeconds: plan.settings.timeoutSeconds ?? 0, of: track.input)
                : TrackFailure(error, of: track.input)
            reporter.error(failure.text)
            let seconds = (ContinuousClock.now - start).seconds
            return (result(of: track, .failed, failure: failure, seconds: seconds), nil)
        }
    }

    /// Reports an interruption and how to resume.
    func interrupted(_ track: PlannedTrack) -> SeparationEvents.Track {
        reporter.interrupted(
            track.input.label, done: events.count(.done) + events.count(.skipped),
            of: plan.trackCount)
        return result(of: track, .interrupted)
    }

    /// Separates a track into files.
    ///
    /// - Throws: `AudioError`, `SeparationError`, `CancellationError`.
    private mutating func separateFiles(
        _ track: PlannedTrack, label: String, with separator: Separator,
        cancellation: CancellationToken
    ) throws -> (TrackReport, MusicAnalysis?, SeparationRecord?) {
        try cancellation.check()
        let path = track.input.path
        let before = FilePath.status(path)
        let request = plan.request(of: track)
        let spool = Spool(
            folder: plan.settings.output.spoolFolder, otherFolder: folder?.path,
            limits: SpoolLimits(seconds: request.excerpt?.endSeconds),
            allFormats: plan.settings.takesAllFormats
        ) { cancellation.isCancelled }
        let input =
            track.input.isStandardInput
            ? try AudioInput(standardInput: spool) : try AudioInput(path: path, spool: spool)
        let checksum = ledger.keeps(track) ? PendingChecksums(of: [path], self.cancellation) : nil
        try track.checkPaths(ledger.taken, names, below: plan.settings.folder)
        try folder?.checkDisk()
        let folders = try track.folders.map { try OutputFolder(making: $0) }
        defer {
            for folder in folders.reversed() { folder.removeIfEmpty() }
        }
        reporter.begin(track.input.label, label: label)
        let report: TrackReport
        let analyzer = request.analyzes ? TrackAnalyzer() : nil
        do {
            defer { reporter.end() }
            report = try separator.separate(
                input, excerpt: request.excerpt, into: track.outputs(plan.outputs(of: track)),
                stemFile: plan.stemFile(of: track), output: plan.outputOptions,
                options: plan.options(of: track), maximumSeconds: plan.settings.maximumSeconds,
                observer: analyzer,
                cancellation: cancellation,
                progress: { progress in
                    let left = reporter.progress(progress)
                    if progress.isBegin { return }
                    events.progress(progress, of: track.input, secondsLeft: left)
                    if isReaderGone() { self.cancellation.cancel() }
                })
        }
        for warning in report.warnings { reporter.warning("\(warning)") }
        let analysis = analyzer?.analysis
        let record = record(track, report, analysis, checksum, unchangedSince: before)
        return (report, analysis, record)
    }

    /// What a record has of a track; nil if the input can't be reread or has changed.
    ///
    /// - Parameter checksum: SHA-256 of the input.
    private func record(
        _ track: PlannedTrack, _ report: TrackReport, _ analysis: MusicAnalysis?,
        _ checksum: PendingChecksums?, unchangedSince before: stat?
    ) -> SeparationRecord? {
        guard let checksum = try? checksum?().first, let model = try? plan.model.identity,
            let input = SeparationRecord.File(track.input.path, sha256: checksum),
            let before, input.isSame(as: before)
        else { return nil }
        let outputs = report.outputs.compactMap { output -> SeparationRecord.Output? in
            guard let path = output.path,
                let file = SeparationRecord.File(path, sha256: output.sha256)
            else { return nil }
            return .init(
                stem: output.name, file: file, peak: output.peak, gain: output.gain,
                durationSeconds: output.durationSeconds)
        }
        guard outputs.count == report.outputs.count else { return nil }
        return SeparationRecord(
            model: model, parameters: plan.parameters(of: track), seed: report.seed, input: input,
            outputs: outputs, isAnalyzed: analysis.map { _ in true },
            tempoBpm: analysis?.beatsPerMinute, key: analysis?.key?.description)
    }
}
