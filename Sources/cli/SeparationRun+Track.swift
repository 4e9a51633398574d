// A track of a run: separation, files, the record beside them.

import Demucs
import Files
import LibC

extension SeparationRun {
    /// Separates a track and reports the result. A failure doesn't end the run.
    mutating func separate(
        _ track: PlannedTrack, label: String, with separator: Separator
    ) -> SeparationEvents.Track {
        let name = track.input.path
        let start = ContinuousClock.now
        do {
            let report = try separateFiles(track, label: label, with: separator)
            let seconds = (ContinuousClock.now - start).seconds
            if !settings.isJSON { report.outputs.compactMap(\.path).forEach(console.result) }
            console.status(
                "Done: \(ProgressDisplay.clock(report.durationSeconds)) in "
                    + "\(seconds.fixed(1)) s")
            return .init(name, report, elapsedSeconds: seconds)
        } catch is CancellationError {
            return interrupted(track)
        } catch AudioError.readerGone {
            // As is usual in pipelines: no message.
            isPipeClosed = true
            return .init(name, .failed)
        } catch {
            let text = "\(error)".hasPrefix(name) ? "\(error)" : "\(name): \(error)"
            console.error(text)
            return .init(name, .failed, ["error": text])
        }
    }

    /// Says how to resume.
    func interrupted(_ track: PlannedTrack) -> SeparationEvents.Track {
        let done = events.count(.done) + events.count(.skipped)
        let count = plan.tracks.count
        console.error(
            "interrupted while separating \(track.input.path); "
                + (count == 1
                    ? "run the same command to separate it"
                    : "\(done) of \(count) tracks are done; run the same command with "
                        + "\(Option.skipExisting.long) for the rest"))
        return .init(track.input.path, .interrupted)
    }

    /// Separates a track into files, with a record beside them.
    ///
    /// - Throws: `AudioError`, `SeparationError`, `CancellationError`.
    private mutating func separateFiles(
        _ track: PlannedTrack, label: String, with separator: Separator
    ) throws -> TrackReport {
        try cancellation.check()
        let path = track.input.path
        let before = FilePath.status(path)
        let spool = Spool(folder: settings.output.spoolFolder) { [cancellation] in
            cancellation.isCancelled
        }
        let input =
            track.input.isStandardInput
            ? try AudioInput(standardInput: spool) : try AudioInput(path: path, spool: spool)
        try track.checkNames()
        let folders = try track.folders.map { try OutputFolder(making: $0) }
        for folder in folders { TemporaryFiles.removeLeftovers(in: folder.path) }
        defer {
            for folder in folders.reversed() { folder.removeIfEmpty() }
        }
        console.status(label.isEmpty ? "Separating \(path)" : "Separating \(label) \(path)")

        display.begin(label: label)
        let report: TrackReport
        do {
            defer { display.end() }
            report = try separator.separate(
                input, excerpt: settings.excerpt, into: track.outputs(outputs),
                output: outputOptions, options: options, cancellation: cancellation,
                progress: { progress in
                    if progress.segmentsDone == 0, events.tracks.isEmpty { reportStartup() }
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

    private func reportStartup() {
        guard let age = ProcessAge.seconds else { return }
        console.detail("\(age.fixed(2)) s from the start of the process to the first segment")
    }

    /// Writes the record, unless the input can't be reread or has changed.
    private mutating func record(
        _ track: PlannedTrack, _ report: TrackReport, unchangedSince before: stat?
    ) {
        guard let place = track.record, !track.input.isStandardInput,
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
        place.write(
            SeparationRecord(
                model: model, parameters: parameters, seed: report.seed, input: input,
                outputs: outputs))
    }
}
