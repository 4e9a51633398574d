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
        #expect(taken?.description.contains("another port") == true)
    }

    @Test func oldJobsAreRemoved() throws {
        let service = try RunningService(clock: ManualClock()) { $0.keepSeconds = 3600 }
        let id = try service.doneJob(Sound.tone(seconds: 0.5))
        service.advance(by: 3590)
        #expect(try service.get("/v1/separations/\(id)").status == 200)
        service.advance(by: 20)
        #expect(try service.get("/v1/separations/\(id)").status == 404)
        let results = service.folder.path("data/results")
        #expect(try FileManager.default.contentsOfDirectory(atPath: results).isEmpty)
    }

    @Test func aJumpOfTheClockRemovesNothing() throws {
        let folder = try TemporaryFolder()
        var service: RunningService? = try RunningService(in: folder)
        let id = try #require(try service?.doneJob(Sound.tone(seconds: 0.2)))
        service?.service.stop()
        service = nil
        let database = folder.path("data/jobs.sqlite")
        // As if the time of day had jumped by years after the job.
        try Python.run(
            """
            import json, sqlite3, sys
            database = sqlite3.connect(sys.argv[1])
            [[text]] = database.execute("SELECT record FROM jobs")
            record = json.loads(text) | {"created": 5.0, "started": 6.0, "finished": 7.0}
            database.execute("UPDATE jobs SET record = ?", (json.dumps(record),))
            database.commit()
            """, database)
        service = try RunningService(in: folder) { $0.keepSeconds = 3600 }
        service?.advance(by: 0)
        #expect(try service?.get("/v1/separations/\(id)").status == 200)
        service?.service.stop()
        service = nil
        // The time for which the service runs does count, over several runs.
        try Python.run(
            """
            import sqlite3, sys
            database = sqlite3.connect(sys.argv[1])
            database.execute("UPDATE clock SET seconds = seconds + 4000")
            database.commit()
            """, database)
        let third = try RunningService(in: folder) { $0.keepSeconds = 3600 }
        third.advance(by: 0)
        #expect(try third.get("/v1/separations/\(id)").status == 404)
    }

    @Test func theOldestFinishedJobsAreRemovedBeyondALimit() throws {
        let folder = try TemporaryFolder()
        let tokens = try folder.write(
            "tokens", Data("anna:anna-has-this-token\nben:ben-has-another-token\n".utf8))
        let service = try RunningService(in: folder) {
            $0.jobs = 0
            $0.limits.finished = 3
            $0.tokenFile = tokens
        }
        try service.waitUntilReady()
        func cancelledJob(_ token: String) throws -> String {
            let headers = ["Authorization: Bearer \(token)"]
            let id = try #require(
                try service.upload(Sound.tone(seconds: 0.02), headers: headers)
                    .object["id"] as? String)
            _ = try service.request("DELETE", "/v1/separations/\(id)", headers)
            return id
        }
        func left(_ token: String) throws -> [String] {
            let answer = try service.get("/v1/separations", ["Authorization: Bearer \(token)"])
            return (answer.object["separations"] as? [[String: Any]] ?? [])
                .compactMap { $0["id"] as? String }
        }
        let bens = try cancelledJob("ben-has-another-token")
        let annas = try (0..<6).map { _ in try cancelledJob("anna-has-this-token") }
        service.advance(by: 0)
        // The one with the most jobs loses the oldest ones.
        #expect(try left("anna-has-this-token") == [annas[5], annas[4]])
        #expect(try left("ben-has-another-token") == [bens])
    }

    @Test func theOldestResultsMakeRoom() throws {
        // Four stems of one second take 0.7 MB.
        let service = try RunningService(clock: ManualClock()) { $0.quotaBytes = 1_600_000 }
        let ids = try (0..<4).map { try service.doneJob(Sound.tone(pitchHz: Double(200 + $0))) }
        service.advance(by: 3)
        let left = try ids.map { try service.get("/v1/separations/\($0)").status }
        #expect(left == [404, 404, 200, 200])
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
        try waitUntil("the sound is removed") {
            !FileManager.default.fileExists(atPath: folder.path("data/inputs/\(id)"))
        }
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
        let service = try RunningService(clock: ManualClock()) { $0.quotaBytes = 1_600_000 }
        let id = try service.doneJob(Sound.tone())
        let uploading = try Connection(port: service.port)
        uploading.send(
            Data(
                ("POST /v1/separations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000"
                    + "\r\n\r\n").utf8) + Data(count: 3_000_000))
        let uploads = service.folder.url.appendingPathComponent("data/uploads")
        try waitUntil("3 MB of the upload have arrived") {
            let files = try FileManager.default.contentsOfDirectory(
                at: uploads, includingPropertiesForKeys: nil)
            let bytes = try files.first.map {
                try FileManager.default.attributesOfItem(atPath: $0.path)[.size] as? Int
            }
            return bytes == 3_000_000
        }
        service.advance(by: 3)
        #expect(try service.get("/v1/separations/\(id)").status == 200)
    }

    @Test func oldCopiesMakeRoomBeforeResults() throws {
        // The stems of two jobs take 1.4 MB, a mix 0.18 MB.
        let service = try RunningService(clock: ManualClock()) { $0.quotaBytes = 1_700_000 }
        let ids = try [200.0, 300].map { try service.doneJob(Sound.tone(pitchHz: $0)) }
        for id in ids {
            #expect(try service.get("/v1/separations/\(id)/mix?bass=0.5").status == 200)
        }
        let cache = service.folder.path("data/cache")
        try setUsed(1, in: "\(cache)/\(ids[0])")
        func names(_ id: String) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: "\(cache)/\(id)")
        }
        service.advance(by: 3)
        #expect(try names(ids[0]).isEmpty)
        service.advance(by: 3)
        #expect(try names(ids[1]).count == 1)
        for id in ids { #expect(try service.get("/v1/separations/\(id)").status == 200) }
        #expect(try service.get("/v1/separations/\(ids[0])/mix?bass=0.5").status == 200)
    }
}

