// A job: its record in the ledger, and its JSON for clients.

import Demucs
import Runs
import System
import Tensor

extension Precision: Codable {}

/// A job as the ledger keeps it.
struct Job: OwnedRecord, Equatable {
    static let currentVersion = 2

    /// A signal that was written.
    struct Stem: Codable, Equatable, Sendable {
        let name: String
        /// Name of the stem's file in the results folder; never a name from a client.
        let file: String
        /// The largest magnitude before the gain and the clip mode.
        let peak: Double
        /// The factor from the separated samples to those of the file; nil in records of versions
        /// without it.
        var gain: Double?
        let bytes: Int
        let sha256: String
        /// Whether the stem adds something to a mix; false for a sum that repeats other stems.
        let isPart: Bool

        /// - Parameter peak: 0 is stored for one that is not finite, which JSON can't have.
        init(
            name: String, file: String, peak: Float, gain: Double?, bytes: Int, sha256: String,
            isPart: Bool
        ) {
            self.name = name
            self.file = file
            self.peak = peak.isFinite ? Double(peak) : 0
            self.gain = gain
            self.bytes = bytes
            self.sha256 = sha256
            self.isPart = isPart
        }
    }

    var version = currentVersion
    var id: String
    /// Number that rises from job to job: the order in which they were created.
    var sequence: Int
    /// Place in the queue, if a client has moved the job; otherwise the sequence number.
    var place: Int?
    var state = TrackState.queued
    /// Number of times that the job was begun and did not end.
    var tries = 0
    /// The name of the uploaded file, or another that the owner has given: a label, never a path.
    var name: String
    /// What the owner has noted for practising, by the fields of ``notesSchema``; nil for nothing.
    var notes: [String: JSON]?
    let created: Double
    var started: Double?
    var finished: Double?
    /// The end in ``JobQueue/runSeconds``; nil for jobs that ended before there was that clock.
    var finishedRunSeconds: Double?
    let options: SeparationRequest
    let model: String
    let precision: Precision
    /// Digest of the ``ResultIdentity``.
    let key: String
    let inputBytes: Int
    /// Names of the stems that it will have; nil in records of versions without them.
    var outputs: [String]?
    var durationSeconds: Double?
    let sampleRateHz: Int
    /// Rate of the stems; nil before the job is done, and in records of versions without it.
    var stemRateHz: Int?
    let channels: Int
    /// Sample rate of the stems, as far as it is known.
    var rateHz: Int { stemRateHz ?? sampleRateHz }
    /// The finished part of a job that was cancelled.
    var stems: [Stem] = []
    var warnings: [String] = []
    var failure: Problem?
    var isCached = false
    /// Tempo and key, if they were asked for and found.
    var tempoBpm: Double?
    var musicalKey: String?
    var owner: String?
    /// Whether the owner has opened it for all users; nil for no.
    var shared: Bool?
    var isShared: Bool { shared == true && state == .done }

    /// A random id of 96 bits, which can't be guessed.
    static func newID() -> String {
        var generator = SystemRandomNumberGenerator()
        let words = (0..<3).map { _ in UInt32.random(in: .min ... .max, using: &generator) }
        return words.map { $0.zeroPadded(8, radix: 16) }.joined()
    }

    /// Whether a text has the form of a job's id.
    static func isID(_ text: String) -> Bool {
        text.utf8.count == 24
            && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }

    // Some values would end the process, or lead out of the data folder.
    var isPlausible: Bool {
        // Up to the year 9999.
        let seconds = [created, started, finished, finishedRunSeconds, durationSeconds, tempoBpm]
        let counts = [sequence, place ?? 0, tries, inputBytes] + stems.map(\.bytes)
        let factors = stems.flatMap { stem -> [Double] in [stem.peak, stem.gain ?? 1] }
        return seconds.allSatisfy { (0...253_402_300_799).contains($0 ?? 0) }
            && counts.allSatisfy { (0...1 << 53).contains($0) }
            && [sampleRateHz, rateHz, channels].allSatisfy { (1...1 << 30).contains($0) }
            && factors.allSatisfy { $0.magnitude <= Double(Float.greatestFiniteMagnitude) }
            && stems.allSatisfy { !$0.file.isEmpty && !$0.file.contains("/") }
            && options.isPlausible
    }

