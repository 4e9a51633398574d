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
}
