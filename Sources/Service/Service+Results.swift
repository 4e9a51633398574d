// Requests for what jobs have made.

import Files

extension Service {
    func stem(_ request: Request) throws -> Reply {
        let job = try doneJob(of: request)
        let file = request.parameters["file"] ?? ""
        guard let format = JobOptions.Format(rawValue: FilePath.pathExtension(of: file)),
            let stem = job.stems.first(where: { $0.name == FilePath.stem(of: file) })
        else {
            let names = job.stems.map(\.name).joined(separator: ", ")
            throw Problem(
                .notFound,
                "There is no stem '\(file.prefix(100))', expected one of \(names), with .wav, .flac "
                    + "or .mp3.")
        }
        return try reply(request, stem, of: job, format)
    }

    /// A stem as a file.
    func reply(
        _ request: Request, _ stem: Job.Stem, of job: Job, _ format: JobOptions.Format
    ) throws -> Reply {
        let file = try workshop.stem(stem, of: job, format: format)
        return FileReply.reply(
            request, file, type: format.mediaType,
            tag: "\(stem.sha256.prefix(32))-\(format.rawValue)",
            name: Service.fileName(job, stem.name, format))
    }

    /// `song - vocals.wav`.
    private static func fileName(
        _ job: Job, _ part: String, _ format: JobOptions.Format
    ) -> String {
        FileReply.safeName("\(FilePath.stem(of: job.name)) - \(part).\(format.rawValue)")
    }

    func zip(_ request: Request) throws -> Reply {
        let job = try doneJob(of: request)
        let format = try format(request) ?? job.options.format
        var entries: [ZipStream.Entry] = []
        for stem in job.stems {
            let file = try workshop.stem(stem, of: job, format: format)
            entries.append(
                ZipStream.Entry(
                    name: FileReply.safeName("\(stem.name).\(format.rawValue)"),
                    descriptor: file.descriptor, bytes: file.bytes))
        }
        let name = FileReply.safeName("\(FilePath.stem(of: job.name)) - stems.zip")
        return Reply(
            200,
            headers: [
                ("Content-Type", "application/zip"), ("Cache-Control", "private, max-age=3600"),
                ("Content-Disposition", FileReply.disposition(name)),
            ], body: .stream(try ZipStream(libraries, entries, modified: job.created)))
    }

    private func format(_ request: Request) throws(Problem) -> JobOptions.Format? {
        guard let text = request.query("format") else { return nil }
        guard let format = JobOptions.Format(rawValue: text) else {
            throw .option("format", value: text, expected: "one of wav, flac, mp3")
        }
        return format
    }

    func mix(_ request: Request) throws -> Reply {
        let job = try doneJob(of: request)
        let format = try format(request) ?? job.options.format
        // Sums that repeat stems take part only if they are asked for.
        var gains = job.stems.map { $0.isPart ? Float(1) : 0 }
        for (name, value) in request.target.query where name != "format" {
            guard let index = job.stems.firstIndex(where: { $0.name == name }) else {
                throw Problem.option(
                    name, value: value,
                    expected: "a stem: \(job.stems.map(\.name).joined(separator: ", "))")
            }
            guard let gain = Float(value), gain >= 0, gain <= 4 else {
                throw Problem.option(name, value: value, expected: "a volume from 0 to 4")
            }
            gains[index] = gain
        }
        let mix = try workshop.mix(job, gains: gains, format: format)
        return FileReply.reply(
            request, mix.file, type: format.mediaType, tag: "\(mix.tag)-\(format.rawValue)",
            name: Service.fileName(job, "mix", format))
    }

    func peaks(_ request: Request) throws -> Reply {
        let job = try doneJob(of: request)
        var points = 1000
        if let text = request.query("points") {
            guard let number = Int(text), (1...50_000).contains(number) else {
                throw Problem.option("points", value: text, expected: "a whole number to 50000")
            }
            points = number
        }
        let waveforms = try workshop.waveforms(of: job)
        return Reply(
            200,
            headers: [
                ("Content-Type", "application/json"), ("Cache-Control", "private, max-age=3600"),
            ],
            body: .bytes(waveforms.json(points: points, names: job.stems.map(\.name))))
    }
}
