// Requests for the results of jobs.

import Demucs
import System

extension Service {
    func stem(_ request: Request) throws -> Reply {
        let (job, part) = try jobWithStems(try job(of: request), for: request)
        let file = request.parameters["file"] ?? ""
        guard let format = SeparationRequest.Format(rawValue: FilePath.pathExtension(of: file)),
            let stem = job.stems.first(where: { $0.name == FilePath.stem(of: file) })
        else {
            let names = job.stems.map(\.name).joined(separator: ", ")
            throw Problem(
                .notFound,
                "There is no stem '\(file.prefix(100))', expected one of \(names), with "
                    + "\(OutputFormat.Container.endings).")
        }
        if let part { return try growingStem(request, stem, format, of: job, part) }
        return try reply(request, stem, of: job, format)
    }

    /// A running job that has stems, and their finished part; or a job with results, and no part.
    private func jobWithStems(
        _ job: Job, for request: Request
    ) throws(Problem) -> (Job, GrowingStems.Part?) {
        if !job.stems.isEmpty, let part = queue.growing(job)?.part { return (job, part) }
        // The job may have ended since it was read.
        return (try jobWithResults(of: request), nil)
    }

    /// A range of a stem of a running job, which ends where the finished part does.
    private func growingStem(
        _ request: Request, _ stem: Job.Stem, _ format: SeparationRequest.Format, of job: Job,
        _ part: GrowingStems.Part
    ) throws -> Reply {
        let (total, ready) = (part.fileBytes(part.sampleCount), part.fileBytes(part.readySamples))
        guard format == .wav, let text = request.header("range"),
            case .part(let range) = ByteRange(text, of: total), range.lowerBound < ready
        else {
            throw Problem(
                .conflict,
                "The stem is finished up to \(part.readySeconds.fixed(2)) s. Ask for a range of its WAV "
                    + "file up to there, or wait for the end with /v1/separations/\(job.id)/events."
            )
        }
        guard let file = try folder.open(folder.growing(job.id), stem.file) else {
            throw Problem(.conflict, "The job has just ended. Ask for the job, and then again.")
        }
        let end = min(range.upperBound, ready)
        return Reply(
            206,
            headers: [
                ("Content-Type", format.mediaType), ("Cache-Control", "no-store"),
                ("Accept-Ranges", "bytes"),
                ("Content-Range", "bytes \(range.lowerBound)-\(end - 1)/\(total)"),
            ],
            body: .file(
                descriptor: file.descriptor, offset: range.lowerBound,
                count: end - range.lowerBound))
    }

    func reply(
        _ request: Request, _ stem: Job.Stem, of job: Job, _ format: SeparationRequest.Format
    ) throws -> Reply {
        let range = try timeRange(of: request, job)
        let name = try fileName(request, job, stem.name, range, format.rawValue)
        let file = try derivedFiles.stem(stem, of: job, range, format: format, for: request)
        let key = range.key.replacing(" ", with: "-")
        return Reply.file(
            request, file, type: format.mediaType,
            tag: "\(stem.sha256.prefix(32))\(key)-\(format.rawValue)", name: name)
    }

    /// The part of the stems that a request asks for.
    private func timeRange(of request: Request, _ job: Job) throws(Problem) -> TimeRange {
        try TimeRange(request, of: job.durationSeconds ?? 0, rateHz: job.rateHz)
    }

    /// File name for saving: `song - vocals.wav`, with the part and with what the request names of
    /// the music, `song - vocals 12.00-16.00 121.9 BPM F# minor.wav`.
    private func fileName(
        _ request: Request, _ job: Job, _ part: String, _ range: TimeRange, _ ending: String
    ) throws -> String {
        var name = "\(FilePath.stem(of: job.name)) - \(part)\(range.label)"
        let words = request.query("named").map { $0.split(separator: ",").map(String.init) } ?? []
        for word in words where !Service.nameWords.contains(word) {
            throw Problem.option(
                "named", value: word,
                expected: "one or more of " + Service.nameWords.joined(separator: ", "))
        }
        if !words.isEmpty {
            let music = try derivedFiles.musicInNames(of: job, for: request)
            name += words.compactMap { music[$0].map { " \($0)" } }.joined()
        }
        return Reply.safeName("\(name).\(ending)")
    }

    /// The parts of an analysis for names of files.
    static let nameWords = ["tempo", "key"]

