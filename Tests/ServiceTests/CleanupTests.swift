import Foundation
import TestSupport
import Testing

/// Results, copies and old jobs that make room.
@Suite(.serialized)
struct CleanupTests {
    @Test func oldJobsAreRemoved() throws {
        let service = try RunningService(clock: ManualClock()) { $0.keepSeconds = 3600 }
        let id = try service.doneJob(Sound.tone(seconds: 0.5))
        service.advance(by: 3590)
        #expect(try service.get("/v1/separations/\(id)").status == 200)
        service.advance(by: 20)
        #expect(try service.get("/v1/separations/\(id)").status == 404)
        #expect(try service.files("tracks").isEmpty)
    }

    @Test func aJumpOfTheClockRemovesNothing() throws {
        let folder = TemporaryFolder()
        let first = try RunningService(in: folder)
        let id = try first.doneJob(Sound.tone(seconds: 0.2))
        first.end()
        // As if the time of day had jumped by years after the job. The other clock is damaged.
        try change(folder.path("data/tracks/\(id)/track.json")) {
            $0["created"] = 5.0
            $0["started"] = 6.0
            $0["finished"] = 7.0
        }
        _ = try folder.write("9223372036854775807\n", "data/clock")
        let second = try RunningService(in: folder) { $0.keepSeconds = 3600 }
        second.advance(by: 0)
        #expect(try second.get("/v1/separations/\(id)").status == 200)
        second.end()
        // The time for which the service runs does count, over several runs.
        _ = try folder.write("4100\n", "data/clock")
        let third = try RunningService(in: folder) { $0.keepSeconds = 3600 }
        third.advance(by: 0)
        #expect(try third.get("/v1/separations/\(id)").status == 404)
    }

    @Test func theOldestFinishedJobsAreRemovedBeyondALimit() throws {
        let service = try RunningService(tokens: RunningService.tokens) {
            $0.jobs = 0
            $0.limits.finished = 3
        }.whenReady()
        func cancelledJob(_ user: String) throws -> String {
            let id = try service.job(Sound.tone(seconds: 0.02), headers: [user])
            _ = try service.request("DELETE", "/v1/separations/\(id)", [user])
            return id
        }
        let bens = try cancelledJob(RunningService.ben)
        let annas = try (0..<6).map { _ in try cancelledJob(RunningService.anna) }
        service.advance(by: 0)
        // The one with the most jobs loses the oldest ones.
        #expect(try service.jobs(RunningService.anna) == [annas[5], annas[4]])
        #expect(try service.jobs(RunningService.ben) == [bens])
    }

    @Test func theNewestResultStaysWhateverTheQuota() throws {
        let folder = TemporaryFolder()
        let first = try RunningService(in: folder)
        let ids = try [200.0, 300].map { try first.doneJob(Sound.tone(pitchHz: $0)) }
        first.end()
        let second = try RunningService(in: folder, clock: ManualClock()) {
            $0.quotaBytes = 100_000
        }
        second.advance(by: 3)
        #expect(try second.get("/v1/separations/\(ids[0])").status == 404)
        second.advance(by: 3)
        #expect(try second.get("/v1/separations/\(ids[1])/stems/bass.wav").status == 200)
    }

    @Test func anUploadRemovesNoResults() throws {
        let service = try RunningService(clock: ManualClock()) { $0.quotaBytes = 1_600_000 }
        let id = try service.doneJob(Sound.tone())
        let uploading = try service.open(
            "/v1/separations", "Content-Length: 9000000", method: "POST")
        uploading.send(Data(count: 3_000_000))
        try waitUntil("3 MB of the upload have arrived") {
            guard let name = try service.files("uploads").first else { return false }
            let path = service.folder.path("data/uploads/\(name)")
            return try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
                == 3_000_000
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
        try setUsed(1, in: service.folder.path("data/cache/\(ids[0])"))
        func mixes(_ id: String) throws -> [String] {
            try service.files("cache/\(id)").filter { $0.hasPrefix("mix-") }
        }
        service.advance(by: 3)
        #expect(try mixes(ids[0]).isEmpty)
        service.advance(by: 3)
        #expect(try mixes(ids[1]).count == 1)
        for id in ids { #expect(try service.get("/v1/separations/\(id)").status == 200) }
        #expect(try service.get("/v1/separations/\(ids[0])/mix?bass=0.5").status == 200)
    }

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
            let made = try service.files("cache/\(id)")
            #expect(try mix(gain).status == 200)
            try setUsed(Double(index + 2), in: cache, except: Set(made))
        }
        #expect(try mix(0.1).status == 200)
        service.advance(by: 3)
        let tag = try #require(first.headers["etag"]).split(separator: "\"")[0].prefix(32)
        let left = try service.files("cache/\(id)").filter { $0.hasPrefix("mix-") }
        #expect(left.count == 2)
        #expect(left.contains("mix-\(tag).wav"), "\(left)")
        #expect(try mix(0.2).status == 200)
    }
}