extension RestartTests {
    /// Sets the time of the last use of a cache's files.
    private func setUsed(_ seconds: Double, in folder: String, except kept: Set<String> = []) throws
    {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where !kept.contains(name) {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: seconds)],
                ofItemAtPath: "\(folder)/\(name)")
        }
    }

    @Test func theLeastRecentlyUsedCopiesAreRemoved() throws {
        // A mix of a second takes 0.18 MB.
        let service = try RunningService(clock: ManualClock()) { $0.cacheBytes = 400_000 }
        let id = try service.doneJob(Sound.tone())
        let cache = service.folder.path("data/cache/\(id)")
        func mix(_ gain: Double) throws -> Answer {
            try service.get("/v1/separations/\(id)/mix?bass=\(gain)")
        }
        let first = try mix(0.1)
        try setUsed(1, in: cache)
        for (index, gain) in [0.2, 0.3, 0.4, 0.5].enumerated() {
            let made = try FileManager.default.contentsOfDirectory(atPath: cache)
            #expect(try mix(gain).status == 200)
            try setUsed(Double(index + 2), in: cache, except: Set(made))
        }
        #expect(try mix(0.1).status == 200)
        service.advance(by: 3)
        let tag = try #require(first.headers["etag"]).split(separator: "\"")[0].prefix(32)
        let left = try FileManager.default.contentsOfDirectory(atPath: cache)
        #expect(left.count == 2)
        #expect(left.contains("mix-\(tag).wav"), "\(left)")
        #expect(try mix(0.2).status == 200)
    }

    @Test func theNewestResultStaysWhateverTheQuota() throws {
        let folder = try TemporaryFolder()
        var service: RunningService? = try RunningService(in: folder)
        let ids = try [200.0, 300].map { try #require(service).doneJob(Sound.tone(pitchHz: $0)) }
        service?.service.stop()
        service = nil
        let second = try RunningService(in: folder, clock: ManualClock()) {
            $0.quotaBytes = 100_000
        }
        second.advance(by: 3)
        #expect(try second.get("/v1/separations/\(ids[0])").status == 404)
        second.advance(by: 3)
        #expect(try second.get("/v1/separations/\(ids[1])/stems/bass.wav").status == 200)
    }

    @Test func damagedWaveformsAreMadeAgain() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone())
        let peaks = "/v1/separations/\(id)/peaks?points=10"
        let right = try service.get(peaks).body
        let path = service.folder.path("data/cache/\(id)/waveforms")
        let stored = try Data(contentsOf: URL(fileURLWithPath: path))
        // A file for more stems than the job has, and shorter ones.
        var other = stored
        other[0] = 5
        other += Data(count: 8 + (stored.count - 64) / 4)
        for damaged in [Data(), Data("damaged".utf8), Data(stored.dropLast()), other] {
            try damaged.write(to: URL(fileURLWithPath: path))
            let answer = try service.get(peaks)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.body == right)
        }
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
