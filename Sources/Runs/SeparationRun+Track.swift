// Separates a track of a run: the stems, their files, the record beside them.

import Analysis
import Demucs
import System

extension SeparationRun {
    /// Separates a track and reports the result. A failure doesn't end the run.
    mutating func separate(
        _ track: PlannedTrack, label: String, with separator: Separator
    ) -> SeparationEvents.Track {
        let start = ContinuousClock.now
        restartPeakResidentBytes()
        let limit = settings.timeoutSeconds.map { seconds in
            CancellationToken(within: cancellation) {
                ContinuousClock.now >= start + .seconds(seconds)
            }
        }
        do {
            let (report, analysis) = try separateFiles(
                track, label: label, with: separator, cancellation: limit ?? cancellation)
            let seconds = (ContinuousClock.now - start).seconds
            report.outputs.compactMap(\.path).forEach(reporter.file)
            reporter.status(
                "Done: \(report.durationSeconds.clockText) in "
                    + "\(seconds.fixed(1)) s")
            return result(of: track, report, analysis, seconds: seconds)
        } catch is CancellationError where cancellation.isCancelled {
            return interrupted(track)
        } catch AudioError.readerGone {
            // No message, as is usual in pipelines.
            isPipeClosed = true
            return result(of: track, .failed)
        } catch {
            let failure =
                error is CancellationError
                ? TrackFailure(timeoutSeconds: settings.timeoutSeconds ?? 0, of: track.input)
                : TrackFailure(error, of: track.input)
            reporter.error(failure.text)
            let seconds = (ContinuousClock.now - start).seconds
            return result(of: track, .failed, failure: failure, seconds: seconds)
        }
    }

    /// Reports an interruption and how to resume.
    func interrupted(_ track: PlannedTrack) -> SeparationEvents.Track {
        reporter.interrupted(
            track.input.label, done: events.count(.done) + events.count(.skipped), of: trackCount)
        return result(of: track, .interrupted)
    }

    /// Separates a track into files, with a record beside them.
    ///
    /// - Throws: `AudioError`, `SeparationError`, `CancellationError`.
    private mutating func separateFiles(
        _ track: PlannedTrack, label: String, with separator: Separator,
        cancellation: CancellationToken
    ) throws -> (report: TrackReport, analysis: MusicAnalysis?) {
        try cancellation.check()
        let path = track.input.path
        let before = FilePath.status(path)
        let spool = Spool(
            folder: settings.output.spoolFolder, otherFolder: folder?.path,
            allFormats: settings.takesAllFormats
        ) { cancellation.isCancelled }
        let input =
            track.input.isStandardInput
            ? try AudioInput(standardInput: spool) : try AudioInput(path: path, spool: spool)
        let checksum = track.isRecorded ? PendingChecksums(of: [path], self.cancellation) : nil
        try track.checkPaths(others: finishedFiles, names, below: settings.folder)
        try folder?.checkDisk()
        let folders = try track.folders.map { try OutputFolder(making: $0) }
        defer {
            for folder in folders.reversed() { folder.removeIfEmpty() }
        }
        reporter.status("Separating \(label.isEmpty ? "" : label + " ")\(track.input.label)")

        reporter.begin(label: label)
        let report: TrackReport
        let analyzer = request(of: track).analyzes ? TrackAnalyzer() : nil
        do {
            defer { reporter.end() }
            report = try separator.separate(
                input, excerpt: request(of: track).excerpt, into: track.outputs(outputs(of: track)),
                stemFile: stemFile(of: track), output: outputOptions, options: options(of: track),
                maximumSeconds: settings.maximumSeconds, observer: analyzer,
                cancellation: cancellation,
                progress: { progress in
                    let left = reporter.progress(progress)
                    if progress.isBegin { return }
                    events.progress(progress, of: track.input, secondsLeft: left)
                    // The program that writes the manifest has ended.
                    if settings.isFollowing, reporter.isReaderGone { self.cancellation.cancel() }
                })
        }
        for warning in report.warnings { reporter.warning("\(warning)") }
        let analysis = analyzer?.analysis
        record(track, report, analysis, checksum, unchangedSince: before)
        return (report, analysis)
    }

    private var outputOptions: OutputOptions {
        var options = settings.output
        options.format = plan.format
        return options
    }

    /// Writes the record, unless the input can't be reread or has changed.
    ///
    /// - Parameter checksum: SHA-256 of the input.
    private mutating func record(
        _ track: PlannedTrack, _ report: TrackReport, _ analysis: MusicAnalysis?,
        _ checksum: PendingChecksums?, unchangedSince before: stat?
    ) {
        guard let place = track.record, let model = identity(), let checksum = checksum?()?.first,
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
        place.write(
            SeparationRecord(
                model: model, parameters: parameters(of: track), seed: report.seed, input: input,
                outputs: outputs, tempoBpm: analysis?.beatsPerMinute,
                key: analysis?.key?.description))
    }
}