    func zip(_ request: Request) throws -> Reply {
        let job = try jobWithResults(of: request)
        let format = try format(request) ?? job.options.format
        let range = try timeRange(of: request, job)
        let name = try fileName(request, job, "stems", range, "zip")
        var entries: [ZipStream.Entry] = []
        do {
            for stem in job.stems {
                let file = try derivedFiles.stem(stem, of: job, range, format: format, for: request)
                entries.append(
                    ZipStream.Entry(
                        name: Reply.safeName("\(stem.name).\(format.rawValue)"),
                        descriptor: file.descriptor, bytes: file.bytes))
            }
        } catch {
            for entry in entries { entry.closeFile() }
            throw error
        }
        let stream = try ZipStream(libraries, entries, modified: job.created)
        return Reply(
            200,
            headers: [
                ("Content-Type", "application/zip"), ("Cache-Control", "private, no-cache"),
                ("Content-Disposition", Reply.disposition(name)),
            ], body: .stream(stream, bytes: try ZipStream.bytes(of: entries, libraries)))
    }

    private func format(_ request: Request) throws(Problem) -> SeparationRequest.Format? {
        guard let text = request.query("format") else { return nil }
        guard let format = SeparationRequest.Format(rawValue: text) else {
            let formats = SeparationRequest.Format.allCases.map(\.rawValue)
            throw .option(
                "format", value: text, expected: "one of " + formats.joined(separator: ", "))
        }
        return format
    }

    func mix(_ request: Request) throws -> Reply {
        let job = try jobWithResults(of: request)
        let format = try format(request) ?? job.options.format
        let range = try timeRange(of: request, job)
        // Sums that repeat other stems are silent unless the request names them.
        var strips = job.stems.map { MixStrip(gain: $0.isPart ? 1 : 0) }
        let others = ["format", "from", "to", "named"]
        for (name, value) in request.target.query where !others.contains(name) {
            if let index = job.stems.firstIndex(where: { $0.name == name }) {
                guard let gain = Float(value), gain >= 0, gain <= 4 else {
                    throw Problem.option(name, value: value, expected: "a volume from 0 to 4")
                }
                strips[index].gain = gain
            } else if let index = job.stems.firstIndex(where: { "\($0.name).pan" == name }) {
                guard let pan = Float(value), pan >= -1, pan <= 1 else {
                    throw Problem.option(
                        name, value: value, expected: "a place from -1 (left) to 1 (right)")
                }
                strips[index].pan = pan
            } else {
                throw Problem.unknownField(
                    name, "stem, stem.pan or field of a mix",
                    among: job.stems.map(\.name) + others)
            }
        }
        let fileName = try fileName(request, job, "mix", range, format.rawValue)
        let mix = try derivedFiles.mix(job, strips: strips, range, format: format, for: request)
        return Reply.file(
            request, mix.file, type: format.mediaType, tag: "\(mix.tag)-\(format.rawValue)",
            name: fileName)
    }

    func stemFile(_ request: Request) throws -> Reply {
        let job = try jobWithResults(of: request)
        let parts = job.stems.filter(\.isPart)
        guard parts.count == StemFileFormat.stemCount else {
            throw Problem(.conflict, "A stem file has four stems, not the job's \(parts.count).")
        }
        let name = try fileName(request, job, "stems", TimeRange(), "stem.mp4")
        let file = try derivedFiles.stemFile(of: job, parts, ffmpeg(), for: request)
        return Reply.file(
            request, file, type: "audio/mp4", tag: "\(job.key.prefix(32))-stem", name: name)
    }

    /// The track that is installed with the program, for a first try on the page; or one of its
    /// true stems, which lie beside it.
    func exampleTrack(_ request: Request) throws -> Reply {
        let names = ["drums.ogg", "bass.ogg", "other.ogg", "vocals.ogg"]
        let stem = request.parameters["file"]
        let missing = Problem(.notFound, "This installation has no such example.")
        guard let example, stem.map({ names.contains($0) }) ?? true else { throw missing }
        let path = stem.map { "\(FilePath.folder(of: example))/demo_stems/\($0)" } ?? example
        guard let file = try OpenFile(open(path, O_RDONLY | O_CLOEXEC)) else { throw missing }
        return Reply.file(
            request, file, type: "audio/ogg", tag: "example-\(file.bytes)",
            name: stem ?? "demo_track.ogg")
    }

    /// Points of a waveform, by default and at most.
    static let points = 1000
    static let mostPoints = 50_000

    func peaks(_ request: Request) throws -> Reply {
        let known = try job(of: request)
        let points = try number(
            request, "points", in: 1...Service.mostPoints, "a whole number to \(Service.mostPoints)"
        )
        let (job, part) = try jobWithStems(known, for: request)
        let range =
            try part.map { part throws(Problem) in
                let rateHz = part.header.sampleRateHz
                let seconds = Double(part.sampleCount) / Double(rateHz)
                return try TimeRange(request, of: seconds, rateHz: rateHz)
            } ?? timeRange(of: request, job)
        let peaks = try derivedFiles.peaks(
            of: job, range, mostPoints: points ?? Service.points, part: part, for: request)
        return .json(peaks, cache: part == nil ? "private, no-cache" : "no-store")
    }

    func analysis(_ request: Request) throws -> Reply {
        .json(try derivedFiles.analysis(of: try jobWithResults(of: request), for: request))
    }
}
