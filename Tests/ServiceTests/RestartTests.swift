import Foundation
import Service
import Synchronization
import System
import TestSupport
import Testing

/// Data that survive a restart of the process, and data that don't.
@Suite(.serialized)
struct RestartTests {
    @Test func jobsGoOnAfterARestart() throws {
        let folder = TemporaryFolder()
        let service = try RunningService(in: folder, gate: JobGate(before: 1))
        let done = try service.doneJob(Sound.tone(seconds: 0.5))
        let running = try service.job(Sound.tone(seconds: 4))
        let waiting = try service.job(Sound.tone(pitchHz: 500))
        let before = try service.get("/v1/separations/\(done)/stems/bass.wav").body
        try service.waitForStems(running)
        // Streams, an upload and an archive that nobody reads don't keep the service from its end.
        let bytes = service.enlarge(stem: 0, of: done)
        var open = try (0..<50).map { _ in try service.open("/v1/events") }
        open.append(
            try service.open("/v1/separations", "Content-Length: 1000000", method: "POST"))
        open.append(
            try service.open("/v1/separations/\(done)/stems.zip", receivedBytes: 4096))
        #expect(open[51].receive(until: "200 OK").contains("200 OK"))
        service.end()
        #expect(open[51].receiveAll().count < bytes)
        // The running job has not ended, and keeps its sound.
        #expect(try service.files("inputs").contains(running))
        var second = service
        // The disk of the files is not mounted at the next start.
        for (state, change) in [
            ("failed", "mkdir x; mv inputs results x"), ("done", "rm -r inputs results; mv x/* ."),
        ] {
            second.end()
            let script = "cd '\(folder.path("data"))'; \(change)"
            try #require(try Process.run(["sh", "-c", script]) == 0)
            second = try RunningService(in: folder)
            for id in [done, running, waiting] {
                #expect(try second.finished(id)["state"] as? String == state)
            }
        }
        #expect(try second.get("/v1/separations/\(done)/stems/bass.wav").body == before)
        let length = try second.get("/v1/separations/\(running)/stems/bass.wav").body.count
        #expect(length == 44 + 4 * 44_100 * 4)
    }

    @Test func manyJobsDoNotStallOtherRequests() throws {
        let folder = TemporaryFolder()
        let first = try RunningService(in: folder) { $0.jobs = 0 }
        let id = try first.job(Sound.tone(seconds: 0.1))
        try first.delete(id)
        first.end()
        try python(
            """
            import json, sqlite3, sys
            database = sqlite3.connect(sys.argv[1])
            [[text]] = database.execute("SELECT record FROM jobs")
            for number in range(2, 4001):
                record = json.loads(text) | {"id": f"{number:024x}", "sequence": number}
                database.execute(
                    "INSERT INTO jobs VALUES (?, ?, 'cancelled', ?)",
                    (record["id"], number, json.dumps(record)))
            database.commit()
            """, folder.path("data/jobs.sqlite"))
        let second = try RunningService(in: folder)
        let streams = try (0..<60).map { _ in try second.open("/v1/events") }
        #expect(try second.get("/v1/separations/\(id)").status == 200)
        #expect(try second.get("/v1/separations").object["total"] as? Int == 4000)
        for stream in streams {
            #expect(stream.receive(until: "\"total\":4000").contains("event: state"))
        }
    }

