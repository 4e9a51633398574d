// Requests that upload a sound.

import Audio
import Demucs
import Runs
import System

extension Service {
    /// Prepares to receive a sound, unless the request will certainly be refused.
    func beginUpload(_ request: Request) throws(Problem) {
        if request.route?.operation != .createJob { _ = try wanted(request) }
        let options = try SeparationRequest(fields: optionFields(of: request))
        // A missing model is reported before a gigabyte is sent.
        if models.failure != nil { throw models.noModel }
        try queue.checkRoom(for: request.user)
        let limit = settings.limits.bodyBytes
        // A form is a little larger than its file.
        if let bytes = request.announcedBytes, bytes > limit + (1 << 20) {
            throw Upload.tooLarge(limit)
        }
        if let bytes = request.announcedBytes,
            let free = TemporaryFiles.freeBytes(in: folder.uploads), bytes > free
        {
            throw Problem(
                .diskFull,
                "The service has no room for the \(bytes) bytes of the sound. Its owner has to make "
                    + "room.")
        }
        let type = request.header("content-type") ?? ""
        let isForm = type.prefixMatch(of: Request.form) != nil
        if type.lowercased().hasPrefix("multipart/"), !isForm {
            throw Problem(
                .badRequest, "The form is '\(type.prefix(60))', expected multipart/form-data.")
        }
        guard request.hasBody else {
            throw Problem(.badRequest, "The request has no body, expected a sound file.")
        }
        // A form may still have fields with other options.
        if !isForm, request.route?.operation == .createJob, models.readiness == .ready {
            do { try JobPlan.check(options, models.model(options.model, then: options.then)) } catch
            {
                throw Problem(error)
            }
        }
        let upload = try Upload(
            to: folder.newUpload(), limitBytes: limit, libraries: libraries,
            form: isForm ? request.connection : nil)
        upload.fileName = fileName(of: request)
        request.upload = upload
    }

    private func optionFields(of request: Request) -> [(name: String, value: String)] {
        request.target.query.filter {
            $0.name != "filename" && request.route?.operation != .convert
        }
    }

    /// The file's name from a header or from the query.
    private func fileName(of request: Request) -> String? {
        if let name = request.query("filename") { return name }
        if let name = request.header("x-filename") {
            return (try? RequestTarget.decoded(Substring(name), plusIsSpace: false)) ?? name
        }
        for part in (request.header("content-disposition") ?? "").split(separator: ";") {
            let sides = part.split(separator: "=", maxSplits: 1)
            guard sides.count == 2 else { continue }
            let value = sides[1].drop { $0 == " " }
            switch sides[0].filter({ $0 != " " }).lowercased() {
            case "filename*":
                if let name = value.split(separator: "'", omittingEmptySubsequences: false).last,
                    let decoded = try? RequestTarget.decoded(name, plusIsSpace: false)
                {
                    return decoded
                }
            case "filename": return value.filter { $0 != "\"" }
            default: break
            }
        }
        return nil
    }

    // MARK: - Jobs

    func createJob(_ request: Request) throws -> Reply {
        let job = try accept(request)
        guard let snapshot = queue.snapshot(job.id) else {
            throw Problem(.notFound, "The job was removed.")
        }
        var reply = Reply.json(snapshot.bytes)
        reply.status = 202
        reply.headers.append(("Location", "separations/\(job.id)"))
        return reply
    }

