import Foundation
import Service
import TestSupport
import Testing

struct FormerDataTests {
    /// Records that an earlier version wrote into a database.
    @Test(.enabled(if: isInstalled("sqlite3") && isInstalled("python3")))
    func jobsOfAnEarlierVersionAreTakenOverOnce() throws {
        let folder = TemporaryFolder()
        let (done, cancelled) = ("b11a182edda9efcce4426a02", "808750bff6b798959987089b")
        let (running, lost) = ("3b1e54f812fcce3cce29b9dc", "ffffffffffffffffffffffff")
        for (name, bytes) in [
            ("results/\(done)/0.mp3", Data([1, 2, 3])), ("results/\(lost)/0.wav", Data([4])),
            ("results/\(cancelled)/0.wav", Sound.tone(seconds: 0.4)),
            ("inputs/\(running)", Sound.tone(seconds: 0.4)),
        ] { try folder.write(bytes, "data/\(name)") }
        try changeDatabase(
            """
            database.execute("CREATE TABLE jobs (id, sequence, state, record)")
            database.execute("CREATE TABLE clock (id, seconds)")
            database.execute("INSERT INTO clock VALUES (1, 1234)")
            for line in open(sys.argv[2]):
                job = json.loads(line)
                row = (job["id"], job["sequence"], job["state"], line.strip())
                database.execute("INSERT INTO jobs VALUES (?, ?, ?, ?)", row)
            database.execute("INSERT INTO jobs VALUES (0, 0, 0, '{')")
            """, in: folder)
        for isFirst in [true, false] {
            let service = try RunningService(in: folder)
            #expect(service.warnings.count == 1)
            let warning = service.warnings.joined()
            #expect(warning.contains("1 sounds and folders of stems"))
            for words in ["4 jobs of an earlier version", "1 of its records can't be read"] {
                #expect(warning.contains(words) == isFirst, "\(warning)")
            }
            try service.expectEnd("done", of: running)
            #expect(try service.get("\(done)/stems/vocals.mp3").body.count == 3)
            let job = try service.get(done)
            #expect(job["name"] == "Song ä.wav" && job["key"] == "A minor")
            let stems: [String] = try #require(try service.get(cancelled)["stems.*.name"])
            #expect(stems.count == 4)
            let failure: String? = try service.get("0123456789abcdef01234567")["error.type"]
            #expect(failure == "urn:swift-demucs:problem:not-a-sound")
            #expect(try service.jobs().last == done)
            service.end()
            let clock = String(decoding: try folder.data("data/clock"), as: UTF8.self)
            #expect(try #require(Double(clock.dropLast())) >= 1234)
        }
        #expect(folder.exists("data/results/\(lost)/0.wav"))
        // A database that comes back is older than the tracks; its clock may be damaged.
        let bringBack = "mv jobs.sqlite.former jobs.sqlite"
        try shell(bringBack, in: folder.path("data"))
        try changeDatabase(
            "database.execute('UPDATE clock SET seconds = 9223372036854775807')", in: folder)
        let again = try RunningService(in: folder)
        #expect(try again.get(running)["state"] == "done")
        again.end()
        // One that was never used.
        try folder.write("", "data/jobs.sqlite")
        #expect(try RunningService(in: folder).jobs().count == 4)
        // An older copy of the whole folder over the newer one.
        for name in ["results/\(done)/0.mp3", "inputs/\(running)"] {
            try folder.write(Data([9]), "data/\(name)")
        }
        try shell(bringBack, in: folder.path("data"))
        #expect(try RunningService(in: folder).jobs().count == 4)
        #expect(try folder.data("data/tracks/\(done)/stems/0.mp3") == Data([1, 2, 3]))
        // What is no database is refused, and stays.
        try folder.write("no database", "data/jobs.sqlite")
        expectNoStart("can't read jobs.sqlite") { try RunningService(in: folder) }
        #expect(try folder.data("data/jobs.sqlite") == Data("no database".utf8))
        // A pipe would be waited for.
        try shell("rm jobs.sqlite clock; mkfifo clock", in: folder.path("data"))
        expectNoStart("clock") { try RunningService(in: folder) }
    }

    /// Runs statements of Python with the `database` of an earlier version and the path of its jobs' records.
    private func changeDatabase(_ statements: String, in folder: TemporaryFolder) throws {
        let begin = "import json, sqlite3, sys; database = sqlite3.connect(sys.argv[1])"
        let script = "\(begin)\n\(statements)\ndatabase.commit()"
        let paths = [
            folder.path("data/jobs.sqlite"), Fixture.url("service/former_jobs.jsonl").path,
        ]
        try #require(try Process.run(["python3", "-c", script] + paths) == 0)
    }
}