    /// The last part of a client's file name, as ``changeSchema`` takes names: without control characters, and cut
    /// before the character that would make it too long.
    static func label(_ fileName: String?) -> String {
        let parts = (fileName ?? "").unicodeScalars.split { "/\\".unicodeScalars.contains($0) }
        var label = String.UnicodeScalarView()
        for scalar in (parts.last.map { String($0) } ?? "").unicodeScalars {
            // Two formats are part of words in Persian, and of emoji.
            let isFormat = scalar.properties.generalCategory == .format
            let isHidden =
                scalar.isControl || isFormat && !"\u{200C}\u{200D}".unicodeScalars.contains(scalar)
            label.append(isHidden ? "\u{FFFD}" : scalar)
        }
        var (text, scalars) = ("", 0)
        for character in String(label) {
            scalars += character.unicodeScalars.count
            if scalars > JSONSchema.shortTextScalars { break }
            text.append(character)
        }
        return text.allSatisfy(\.isWhitespace) || text == "." || text == ".." ? "untitled" : text
    }
}

struct JobProgress: Equatable, Sendable {
    var fraction = 0.0
    var secondsLeft: Double?
    /// Finished seconds of the stems; nil before the first.
    var readySeconds: Double?
}

extension Job {
    /// The job after a restart of the service: a running one waits again, and one whose files are
    /// missing has failed, until a start finds them.
    func resumed(in folder: DataFolder) -> Job {
        var job = self
        if job.state == .running {
            job.state = .queued
            job.started = nil
        }
        if job.state == .queued, job.tries >= Job.mostTries {
            job.fail(
                "The service ended \(job.tries) times while it separated the sound, which may need more "
                    + "memory than the machine has. Upload a part of it.")
        }
        let hasResults = !FilePath.isMissing(folder.results(of: id))
        let missing: String? =
            switch job.state {
            case .queued: FilePath.isMissing(folder.input(id)) ? "The sound" : nil
            case .done: hasResults ? nil : "The folder of results"
            default: nil
            }
        if let missing {
            job.fail(
                "\(missing) of the job is not in the data folder any more. Put it back and start the "
                    + "service again, or upload the sound again.")
        }
        if !hasResults { job.stems = [] }
        return job
    }

    /// How often a job may end the process, or the machine may end it while it can run others.
    static let mostTries = 5

    private mutating func fail(_ reason: String) {
        state = .failed
        stems = []
        failure = Problem(.failed, reason)
    }

    /// Describes the results of an equal job, whose files were copied.
    mutating func takeResults(of known: Job) {
        stems = known.stems
        stemRateHz = known.stemRateHz
        durationSeconds = known.durationSeconds
        warnings = known.warnings
        if options.analyzes { (tempoBpm, musicalKey) = (known.tempoBpm, known.musicalKey) }
        isCached = true
    }

    /// - Parameter queuePosition: position in the queue, from 1; nil for jobs that are not queued.
    func json(_ progress: JobProgress, queuePosition: Int?) -> JSON {
        // Relative to the service's address, which may have a path in front of it.
        let address = "v1/separations/\(id)"
        // Stems that are not complete are WAV files.
        let format =
            state == .done ? options.format.rawValue : SeparationRequest.Format.wav.rawValue
        let stems = stems.map { stem -> JSON in
            let name = RequestTarget.encoded(stem.name)
            return [
                "name": .text(stem.name), "peak": .number(stem.peak), "bytes": .integer(stem.bytes),
                "url": .text("\(address)/stems/\(name).\(format)"), "gain": JSON(stem.gain),
                "is_part": .bool(stem.isPart),
            ]
        }
        func time(_ seconds: Double?) -> JSON { JSON(seconds.map(Timestamp.text)) }
        return [
            "id": .text(id), "state": .text(state.rawValue), "name": .text(name),
            "created": time(created), "started": time(started), "finished": time(finished),
            "model": .text(model), "precision": .text(precision.rawValue), "options": options.json,
            "queue_position": JSON(queuePosition),
            "fraction": .number(
                state == .done ? 1 : state == .running ? progress.fraction : 0),
            "seconds_left": state.isFinal ? .null : JSON(progress.secondsLeft),
            "ready_seconds": state == .running ? JSON(progress.readySeconds) : .null,
            "piece_frames": state == .running ? .integer(GrowingStems.pieceFrames) : .null,
            "duration_seconds": JSON(durationSeconds),
            "sample_rate": .integer(sampleRateHz), "stem_rate": JSON(stemRateHz),
            "channels": .integer(channels),
            "outputs": outputs.map { .array($0.map(JSON.text)) } ?? .null,
            "stems": .array(stems), "warnings": .array(warnings.map(JSON.text)),
            "error": failure?.json(instance: "/\(address)") ?? .null, "cached": .bool(isCached),
            "tempo_bpm": JSON(tempoBpm), "key": JSON(musicalKey), "shared": .bool(isShared),
            "notes": .object(notes ?? [:]),
        ]
    }

