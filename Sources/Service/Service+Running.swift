// Runs jobs: separates their sounds, or takes the results of equal jobs.

import Audio
import Demucs
import System

extension Service {
    /// Runs jobs until the queue is closed. Jobs stay queued until the service's own model is loaded:
    /// only then is its name known.
    func runJobs() {
        while let (job, cancellation) = queue.startNext(isReady: {
            models.readiness == .ready && machine.takesJobs
        }) {
            var job = job
            do {
                if let known = queue.done(like: job),
                    linkResults(of: known, to: folder.unfinishedResults(of: job.id)),
                    publishResults(of: job.id)
                {
                    job.takeResults(of: known)
                } else {
                    try separate(&job, cancellation)
                }
                job.state = .done
                machine.worked()
            } catch is CancellationError {
                // A client or the end of the service cancelled the job.
                if queue.isCancelRequested(job) { keepFinishedPart(of: &job) }
            } catch {
                let problem = Problem(error)
                // The stems may have been complete, as when only their analysis failed.
                job.stems = []
                job.stemRateHz = nil
                if problem.isOfMachine, queue.startsAgain(job) {
                    machine.failed(problem)
                } else {
                    job.state = .failed
                    job.failure = problem
                }
            }
            queue.end(job)
        }
    }

    /// Makes a folder with the results of a job, as hard links to the same files.
    ///
    /// - Returns: false if that fails.
    func linkResults(of known: Job, to folder: String) -> Bool {
        DataFolder.remove(folder)
        guard mkdir(folder, 0o700) == 0 else { return false }
        for stem in known.stems
        where link("\(self.folder.results(of: known.id))/\(stem.file)", "\(folder)/\(stem.file)")
            != 0
        {
            DataFolder.remove(folder)
            return false
        }
        synchronise(path: folder)
        return true
    }

    /// Makes the finished part of the stems the result of a cancelled job, for listening. Without a
    /// part, or if it can't be kept, the job has no stems.
    private func keepFinishedPart(of job: inout Job) {
        let results = folder.unfinishedResults(of: job.id)
        // Some stems may have been written already, in another format.
        DataFolder.remove(results)
        mkdir(results, 0o700)
        guard let kept = try? queue.growing(job)?.keep(in: results), publishResults(of: job.id)
        else { return }
        job.stems = kept.stems
        job.stemRateHz = kept.part.header.sampleRateHz
        job.durationSeconds = kept.part.readySeconds
        try? derivedFiles.store(Waveforms(kept.part.waveforms), of: job.id)
    }

    /// Gives complete results their final name.
    private func publishResults(of id: String) -> Bool {
        let unfinished = folder.unfinishedResults(of: id)
        synchronise(path: unfinished)
        DataFolder.remove(folder.results(of: id))
        // The folder above is synchronised with the record.
        return rename(unfinished, folder.results(of: id)) == 0
    }

    private func separate(_ job: inout Job, _ cancellation: CancellationToken) throws {
        let model = try models.model(job.model, then: job.options.then)
        // Not of the settings, which may be others than when the job came: its key has this precision.
        let separator = try models.separator(model, job.precision)
        let input = try JobInput(
            path: folder.input(job.id), name: job.name, in: folder, settings,
            isCancelled: { cancellation.isCancelled })
        let outputs = try JobPlan.check(job.options, model)
        let target = folder.unfinishedResults(of: job.id)
        DataFolder.remove(target)
        guard mkdir(target, 0o700) == 0 else {
            throw AudioError.unwritable(path: "the results", .last)
        }
        let files = outputs.indices.map { "\($0).\(job.options.format.rawValue)" }
        let growing = GrowingStems(outputs, in: folder.growing(job.id))
        queue.grow(job, growing)
        let (id, uploadedSeconds) = (job.id, job.durationSeconds)
        var lastSegment = Timestamp.uptime
        let report = try separator.separate(
            input.audio, excerpt: job.options.excerpt,
            into: Swift.zip(outputs, files).map {
                $0.written(to: .file("\(target)/\($1)"))
            },
            output: job.options.output(
                gain: SeparationRequest.jobGain, spoolFolder: folder.temporary),
            options: job.options.separation, observer: growing, cancellation: cancellation,
            progress: { progress in
                if !progress.isBegin {
                    let now = Timestamp.uptime
                    if progress.segmentsDone > 0 {
                        machine.worked()
                        metrics.countSegment(seconds: now - lastSegment)
                    }
                    lastSegment = now
                }
                queue.progress(id, done: progress.segmentsDone, total: progress.segmentsTotal)
                // A segment's stems are complete when the next one begins.
                if progress.isBegin { settings.gate(progress.segmentsDone, cancellation) }
            }, open: { WholeReader(try input.audio.reader(), leastSeconds: uploadedSeconds) })
        job.stemRateHz =
            job.options.outputRate == .input ? report.sampleRateHz : separator.model.sampleRateHz
        job.warnings = report.warnings.map { Problem.oneLine("\($0)") }
        job.stems = Swift.zip(report.outputs, Swift.zip(outputs, files)).map { written, planned in
            synchronise(path: "\(target)/\(planned.1)")
            return Job.Stem(
                name: written.name, file: planned.1, peak: written.peak,
                gain: Double(written.gain), bytes: written.bytes, sha256: written.sha256,
                isPart: planned.0.isPart)
        }
        guard publishResults(of: id) else {
            throw AudioError.unwritable(path: "the results", .last)
        }
        // Other clip modes change the samples by more than a factor.
        if let part = growing.part, job.options.clipMode == .rescale {
            let gains = report.outputs.map(\.gain)
            try? derivedFiles.store(
                Waveforms(part.waveforms, gains: gains, format: job.options.sampleFormat), of: id)
        }
        if job.options.analyzes {
            let analysis = try derivedFiles.analyze(job, goOn: cancellation.check)
            (job.tempoBpm, job.musicalKey) = (analysis.beatsPerMinute, analysis.key?.description)
        }
        // Until here the length of the upload, for a job that the machine ends.
        job.durationSeconds = report.durationSeconds
    }
}

