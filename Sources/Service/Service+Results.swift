// Requests for the results of jobs.

import Demucs
import System

extension Service {
    func stem(_ request: Request) throws -> Reply {
        let job = try doneJob(of: request)
        let file = request.parameters["file"] ?? ""
        guard let format = SeparationRequest.Format(rawValue: FilePath.pathExtension(of: file)),
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
        _ request: Request, _ stem: Job.Stem, of job: Job, _ format: SeparationRequest.Format
    ) throws -> Reply {
        let file = try derivedFiles.stem(stem, of: job, format: format, for: request)
        return FileReply.reply(
            request, file, type: format.mediaType,
            tag: "\(stem.sha256.prefix(32))-\(format.rawValue)",
            name: Service.fileName(job, stem.name, format))
    }

    /// File name for saving, `song - vocals.wav`.
    private static func fileName(
        _ job: Job, _ part: String, _ format: SeparationRequest.Format
    ) -> String {
        FileReply.safeName("\(FilePath.stem(of: job.name)) - \(part).\(format.rawValue)")
    }

    func zip(_ request: Request) throws -> Reply {
        let job = try doneJob(of: request)
        let format = try format(request) ?? job.options.format
        var entries: [ZipStream.Entry] = []
        do {
            for stem in job.stems {
                let file = try derivedFiles.stem(stem, of: job, format: format, for: request)
                entries.append(
                    ZipStream.Entry(
                        name: FileReply.safeName("\(stem.name).\(format.rawValue)"),
                        descriptor: file.descriptor, bytes: file.bytes))
            }
        } catch {
            for entry in entries { close(entry.descriptor) }
            throw error
        }
        let name = FileReply.safeName("\(FilePath.stem(of: job.name)) - stems.zip")
        return Reply(
            200,
            headers: [
                ("Content-Type", "application/zip"), ("Cache-Control", "private, max-age=3600"),
                ("Content-Disposition", FileReply.disposition(name)),
            ], body: .stream(try ZipStream(libraries, entries, modified: job.created)))
    }

    private func format(_ request: Request) throws(Problem) -> SeparationRequest.Format? {
        guard let text = request.query("format") else { return nil }
        guard let format = SeparationRequest.Format(rawValue: text) else {
            throw .option("format", value: text, expected: "one of wav, flac, mp3")
        }
        return format
    }

    func mix(_ request: Request) throws -> Reply {
        let job = try doneJob(of: request)
        let format = try format(request) ?? job.options.format
        // Sums that repeat other stems are silent unless the request names them.
        var strips = job.stems.map { MixStrip(gain: $0.isPart ? 1 : 0) }
        for (name, value) in request.target.query where name != "format" {
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
                let names = job.stems.map(\.name).joined(separator: ", ")
                throw Problem.option(
                    name, value: value, expected: "a stem, or a stem with .pan; stems: \(names)")
            }
        }
        let mix = try derivedFiles.mix(job, strips: strips, format: format, for: request)
        return FileReply.reply(
            request, mix.file, type: format.mediaType, tag: "\(mix.tag)-\(format.rawValue)",
            name: Service.fileName(job, "mix", format))
    }

    /// The track that is installed with the program, for a first try on the page.
    func exampleTrack(_ request: Request) throws -> Reply {
        guard let example,
            let file = DataFolder.regularFile(
                try DataFolder.checked(open(example, O_RDONLY | O_CLOEXEC)))
        else {
            throw Problem(.notFound, "This installation has no example track.")
        }
        return FileReply.reply(
            request, file, type: "audio/ogg", tag: "example-\(file.bytes)", name: "demo_track.ogg")
    }

    /// Points of a waveform, by default and at most.
    static let points = 1000
    static let mostPoints = 50_000

    func peaks(_ request: Request) throws -> Reply {
        let job = try doneJob(of: request)
        var points = Service.points
        if let text = request.query("points") {
            guard let number = Int(text), (1...Service.mostPoints).contains(number) else {
                throw Problem.option(
                    "points", value: text, expected: "a whole number to \(Service.mostPoints)")
            }
            points = number
        }
        return Reply(
            200,
            headers: [
                ("Content-Type", "application/json"), ("Cache-Control", "private, max-age=3600"),
            ],
            body: .bytes(try derivedFiles.peaks(of: job, points: points, for: request)))
    }

    func analysis(_ request: Request) throws -> Reply {
        .json(try derivedFiles.analysis(of: try doneJob(of: request), for: request))
    }
}
