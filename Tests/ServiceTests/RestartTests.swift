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
        while try service?.get("/v1/separations/\(long)").object["state"] as? String != "running" {
            Thread.sleep(forTimeInterval: 0.01)
        }
        let start = Date()
        service?.service.stop()
        #expect(Date().timeIntervalSince(start) < 5)
        service = nil
        let second = try RunningService(in: folder)
        for id in [long, waiting] {
            #expect(try second.finished(id)["state"] as? String == "done")
        }
        #expect(try second.get("/v1/separations/\(done)/stems/bass.wav").body == before)
        let length = try second.get("/v1/separations/\(long)/stems/bass.wav").body.count
        #expect(length == 44 + 60 * 44_100 * 4)
    }

    @Test func aDamagedDatabaseIsKeptAside() throws {
        let folder = try TemporaryFolder()
        var service: RunningService? = try RunningService(in: folder)
        let id = try #require(try service?.doneJob(Sound.tone(seconds: 0.5)))
        service?.service.stop()
        service = nil
        let path = folder.path("data/jobs.sqlite")
        try Data("this is no database, but long enough to look like one".utf8)
            .write(to: URL(fileURLWithPath: path))
        let second = try RunningService(in: folder)
        #expect(second.service.warnings.first?.contains("kept aside") == true)
        #expect(try second.get("/v1/separations/\(id)").status == 404)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("data"))
        let aside = try #require(names.first { $0.hasPrefix("damaged-") })
        let kept = folder.path("data/\(aside)/results/\(id)")
        #expect(FileManager.default.fileExists(atPath: kept))
        #expect(try second.doneJob(Sound.tone(seconds: 0.5)) != id)
    }

    @Test func aFolderHasOneService() throws {
        let folder = try TemporaryFolder()
        let service = try RunningService(in: folder)
        let error = #expect(throws: ServiceError.self) { _ = try RunningService(in: folder) }
        #expect(error?.description.contains("in use") == true)
        let taken = #expect(throws: ServiceError.self) {
            _ = try RunningService { $0.port = service.port }
        }
        #expect(taken?.description.contains("--port") == true)
    }

    @Test func oldJobsAreRemoved() throws {
        let service = try RunningService { $0.keepSeconds = 1 }
        let id = try service.doneJob(Sound.tone(seconds: 0.5))
        let deadline = Date(timeIntervalSinceNow: 10)
        while try service.get("/v1/separations/\(id)").status == 200, Date() < deadline {
            Thread.sleep(forTimeInterval: 0.1)
        }
        #expect(try service.get("/v1/separations/\(id)").status == 404)
        let results = service.folder.path("data/results")
        #expect(try FileManager.default.contentsOfDirectory(atPath: results).isEmpty)
    }

    @Test func theOldestResultsMakeRoom() throws {
        // Four stems of one second take 0.7 MB.
        let service = try RunningService { $0.quotaBytes = 1_600_000 }
        let ids = try (0..<4).map { try service.doneJob(Sound.tone(pitchHz: Double(200 + $0))) }
        let deadline = Date(timeIntervalSinceNow: 15)
        while try service.get("/v1/separations/\(ids[1])").status == 200, Date() < deadline {
            Thread.sleep(forTimeInterval: 0.1)
        }
        let left = try ids.map { try service.get("/v1/separations/\($0)").status }
        #expect(left == [404, 404, 200, 200])
    }

    /// A service of a model with a name that is not in the list of published models.
    private func serviceOfOwnModel(
        in folder: TemporaryFolder, findSeconds: Double = 0
    ) throws -> RunningService {
        let path = folder.path("my_band.safetensors")
        if !FileManager.default.fileExists(atPath: path) {
            try FileManager.default.copyItem(
                atPath: "\(Fixture.bundledModels.path)/demo.safetensors", toPath: path)
        }
        return try RunningService(in: folder, model: path, findSeconds: findSeconds)
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
        let second = try serviceOfOwnModel(in: folder, findSeconds: 1)
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
        while try service?.get("/readyz").detail.contains("no model") != true {
            Thread.sleep(forTimeInterval: 0.01)
        }
        Thread.sleep(forTimeInterval: 1)
        for id in ids {
            #expect(
                try service?.get("/v1/separations/\(id)").object["state"] as? String == "queued")
            #expect(FileManager.default.fileExists(atPath: folder.path("data/inputs/\(id)")))
        }
        let start = Date()
        service?.service.stop()
        #expect(Date().timeIntervalSince(start) < 5)
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
        Thread.sleep(forTimeInterval: 1)
        #expect(FileManager.default.fileExists(atPath: folder.path("data/inputs/\(id)")))
        service?.service.stop()
        service = nil
        lock.unlock()
        let second = try RunningService(in: folder)
        let job = try second.finished(id)
        #expect(job["state"] as? String == "done", "\(job["error"] ?? "")")
        #expect(!FileManager.default.fileExists(atPath: folder.path("data/inputs/\(id)")))
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

    @Test func anUploadRemovesNoResults() throws {
        let service = try RunningService { $0.quotaBytes = 1_600_000 }
        let id = try service.doneJob(Sound.tone())
        let uploading = try Connection(port: service.port)
        uploading.send(
            Data(
                ("POST /v1/separations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000"
                    + "\r\n\r\n").utf8) + Data(count: 3_000_000))
        // The folder is measured every two seconds.
        Thread.sleep(forTimeInterval: 5)
        #expect(try service.get("/v1/separations/\(id)").status == 200)
    }

    @Test func oldCopiesMakeRoomBeforeResults() throws {
        // The stems of two jobs take 1.4 MB, a mix 0.18 MB.
        let service = try RunningService { $0.quotaBytes = 1_700_000 }
        let ids = try [200.0, 300].map { try service.doneJob(Sound.tone(pitchHz: $0)) }
        for id in ids {
            #expect(try service.get("/v1/separations/\(id)/mix?bass=0.5").status == 200)
            Thread.sleep(forTimeInterval: 0.1)
        }
        let cache = service.folder.path("data/cache")
        let deadline = Date(timeIntervalSinceNow: 15)
        while FileManager.default.fileExists(atPath: "\(cache)/\(ids[0])"), Date() < deadline {
            Thread.sleep(forTimeInterval: 0.1)
        }
        Thread.sleep(forTimeInterval: 3)
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache) == [ids[1]])
        for id in ids { #expect(try service.get("/v1/separations/\(id)").status == 200) }
        #expect(try service.get("/v1/separations/\(ids[0])/mix?bass=0.5").status == 200)
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