/// The sound of a job. Messages use the job's label.
struct JobInput {
    let audio: AudioInput

    /// Opens a sound, and decodes it to a temporary copy if it needs ffmpeg.
    ///
    /// - Throws: `AudioError`, `Problem`, `CancellationError`.
    init(
        path: String, name: String, in folder: DataFolder, _ settings: ServiceSettings,
        isCancelled: @escaping @Sendable () -> Bool
    ) throws {
        // A pipe would be waited for; links are not followed.
        let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        guard let descriptor = try OpenFile(open(path, flags))?.descriptor else {
            throw Problem(.failed, "The sound has gone. Upload it again.")
        }
        let quota = settings.quotaBytes ?? .max
        let free = TemporaryFiles.freeBytes(in: folder.temporary) ?? .max
        let limits = settings.limits.ofCopies(bytes: min(quota, free))
        do {
            audio = try AudioInput(
                descriptor: descriptor, name: name,
                spool: Spool(folder: folder.temporary, limits: limits, isCancelled: isCancelled),
                ffmpeg: settings.allowsFFmpeg ? .onPath : nil)
        } catch AudioError.copyTooLarge where free < quota {
            throw Problem(
                .diskFull,
                "The service has no room for a copy of the sound: "
                    + "\(SeparationError.megabytes(free)) are free. Its owner has to make room.")
        } catch AudioError.ffmpegMissing(_, let reason) {
            let remedy =
                settings.allowsFFmpeg
                ? "install ffmpeg" : "allow ffmpeg"
            throw Problem(
                .notASound,
                "\(name): is not a sound file that this service decodes (\(reason)). Expected WAV, "
                    + "AIFF, FLAC, Ogg Vorbis, Opus or MP3. For M4A, AAC, WMA and videos, the "
                    + "operator of the service can \(remedy).")
        }
    }

    /// A file that is cut short is separated as far as it can be decoded, unless hardly anything is
    /// left of it.
    private static let leastDecodedShare = 0.01

    /// Properties of the sound, found by decoding it.
    struct Facts {
        let sampleCount: Int
        let sampleRateHz: Int
        let channels: Int
        let warnings: [String]

        var durationSeconds: Double { Double(sampleCount) / Double(sampleRateHz) }
    }

    /// Decodes the whole sound, up to the limits: a small file may hold days of silence.
    ///
    /// - Parameter goOn: called now and then; its error ends the check.
    /// - Throws: `AudioError`, `Problem`, the error of `goOn`.
    func check(_ limits: ServiceLimits, goOn: () throws -> Void) throws -> Facts {
        let reader = try audio.reader()
        var sampleCount = 0
        func refuse() throws(Problem) {
            try limits.refuse(
                channels: reader.channelCount, sampleRateHz: reader.sampleRateHz,
                seconds: Double(sampleCount) / Double(reader.sampleRateHz))
        }
        try refuse()
        while let block = try reader.next() {
            sampleCount += block.sampleCount
            try goOn()
            try refuse()
        }
        if sampleCount == 0 { throw reader.emptyError }
        let warnings = reader.warnings
        for case .truncated(_, let decoded, let announced?, _) in warnings
        where decoded < JobInput.leastDecodedShare * announced {
            throw Problem(
                .unusableSound,
                "\(audio.name): only \(decoded.fixed(3)) s of the announced \(announced.fixed(3)) s "
                    + "can be decoded. Send the whole file again, or export it again.")
        }
        return Facts(
            sampleCount: sampleCount, sampleRateHz: reader.sampleRateHz,
            channels: reader.channelCount,
            warnings: warnings.map { Problem.oneLine("\($0)") })
    }
}

extension ServiceLimits {
    /// Limits of the copies that ffmpeg makes.
    ///
    /// - Parameter bytes: most bytes of a copy.
    fileprivate func ofCopies(bytes: Int) -> SpoolLimits {
        SpoolLimits(seconds: seconds, bytes: bytes) { sound in
            try refuse(
                channels: sound.channelCount, sampleRateHz: sound.sampleRateHz,
                seconds: sound.announcedSeconds ?? 0)
        }
    }

    /// Refuses a sound beyond the limits.
    fileprivate func refuse(channels: Int, sampleRateHz: Int, seconds: Double) throws(Problem) {
        guard channels <= self.channels else {
            throw Problem(
                .unusableSound,
                "The sound has \(channels) channels, expected at most \(self.channels). Mix it down."
            )
        }
        guard sampleRateHz <= self.sampleRateHz else {
            throw Problem(
                .unusableSound,
                "The sound has \(sampleRateHz) samples a second, expected at most "
                    + "\(self.sampleRateHz). Resample it.")
        }
        guard seconds <= self.seconds else {
            throw Problem(
                .tooLarge,
                "The sound is longer than the \(Int(self.seconds)) seconds that the service takes. "
                    + "Cut it into parts.")
        }
    }
}
