import Foundation
import Service
import TestSupport
import Testing

/// Data that survive a restart of the process, and data that don't.
@Suite(.serialized)
struct RestartTests {
    @Test func jobsGoOnAfterARestart() throws {
        let folder = try TemporaryFolder()
        var service: RunningService? = try RunningService(in: folder)
        let done = try #require(try service?.doneJob(Sound.tone(seconds: 0.5)))
        let long = try #require(
            try service?.upload(Sound.tone(seconds: 60)).object["id"] as? String)
        let waiting = try #require(
            try service?.upload(Sound.tone(pitchHz: 500)).object["id"] as? String)
        let before = try service?.get("/v1/separations/\(done)/stems/bass.wav").body
        try service?.waitUntilRunning(long)
        service?.service.stop()
        // The running job has not ended, and keeps its sound.
        #expect(FileManager.default.fileExists(atPath: folder.path("data/inputs/\(long)")))
        service = nil
        let second = try RunningService(in: folder)
        for id in [long, waiting] {
            #expect(try second.finished(id)["state"] as? String == "done")
        }
        #expect(try second.get("/v1/separations/\(done)/stems/bass.wav").body == before)
        let length = try second.get("/v1/separations/\(long)/stems/bass.wav").body.count
        #expect(length == 44 + 60 * 44_100 * 4)
    }

    @Test func manyJobsDoNotStallOtherRequests() throws {
        let folder = try TemporaryFolder()
        var service: RunningService? = try RunningService(in: folder) { $0.jobs = 0 }
        let id = try #require(
            try service?.upload(Sound.tone(seconds: 0.1)).object["id"] as? String)
        _ = try service?.request("DELETE", "/v1/separations/\(id)")
        service?.service.stop()
        service = nil
        try Python.run(
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
        let streams = try (0..<60).map { _ in
            let connection = try Connection(port: second.port)
            connection.send(Data("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
            return connection
        }
        #expect(try second.get("/v1/separations/\(id)").status == 200)
        #expect(try second.get("/v1/separations").object["total"] as? Int == 4000)
        for stream in streams {
            #expect(stream.receive(until: "\"total\":4000").contains("event: state"))
        }
    }

    /// Files that a killed service was writing.
    @Test func unfinishedFilesAreRemoved() throws {
        let folder = try TemporaryFolder()
        var service: RunningService? = try RunningService(in: folder)
        let id = try #require(try service?.doneJob(Sound.tone(seconds: 0.5)))
        _ = try service?.get("/v1/separations/\(id)/mix?bass=1")
        service?.service.stop()
        service = nil
        let cache = folder.path("data/cache/\(id)")
        let kept = try FileManager.default.contentsOfDirectory(atPath: cache)
        #expect(!kept.isEmpty)
        for name in ["cache/\(id)/.swift-demucs-1a2b.part", "tmp/a", "uploads/b"] {
            _ = try folder.write("data/\(name)", Data([1]))
        }
        _ = try RunningService(in: folder)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: cache).sorted() == kept.sorted())
        for name in ["tmp", "uploads"] {
            let path = folder.path("data/\(name)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
        }
    }

    @Test func damagedDatabasesAreKeptAside() throws {
        let folder = try TemporaryFolder()
        var service: RunningService? = try RunningService(in: folder)
        var lost: Set<String> = []
        // Several within a second too.
        for count in 1...3 {
            let id = try #require(try service?.doneJob(Sound.tone(seconds: 0.5)))
            #expect(lost.insert(id).inserted)
            service?.service.stop()
            service = nil
            let path = folder.path("data/jobs.sqlite")
            try Data("this is no database, but long enough to look like one".utf8)
                .write(to: URL(fileURLWithPath: path))
            let next = try RunningService(in: folder)
            #expect(next.service.warnings.first?.contains("kept aside") == true)
            #expect(try next.get("/v1/separations/\(id)").status == 404)
            service = next
            let kept = try FileManager.default.contentsOfDirectory(atPath: folder.path("data"))
                .filter { $0.hasPrefix("damaged-") }
                .map { folder.path("data/\($0)/results") }
                .flatMap { try FileManager.default.contentsOfDirectory(atPath: $0) }
            #expect(Set(kept) == lost)
            #expect(kept.count == count)
        }
        #expect(try service?.doneJob(Sound.tone(seconds: 0.5)) != nil)
    }

    @Test func aFolderHasOneService() throws {
        let folder = try TemporaryFolder()
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
        in folder: TemporaryFolder, download: DispatchSemaphore? = nil
    ) throws -> RunningService {
        let path = folder.path("my_band.safetensors")
        if !FileManager.default.fileExists(atPath: path) {
            try FileManager.default.copyItem(
                atPath: "\(Fixture.bundledModels.path)/demo.safetensors", toPath: path)
        }
        return try RunningService(in: folder, model: path, download: download)
    }

    /// Queues a long job and a short one, and stops the service.
    private func queuedJobs(of service: RunningService) throws -> [String] {
        let ids = try [60.0, 1].map { seconds in
            try #require(
                try service.upload(Sound.tone(seconds: seconds)).object["id"] as? String)
        }
        service.service.stop()
        return ids
    }

    @Test func jobsOfAnUnpublishedModelGoOnAfterARestart() throws {
        let folder = try TemporaryFolder()
        var service: RunningService? = try serviceOfOwnModel(in: folder)
        let ids = try queuedJobs(of: try #require(service))
        service = nil
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
        let folder = try TemporaryFolder()
        var service: RunningService? = try serviceOfOwnModel(in: folder)
        let ids = try queuedJobs(of: try #require(service))
        service = nil
        service = try RunningService(in: folder, model: "/nowhere/my_band.safetensors")
        service?.service.waitUntilLoaded()
        #expect(try service?.get("/readyz").detail.contains("missing or damaged") == true)
        service?.advance(by: 0)
        for id in ids {
            #expect(
                try service?.get("/v1/separations/\(id)").object["state"] as? String == "queued")
            #expect(FileManager.default.fileExists(atPath: folder.path("data/inputs/\(id)")))
        }
        service?.service.stop()
        service = nil
        let third = try serviceOfOwnModel(in: folder)
        for id in ids { #expect(try third.finished(id)["state"] as? String == "done") }
    }

    @Test func aJobWhoseEndWasNotStoredRunsAgain() throws {
        let folder = try TemporaryFolder()
        var service: RunningService? = try RunningService(in: folder)
        let lock = try DatabaseLock(folder)
        let id = try #require(
            try service?.upload(Sound.tone(seconds: 60)).object["id"] as? String)
        try lock.lock()
        #expect(try service?.finished(id)["state"] as? String == "done")
        // The service tries again to store the end.
        service?.advance(by: 0)
        #expect(FileManager.default.fileExists(atPath: folder.path("data/inputs/\(id)")))
        service?.service.stop()
        service = nil
        lock.unlock()
        let second = try RunningService(in: folder)
        let job = try second.finished(id)
        #expect(job["state"] as? String == "done", "\(job["error"] ?? "")")
        // The end of the service waits for the end of the job's thread.
        second.service.stop()
        #expect(!FileManager.default.fileExists(atPath: folder.path("data/inputs/\(id)")))
    }

    @Test func aRunningJobWhoseStartIsStoredLateKeepsItsSound() throws {
        let service = try RunningService()
        let lock = try DatabaseLock(service.folder)
        let ids = try [60.0, 240].map { seconds in
            try #require(
                try service.upload(Sound.tone(seconds: seconds)).object["id"] as? String)
        }
        try service.waitUntilRunning(ids[0])
        // The second job begins while nothing can be stored.
        try lock.lock()
        _ = try service.request("DELETE", "/v1/separations/\(ids[0])")
        try service.waitForStems(ids[1])
        lock.unlock()
        service.advance(by: 0)
        let job = try service.get("/v1/separations/\(ids[1])").object
        #expect(job["state"] as? String == "running")
        let sound = service.folder.path("data/inputs/\(ids[1])")
        #expect(FileManager.default.fileExists(atPath: sound))
    }

    @Test func aCopyThatIsNotStoredLeavesNoFiles() throws {
        let service = try RunningService()
        let sound = Sound.tone(seconds: 0.5)
        let id = try service.doneJob(sound)
        let lock = try DatabaseLock(service.folder)
        try lock.lock()
        #expect(try service.upload(sound).status == 503)
        let results = service.folder.path("data/results")
        #expect(try FileManager.default.contentsOfDirectory(atPath: results) == [id])
        lock.unlock()
        #expect(try service.upload(sound).object["cached"] as? Bool == true)
    }
}

/// Programs for tests.
enum Python {
    static func run(_ script: String, _ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script] + arguments
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }
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