    /// The schema of what the owner can change.
    static let changeSchema = JSONSchema.optional([
        "name": .shortText.with(["pattern": #"^[^\p{Cc}/\\]*[^\p{Cc}\s/\\][^\p{Cc}/\\]*$"#])
            .about("A name, without / and \\."),
        "notes": notesSchema,
    ]).with(["minProperties": 1])

    private static let notesSchema: JSONSchema = {
        let seconds = JSONSchema.number.with(["minimum": 0, "maximum": 1e6])
        let anySeconds = JSONSchema.number.with(["minimum": -1e6, "maximum": 1e6])
        return .optional([
            "sections": .list(
                of: .fields(["name": .shortText, "from": seconds, "to": seconds])
            ).with(["maxItems": 100]).orNull,
            "loop": .list(of: seconds).with(["minItems": 2, "maxItems": 2]).orNull.about(
                "Its start and its end in seconds."),
            "correction": .optional([
                "factor": .number.with(["minimum": 0.25, "maximum": 4]).about(
                    "2 doubles the beats, 0.5 leaves out every second."),
                "shift": anySeconds.about("Seconds by which the beats are later."),
                "bar": anySeconds.orNull.about("A beat that begins a bar, in seconds."),
                "moved": .integer(in: -1_000_000...1_000_000).about(
                    "Beats by which the bars begin later."),
                "steady": JSONSchema.fields([
                    "interval": .number.with(["minimum": 0.02, "maximum": 2]), "first": anySeconds,
                ]).orNull.about("Beats in place of those that were found."),
                "metre": .string.with(["maxLength": 8, "examples": ["6/8"]]).orNull,
            ]).orNull.about("What the user has changed of the beats that were found."),
        ]).about("What the owner has noted for practising.")
    }()

    /// The schema of ``json(_:queuePosition:)``.
    static let schema = JSONSchema.fields([
        "id": .jobID, "state": .words(TrackState.allCases.map(\.rawValue)),
        "name": .string.about("The file's name."), "created": .time, "started": .time.orNull,
        "finished": .time.orNull, "model": .string,
        "precision": .words(Precision.allCases.map(\.rawValue)),
        "options": .reference("GivenOptions"),
        "queue_position": .integer.orNull.about("1 is the next; of queued jobs."),
        "fraction": .number.with(["minimum": 0, "maximum": 1]).about(
            "Of a running job; 1 of one that is done, 0 of the others."),
        "seconds_left": .number.orNull.about(
            "Estimated, of running and queued jobs: until the end of the job."),
        "ready_seconds": .number.orNull.about(
            "Of a running job: the finished part of the stems, which can be read by ranges."),
        "piece_frames": .integer.orNull.about(
            "Of a running job: samples that a player should ask for at once."),
        "duration_seconds": .number.orNull.about(
            "Of the sound, or of the part that is separated; of a cancelled job with stems, theirs."
        ),
        "sample_rate": .integer.about("Of the sound, in Hz."),
        "stem_rate": .integer.orNull.about(
            "Of the stems, in Hz: the model's, or the sound's with output-rate=input. Of jobs with "
                + "stems; null for those of older versions."),
        "channels": .integer.about("Of the sound."),
        "outputs": JSONSchema.list(of: .string).orNull.about(
            "Names of the stems that it will have, in their order; null for jobs of older versions."
        ),
        "stems": .list(of: .reference("Stem")).about(
            "Of jobs that are done; the finished part of running and cancelled ones."),
        "warnings": .list(of: .string), "error": .reference("Problem").orNull,
        "cached": .boolean.about("Whether the result was there already."),
        "tempo_bpm": .number.orNull.about("Of a job that is done, if `analyze` asked for it."),
        "key": .string.orNull.about("The same of the key, such as F# minor."),
        "shared": .boolean.about("Whether its owner has opened it for all users."),
        "notes": notesSchema,
    ])
}

extension Job.Stem {
    /// The schema of a stem in ``Job/json(_:queuePosition:)``.
    static let schema = JSONSchema.fields([
        "name": .string, "peak": .number.about("Greatest magnitude before gain and clipping."),
        "gain": .number.orNull.about(
            "The factor from the separated samples to those of the file: 1 until the job is done. "
                + "Null for jobs of older versions."),
        "bytes": .integer, "url": .string.about("Relative to the address of the service."),
        "is_part": .boolean.about(
            "False for a sum that repeats other stems: silent in a mix unless asked for."),
    ])
}