    /// Creates a job from a complete request.
    ///
    /// - Parameter wanted: what the address asks for; nil if it names no stem.
    private func accept(
        _ request: Request, for wanted: (stem: String, format: SeparationRequest.Format)? = nil
    ) throws -> Job {
        guard let upload = request.upload else { throw Problem(.badRequest, "There is no sound.") }
        let digest = try upload.finish()
        let given = optionFields(of: request) + upload.fields
        try Route.checkOnce(given)
        let more = wanted.map { fields(of: $0.stem, $0.format, besides: given) } ?? []
        let options = try SeparationRequest(fields: given + more)
        models.awaitOwn()
        let model = try models.model(options.model, then: options.then)
        let precision = try models.precision(of: model, options.precisionChoice)
        let outputs = try JobPlan.check(options, model)
        if let wanted {
            let (names, format) = (outputs.map(\.name), options.format.rawValue)
            let hasStem = names.contains(wanted.stem)
            if !hasStem || options.format != wanted.format {
                throw Problem(
                    .invalidOption,
                    "The options give \(hasStem ? format : names.joined(separator: ", ")), but the "
                        + "address asks for '\(hasStem ? wanted.format.rawValue : wanted.stem)'.")
            }
        }
        let id = Job.newID()
        let name = Job.label(upload.fileName)
        let facts = try slots.run(id, isUpload: true, for: request) {
            try input(upload, name, for: request).facts
        }
        let plan = try JobPlan(options, outputs, facts, model, settings.limits)
        let key = try ResultIdentity(
            input: digest, options, options.output(gain: SeparationRequest.jobGain), of: model,
            outputs: outputs, precision: precision
        ).digest
        func job(_ sequence: Int) -> Job {
            Job(
                id: id, sequence: sequence, name: name, created: Timestamp.now, options: options,
                model: model.name, precision: precision, key: key,
                inputBytes: upload.countBytes, outputs: outputs.map(\.name),
                durationSeconds: facts.durationSeconds,
                sampleRateHz: facts.sampleRateHz, channels: facts.channels,
                warnings: facts.warnings,
                owner: request.user)
        }
        if let known = queue.done(like: job(0)),
            let found = try acceptCopy(of: known, as: job)
        {
            return found
        }
        try plan.checkRoom(in: folder, quotaBytes: settings.quotaBytes)
        return try queue.accept(job) { entry in
            guard rename(upload.path, entry.input) == 0 else { throw SystemError.last }
        }
    }

    private struct NoCopy: Error {}

    /// Creates a job with the results of a finished one; nil if they can't be copied.
    private func acceptCopy(of known: Job, as make: (_ sequence: Int) -> Job) throws -> Job? {
        do {
            return try queue.accept { sequence in
                var job = make(sequence)
                job.state = .done
                job.started = job.created
                job.takeResults(of: known)
                return job
            } _: { entry in
                guard linkResults(of: known, to: entry.stems) else { throw NoCopy() }
            }
        } catch is NoCopy {
            return nil
        }
    }

    /// Opens and checks an uploaded sound.
    private func input(
        _ upload: Upload, _ name: String, for request: Request
    ) throws -> (sound: JobInput, facts: JobInput.Facts) {
        // The sound is opened and read on the request's own thread.
        nonisolated(unsafe) let ownRequest = request
        let sound = try JobInput(
            path: upload.path, name: name, in: folder, settings,
            isCancelled: { [slots] in (try? slots.check(ownRequest)) == nil })
        return (sound, try sound.check(settings.limits, goOn: { try slots.check(request) }))
    }

    // MARK: - Sounds in the reply to an upload

    /// An uploaded sound in another format, such as one that the page has rendered of a job.
    func convert(_ request: Request) throws -> Reply {
        let (stem, format) = try wanted(request)
        let name = request.parameters["file"] ?? ""
        let ffmpeg = name.hasSuffix(Service.m4a) ? try ffmpeg() : nil
        let given = try renderedTags(request)
        guard let upload = request.upload else { throw Problem(.badRequest, "There is no sound.") }
        let digest = try upload.finish()
        if let field = upload.fields.first {
            throw Problem.unknownField(field.name, "field of this form", among: ["file"])
        }
        let file = try slots.run("\(digest) \(name)", for: request) {
            let sound = try input(upload, Job.label(upload.fileName), for: request).sound
            return try derivedFiles.converted(
                sound, to: format, given ?? sound.audio.tags, ffmpeg, for: request)
        }
        let (type, ending) =
            ffmpeg == nil ? (format.mediaType, ".\(format.rawValue)") : ("audio/mp4", Service.m4a)
        let made = SHA256(of: "\(digest) \(request.rawTarget)").hexadecimal
        return Reply.file(
            request, file, type: type, tag: String(made.prefix(32)), name: stem + ending)
    }

