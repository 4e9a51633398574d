// Runs jobs one after the other.

import Audio
import Demucs
import Files
import HTDemucs
import LibC
import Tensor

/// A thread that takes jobs from the queue and separates their sounds.
struct JobRunner: Sendable {
    let book: JobBook
    let shelf: ModelShelf
    let folder: DataFolder
    let metrics: Metrics
    let ffmpeg: FFmpeg?

    /// Runs jobs until the book is closed. Jobs stay queued until the service's own model is loaded:
    /// only then the shelf knows its name.
    func run() {
        while let (job, cancellation) = book.startNext(isReady: { shelf.readiness == .ready }) {
            var job = job
            do {
                if let known = book.done(key: job.key), copyResults(of: known, to: job.id) {
                    job.takeResults(of: known)
                } else {
                    try separate(&job, cancellation)
                }
                job.state = .done
            } catch is CancellationError {
                DataFolder.remove(folder.unfinishedResults(of: job.id))
                // A client or the end of the service cancelled the job.
                book.putBack(job.id)
                continue
            } catch {
                let problem = Problem(error)
                job.state = .failed
                job.error = Problem(
                    problem.kind, problem.detail.replacing(folder.path, with: "the data folder"))
            }
            job.finished = Timestamp.now
            metrics.count(job)
            book.finish(job)
        }
    }

    /// Gives a job the results of another job, as hard links to the same files.
    ///
    /// - Returns: false if that fails.
    func copyResults(of known: Job, to id: String) -> Bool {
        let (from, to) = (folder.results(of: known.id), folder.unfinishedResults(of: id))
        DataFolder.remove(to)
        guard mkdir(to, 0o700) == 0 else { return false }
        for stem in known.stems where link("\(from)/\(stem.file)", "\(to)/\(stem.file)") != 0 {
            DataFolder.remove(to)
            return false
        }
        return publishResults(of: id)
    }

    /// Gives complete results their final name.
    private func publishResults(of id: String) -> Bool {
        let unfinished = folder.unfinishedResults(of: id)
        DataFolder.sync(unfinished)
        DataFolder.remove(folder.results(of: id))
        guard rename(unfinished, folder.results(of: id)) == 0 else { return false }
        DataFolder.sync(folder.results)
        return true
    }

    private func separate(_ job: inout Job, _ cancellation: CancellationToken) throws {
        let model = try shelf.model(job.model)
        let precision = try shelf.precision(of: model, job.options.precisionChoice)
        let separator = try shelf.separator(model, precision)
        let input = try JobInput(
            path: folder.input(job.id), name: job.name, ffmpeg: ffmpeg, folder: folder.temporary,
            isCancelled: { cancellation.isCancelled })
        let outputs = try job.options.outputs(ofSources: model.sources)
        let target = folder.unfinishedResults(of: job.id)
        DataFolder.remove(target)
        guard mkdir(target, 0o700) == 0 else {
            throw AudioError.unwritable(path: "the results", reason: SystemError.last.description)
        }
        let files = outputs.indices.map { "\($0).\(job.options.format.rawValue)" }
        let id = job.id
        var lastSegment = Timestamp.uptime
        let report = try separator.separate(
            input.audio, excerpt: job.options.excerpt,
            into: zip(outputs, files).map {
                StemOutput(name: $0.name, signal: $0.signal, to: .file("\(target)/\($1)"))
            },
            output: job.options.output(spoolFolder: folder.temporary),
            options: job.options.separation, cancellation: cancellation,
            progress: { progress in
                let now = Timestamp.uptime
                if progress.segmentsDone > 0 { metrics.countSegment(seconds: now - lastSegment) }
                lastSegment = now
                book.progress(id, done: progress.segmentsDone, total: progress.segmentsTotal)
            })
        job.durationSeconds = report.durationSeconds
        job.stemRateHz =
            job.options.outputRate == .input ? report.sampleRateHz : separator.model.sampleRateHz
        job.warnings = report.warnings.map { Problem.oneLine("\($0)") }
        job.stems = zip(report.outputs, zip(outputs, files)).map { written, planned in
            DataFolder.sync("\(target)/\(planned.1)")
            return Job.Stem(
                name: written.name, file: planned.1,
                peak: Double(written.peak.isFinite ? written.peak : 0), bytes: written.bytes,
                sha256: written.sha256, isPart: planned.0.isPart)
        }
        guard publishResults(of: id) else {
            throw AudioError.unwritable(path: "the results", reason: SystemError.last.description)
        }
    }
}

/// The sound of a job. Messages use the job's label.
struct JobInput {
    let audio: AudioInput

    /// - Parameter limitSeconds: little more is decoded by ffmpeg; nil for a sound whose length was
    ///   checked before.
    init(
        path: String, name: String, ffmpeg: FFmpeg?, folder: String, limitSeconds: Double? = nil,
        isCancelled: @escaping () -> Bool
    ) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            throw AudioError.unreadable(path: name, reason: SystemError.last.description)
        }
        do {
            audio = try AudioInput(
                descriptor: descriptor, name: name,
                spool: Spool(
                    folder: folder, limitSeconds: limitSeconds, isCancelled: isCancelled),
                ffmpeg: ffmpeg)
        } catch AudioError.ffmpegMissing(_, let reason) {
            throw AudioError.notAudio(path: name, reason: reason)
        }
    }

    /// Properties of the sound, found by decoding it.
    struct Facts {
        let durationSeconds: Double
        let sampleRateHz: Int
        let channels: Int
        let warnings: [String]
    }

    /// Decodes the whole sound, up to the limits: a small file may hold days of silence.
    ///
    /// - Throws: `AudioError`, `Problem`, `CancellationError`.
    func check(_ limits: ServiceLimits, isCancelled: () -> Bool) throws -> Facts {
        let reader = try audio.reader()
        guard reader.channelCount <= limits.channels else {
            throw Problem(
                .unusableSound,
                "The sound has \(reader.channelCount) channels, expected at most "
                    + "\(limits.channels). Mix it down.")
        }
        guard reader.sampleRateHz <= limits.sampleRateHz else {
            throw Problem(
                .unusableSound,
                "The sound has \(reader.sampleRateHz) samples a second, expected at most "
                    + "\(limits.sampleRateHz). Resample it.")
        }
        while try reader.next() != nil {
            if isCancelled() { throw CancellationError() }
            if Double(reader.decodedSamples) > limits.seconds * Double(reader.sampleRateHz) {
                throw Problem(
                    .tooLarge,
                    "The sound is longer than the \(Int(limits.seconds)) seconds that the service "
                        + "takes. Cut it into parts.")
            }
        }
        if reader.decodedSamples == 0 { throw reader.emptyError }
        return Facts(
            durationSeconds: Double(reader.decodedSamples) / Double(reader.sampleRateHz),
            sampleRateHz: reader.sampleRateHz, channels: reader.channelCount,
            warnings: reader.warnings.map { Problem.oneLine("\($0)") })
    }
}