    /// Files that a killed service was writing.
    @Test func unfinishedFilesAreRemoved() throws {
        let folder = TemporaryFolder()
        let first = try RunningService(in: folder)
        let id = try first.doneJob(Sound.tone(seconds: 0.5))
        _ = try first.get("/v1/separations/\(id)/mix?bass=1")
        first.end()
        let kept = try first.files("cache/\(id)")
        #expect(!kept.isEmpty)
        for name in ["cache/\(id)/.swift-demucs-1a2b.part", "tmp/a", "uploads/b"] {
            _ = try folder.write(Data([1]), "data/\(name)")
        }
        let second = try RunningService(in: folder)
        #expect(try second.files("cache/\(id)").sorted() == kept.sorted())
        for name in ["tmp", "uploads"] { #expect(try second.files(name).isEmpty) }
    }

    /// Each way changes a copy of the folder, which is that of a killed service.
    @Test func songsOutliveTheirDatabase() throws {
        let folder = TemporaryFolder()
        let gate = JobGate(before: 0)
        let service = try RunningService(in: folder, gate: gate)
        let done = try service.job(Sound.tone(seconds: 0.5))
        try service.waitUntilRunning(done)
        try python(
            "import sqlite3, sys; a, b = map(sqlite3.connect, sys.argv[1:]); a.backup(b); b.close()",
            folder.path("data/jobs.sqlite"), folder.path("data/older"))
        gate.open()
        try service.finished(done)
        gate.hold(before: 0)
        let running = try service.job(Sound.tone())
        try service.waitUntilRunning(running)
        let damaged = [
            ("", "1"), (".created", "1e300"), (".sequence", "2 ** 63 - 1"), (".channels", "0"),
            (".stemRateHz", "-2 ** 63"), (".stems[0].file", "\"../../lock\""),
        ].map { field, value in
            "python3 -c 'import sqlite3; d = sqlite3.connect(\"jobs.sqlite\"); d.execute(\""
                + "UPDATE jobs SET record = json_set(record, ?, ?)\", "
                + "(\"$\(field)\", \(value))); d.commit()'"
        }
        let ways: [(String, knows: [String], isSaidAgain: Bool)] = [
            ("rm -f jobs.sqlite-wal", [done], false), ("rm -f jobs.sqlite", [], false),
            ("truncate -s 4152 jobs.sqlite-wal", [done], false), ("mv jobs.sqlite x", [], false),
            (": > jobs.sqlite", [], false), ("rm jobs.sqlite*", [], false),
            ("rm -f jobs.sqlite-*; cp older jobs.sqlite", [], false),
            ("rm -f jobs.sqlite-*; cp lock jobs.sqlite; seq 99 >> jobs.sqlite", [], true),
            ("rm -rf jobs.sqlite*; mkdir jobs.sqlite", [], true),
        ]
        for (way, knows, isSaidAgain) in ways + damaged.map({ ($0, [], false) }) {
            let copy = TemporaryFolder()
            let data = copy.path("data")
            try #require(try Process.run(["cp", "-a", folder.path("data"), data]) == 0)
            // Twice, and within a second.
            for isSaid in [true, isSaidAgain] {
                try #require(try Process.run(["sh", "-c", "cd '\(data)'; \(way)"]) == 0)
                let second = try RunningService(in: copy) { $0.jobs = 0 }
                let warnings = second.service?.warnings ?? []
                #expect(warnings.contains { $0.contains("kept aside") } == isSaid, "\(way)")
                let paths = try FileManager.default.subpathsOfDirectory(atPath: data)
                for file in ["results/\(done)/3.wav", "inputs/\(running)"] {
                    let isKnown = knows.contains { file.contains($0) }
                    #expect(paths.contains(file) == isKnown, "\(way): \(paths)")
                    #expect(paths.contains { $0.hasSuffix(file) }, "\(way): \(paths)")
                }
                second.end()
            }
        }
    }

    @Test func aFaultOfTheMachineFailsNoJob() throws {
        let lines = Mutex<[String]>([])
        let service = try RunningService(clock: ManualClock()) {
            $0.log = { line in lines.withLock { $0.append(line) } }
        }
        let done = try service.doneJob(Sound.tone(seconds: 0.2))
        // Nothing can be stored in a file that stands in the place of a folder.
        let (temporary, aside) = (service.folder.path("data/tmp"), service.folder.path("aside"))
        try FileManager.default.moveItem(atPath: temporary, toPath: aside)
        _ = try service.folder.write(Data(), "data/tmp")
        let ids = try [200.0, 300, 400].map { try service.job(Sound.tone(pitchHz: $0)) }
        for _ in 0..<3 {
            try waitUntil("the job waits again") {
                try service.get("/readyz").status == 503
                    && service.get("/metrics").text.contains("queue_length 3\n")
            }
            service.advance(by: 31)
        }
        #expect(try service.get("/readyz").detail.contains("Not a directory"))
        #expect(try service.get("/metrics").text.contains("swift_demucs_machine_fault 1\n"))
        #expect(try service.get("/v1/separations/\(done)/stems/bass.flac?to=0.1").status == 503)
        #expect(Set(try service.files("inputs")) == Set(ids))
        try FileManager.default.removeItem(atPath: temporary)
        try FileManager.default.moveItem(atPath: aside, toPath: temporary)
        _ = try service.folder.write(Data("no sound".utf8), "data/inputs/\(ids[1])")
        let link = service.folder.path("data/inputs/\(ids[2])")
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/dev/null")
        service.advance(by: 31)
        let states = try ids.map { try service.finished($0)["state"] as? String }
        #expect(states == ["done", "failed", "failed"])
        #expect(try service.get("/readyz").status == 200)
        let said = lines.withLock { $0 }
        for (text, count) in [
            ("No jobs run (disk-full): ", 1), ("bass.flac has failed (disk-full): ", 1),
            ("Jobs run again.", 1), ("Job \(ids[1]) has failed (not-a-sound): ", 1), ("", 5),
        ] { #expect(said.count { text.isEmpty || $0.contains(text) } == count, "\(said)") }
    }

    @Test func aJobThatNeedsTooMuchFailsAtLast() throws {
        let service = try RunningService(clock: ManualClock()) { settings in
            let data = settings.dataFolder
            // The large sound never finds the folder of its results.
            settings.gate = { _, _ in
                for id in FilePath.entries(of: "\(data)/inputs")
                where FilePath.countBytes("\(data)/inputs/\(id)") > 100_000 {
                    try? FileManager.default.removeItem(atPath: "\(data)/results/.\(id)")
                }
            }
        }
        let large = try service.job(Sound.tone())
        var doneCount = 0
        func count(_ state: String) throws -> Int {
            try service.get("/v1/separations?state=\(state)").object["total"] as? Int ?? 0
        }
        while try count("failed") == 0, doneCount < 20 {
            doneCount += 1
            _ = try service.job(Sound.tone(seconds: 0.2, pitchHz: Double(300 + doneCount)))
            try waitUntil("the small sound is done") {
                service.advance(by: 31)
                return try count("done") == doneCount
            }
        }
        #expect((4..<20).contains(doneCount))
        #expect(try service.get("/readyz").status == 200)
        #expect(try service.files("inputs") == [large])
    }

    @Test func aFolderHasOneService() throws {
        let folder = TemporaryFolder()
        let service = try RunningService(in: folder)
        let error = #expect(throws: ServiceError.self) { _ = try RunningService(in: folder) }
        #expect(error?.description.contains("in use") == true)
        let taken = #expect(throws: ServiceError.self) {
            _ = try RunningService { $0.port = service.port }
        }
        #expect(taken?.description.contains("another port") == true)
    }

    /// A service of a model with a name that is not in the list of published models.
    private func serviceOfOwnModel(
        in folder: TemporaryFolder, gate: JobGate? = nil, download: DispatchSemaphore? = nil
    ) throws -> RunningService {
        let path = folder.path("my_band.safetensors")
        if !FileManager.default.fileExists(atPath: path) {
            try FileManager.default.copyItem(
                atPath: "\(Fixture.bundledModels.path)/demo.safetensors", toPath: path)
        }
        return try RunningService(
            in: folder, model: path, gate: gate, beforeModel: { download?.wait() })
    }

    /// The jobs of a service of that model that ends while one runs and one waits.
    private func unfinishedJobs(in folder: TemporaryFolder) throws -> [String] {
        let service = try serviceOfOwnModel(in: folder, gate: JobGate(before: 0))
        let ids = try [200.0, 300].map { try service.job(Sound.tone(pitchHz: $0)) }
        try service.waitUntilRunning(ids[0])
        service.end()
        return ids
    }

    @Test func jobsOfAnUnpublishedModelGoOnAfterARestart() throws {
        let folder = TemporaryFolder()
        let ids = try unfinishedJobs(in: folder)
        let download = DispatchSemaphore(value: 0)
        let second = try serviceOfOwnModel(in: folder, download: download)
        second.advance(by: 0)
        let states = ids.map {
            try? second.get("/v1/separations/\($0)").object["state"] as? String
        }
        download.signal()
        #expect(states == ["queued", "queued"])
        for id in ids {
            let job = try second.finished(id)
            #expect(job["state"] as? String == "done", "\(job["error"] ?? "")")
            #expect(job["model"] as? String == "my_band")
        }
    }

    @Test func jobsWaitForAModelThatCannotBeLoaded() throws {
        let folder = TemporaryFolder()
        let ids = try unfinishedJobs(in: folder)
        let second = try RunningService(in: folder, model: "/nowhere/my_band.safetensors")
        second.service?.waitUntilLoaded()
        #expect(try second.get("/readyz").detail.contains("missing or damaged"))
        second.advance(by: 0)
        for id in ids {
            #expect(try second.get("/v1/separations/\(id)").object["state"] as? String == "queued")
        }
        #expect(Set(try second.files("inputs")) == Set(ids))
        second.end()
        let third = try serviceOfOwnModel(in: folder)
        for id in ids { #expect(try third.finished(id)["state"] as? String == "done") }
    }

    @Test func aJobWhoseEndWasNotStoredRunsAgain() throws {
        let folder = TemporaryFolder()
        let gate = JobGate(before: 0)
        let first = try RunningService(in: folder, gate: gate)
        let lock = try DatabaseLock(folder)
        let id = try first.job(Sound.tone())
        try first.waitUntilRunning(id)
        try lock.lock()
        gate.open()
        #expect(try first.finished(id)["state"] as? String == "done")
        // The service tries again to store the end.
        first.advance(by: 0)
        #expect(try first.files("inputs") == [id])
        first.end()
        lock.unlock()
        let second = try RunningService(in: folder)
        let job = try second.finished(id)
        #expect(job["state"] as? String == "done", "\(job["error"] ?? "")")
        second.end()
        #expect(try second.files("inputs").isEmpty)
    }

    @Test func aRunningJobWhoseStartIsStoredLateKeepsItsSound() throws {
        let service = try RunningService(gate: JobGate(before: 1))
        let lock = try DatabaseLock(service.folder)
        let ids = try [200.0, 300].map { try service.job(Sound.tone(seconds: 4, pitchHz: $0)) }
        try service.waitForStems(ids[0])
        // The second job begins while nothing can be stored.
        try lock.lock()
        try service.delete(ids[0])
        try service.waitForStems(ids[1])
        lock.unlock()
        service.advance(by: 0)
        let job = try service.get("/v1/separations/\(ids[1])").object
        #expect(job["state"] as? String == "running")
        #expect(try service.files("inputs").contains(ids[1]))
    }

    @Test func aCopyThatIsNotStoredLeavesNoFiles() throws {
        let service = try RunningService()
        let sound = Sound.tone(seconds: 0.5)
        let id = try service.doneJob(sound)
        let lock = try DatabaseLock(service.folder)
        try lock.lock()
        #expect(try service.upload(sound).status == 503)
        #expect(try service.files("results") == [id])
        lock.unlock()
        #expect(try service.upload(sound).object["cached"] as? Bool == true)
    }
}

func python(_ script: String, _ arguments: String...) throws {
    try #require(try Process.run(["python3", "-c", script] + arguments) == 0)
}

/// Another process that holds the lock of a service's database, so that nothing can be stored.
private final class DatabaseLock {
    private let process = Process()
    private let (input, output) = (Pipe(), Pipe())

    init(_ folder: TemporaryFolder) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let script = """
            import sqlite3, sys
            database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
            print("open", end="", flush=True)
            sys.stdin.readline()
            database.execute("BEGIN IMMEDIATE")
            print("locked", end="", flush=True)
            sys.stdin.readline()
            """
        process.arguments = ["python3", "-c", script, folder.path("data/jobs.sqlite")]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        try expect("open")
    }

    deinit { unlock() }

    private func expect(_ word: String) throws {
        let found = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        try #require(found == word)
    }

    func lock() throws {
        input.fileHandleForWriting.write(Data("\n".utf8))
        try expect("locked")
    }

    func unlock() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