    private static let m4a = ".m4a"

    /// The tags of the job's mix or stem that was rendered, with its tempo and key as they sound there;
    /// nil without a job.
    private func renderedTags(_ request: Request) throws -> AudioTags? {
        guard let id = request.query("job") else {
            let name = ["part", "bpm", "key"].first { request.query($0) != nil }
            if let name { throw Problem(.invalidOption, "'\(name)' has no effect without 'job'.") }
            return nil
        }
        request.parameters["id"] = id
        let job = try jobWithResults(of: request)
        let part = request.query("part") ?? "mix"
        let stem = job.stems.first { $0.name == part }
        if stem == nil, part != "mix" {
            let names = ["mix"] + job.stems.map(\.name)
            throw Problem.option(
                "part", value: part, expected: "one of " + names.joined(separator: ", "))
        }
        var tags = try derivedFiles.tags(of: job, stem: stem)
        (tags.beatsPerMinute, tags.key) = (request.query("bpm"), request.query("key"))
        if let bpm = tags.beatsPerMinute, !(1..<1000).contains(Double(bpm) ?? 0) {
            throw Problem.option("bpm", value: bpm, expected: "beats in a minute, such as 121.9")
        }
        if let key = tags.key, key.wholeMatch(of: /[A-G][#b]?(?:m| major| minor)?/) == nil {
            throw Problem.option("key", value: key, expected: "a key, such as F# minor")
        }
        return tags
    }

    func ffmpeg() throws(Problem) -> FFmpeg {
        if settings.allowsFFmpeg, let ffmpeg = FFmpeg.onPath { return ffmpeg }
        throw Problem(.notFound, "MP4 needs ffmpeg. The operator can install and allow it.")
    }

    private func wanted(
        _ request: Request
    ) throws(Problem) -> (stem: String, format: SeparationRequest.Format) {
        let file = request.parameters["file"] ?? ""
        // ffmpeg makes it of WAV.
        let isM4A = request.route?.operation == .convert && file.hasSuffix(Service.m4a)
        let ending = isM4A ? "wav" : FilePath.pathExtension(of: file)
        guard let format = SeparationRequest.Format(rawValue: ending)
        else {
            throw Problem(
                .notFound,
                "The address must end in \(OutputFormat.Container.endings), as in vocals.wav.")
        }
        return (FilePath.stem(of: file), format)
    }

    /// The fields that an address adds to those of its request.
    private func fields(
        of stem: String, _ format: SeparationRequest.Format,
        besides given: [(name: String, value: String)]
    ) -> [(name: String, value: String)] {
        let hasFormat = given.contains {
            SeparationRequest.formatNames.contains($0.name)
                && SeparationRequest.Field.truth($0.value) != false
        }
        var fields = hasFormat ? [] : [(name: "format", value: format.rawValue)]
        let names = given.map(\.name)
        if stem.hasPrefix("no_") {
            if !names.contains("two-stems") {
                fields.append(("two-stems", String(stem.dropFirst(3))))
            }
        } else if !names.contains("stems"), !names.contains("two-stems") {
            fields.append(("stems", stem))
        }
        return fields
    }

    func separateNow(_ request: Request) throws -> Reply {
        let (stem, format) = try wanted(request)
        let job = try accept(request, for: (stem, format))
        guard
            let done = queue.waitForEnd(
                job.id, isOver: { request.isAbandoned || models.failure != nil })
        else {
            if models.failure != nil {
                _ = try queue.cancelOrRemove(job.id)
                throw models.noModel
            }
            // The client has disconnected; at the end of the service the job stays in the queue.
            if request.isAbandoned { _ = try queue.cancelOrRemove(job.id) }
            throw Problem(.busy, "The service is stopping; the job continues after a restart.")
        }
        if let failure = done.failure { throw failure }
        guard done.state == .done, let found = done.stems.first(where: { $0.name == stem }) else {
            throw Problem(.conflict, "The job was cancelled.")
        }
        return try reply(request, found, of: done, format)
    }
}
