import Foundation
import System
import TestSupport
import Testing

/// Results, copies and old jobs that make room.
@Suite(.serialized)
struct CleanupTests {
    @Test func oldJobsAreRemovedWhateverTheTimeOfDay() throws {
        let first = try RunningService(clock: ManualClock()) { $0.keepSeconds = 3600 }
        let old = try first.doneJob()
        first.advance(by: 3590)
        #expect(try first.status(old) == 200)
        first.advance(by: 20)
        #expect(try first.status(old) == 404)
        #expect(try first.files("tracks").isEmpty)
        let id = try first.doneJob()
        first.end()
        // As if the time of day had jumped by years after the job. The other clock is damaged.
        try changeRecord(of: id, in: first.folder) {
            for name in ["created", "started", "finished"] { $0[name] = 5.0 }
        }
        // The time for which the service runs does count, over several runs.
        for (clock, status) in [("9223372036854775807\n", 200), ("9000\n", 404)] {
            try first.folder.write(clock, "data/clock")
            let next = try RunningService(in: first.folder) { $0.keepSeconds = 3600 }
            next.advance(by: 0)
            #expect(try next.status(id) == status)
            next.end()
        }
    }

    @Test func theOldestFinishedJobsAreRemovedBeyondALimit() throws {
        let service = try RunningService(tokens: RunningService.tokens) {
            $0.jobs = 0
            $0.limits.finished = 3
        }.whenReady()
        let (anna, ben) = (RunningService.anna, RunningService.ben)
        let ids = try [ben, anna, anna, anna, anna].map { user in
            let id = try service.job(Sound.tone(seconds: 0.02), user)
            try service.delete(id, user)
            return id
        }
        service.advance(by: 0)
        // The one with the most jobs loses the oldest ones.
        #expect(try service.jobs(anna) == [ids[4], ids[3]])
        #expect(try service.jobs(ben) == [ids[0]])
    }

    @Test func theBytesOfTheDataFolderAreMeasured() throws {
        let service = try RunningService(clock: ManualClock())
        let id = try service.doneJob()
        service.advance(by: 60)
        let stems = try service.get("\(id)/stems/bass.wav").body.count * 4
        let before = try service.metric("data_bytes")
        #expect((stems..<2 * stems).contains(before))
        try service.delete(id)
        service.advance(by: 60)
        #expect(try service.metric("data_bytes") <= before - stems)
    }

    @Test func theNewestResultStaysWhateverTheQuota() throws {
        let first = try RunningService()
        let ids = try [200.0, 300].map { try first.doneJob(Sound.tone(pitchHz: $0)) }
        let second = try RunningService(after: first, clock: ManualClock()) {
            $0.quotaBytes = 100_000
        }
        for _ in 0..<2 { second.advance(by: 3) }
        #expect(try second.status(ids[0]) == 404)
        #expect(try second.status("\(ids[1])/stems/bass.wav") == 200)
    }

    @Test func anUploadRemovesNoResults() throws {
        let service = try RunningService(clock: ManualClock()) { $0.quotaBytes = 1_600_000 }
        let id = try service.doneJob(Sound.tone())
        let uploading = try service.openUpload("Content-Length: 9000000")
        uploading.send(Data(count: 3_000_000))
        try waitUntil("3 MB of the upload have arrived") {
            try service.files("uploads").contains {
                FilePath.countBytes(service.path("uploads/\($0)")) == 3_000_000
            }
        }
        service.advance(by: 3)
        #expect(try service.status(id) == 200)
    }

    /// The mixes among the copies of a job, which take 0.18 MB for a second of sound.
    private func mixes(_ service: RunningService, _ id: String) throws -> Set<String> {
        Set(try service.files("cache/\(id)").filter { $0.hasPrefix("mix-") })
    }

    /// Sets the time of the last use of a job's copies.
    private func setUsed(
        _ seconds: Double, _ service: RunningService, _ id: String, except kept: Set<String> = []
    ) throws {
        for name in try service.files("cache/\(id)") where !kept.contains(name) {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: seconds)],
                ofItemAtPath: service.path("cache/\(id)/\(name)"))
        }
    }

    @Test func oldCopiesMakeRoomBeforeResults() throws {
        // The stems of two jobs take 1.4 MB.
        let service = try RunningService(clock: ManualClock()) { $0.quotaBytes = 1_700_000 }
        let ids = try [200.0, 300].map { try service.doneJob(Sound.tone(pitchHz: $0)) }
        for id in ids { #expect(try service.status("\(id)/mix?bass=0.5") == 200) }
        try setUsed(1, service, ids[0])
        service.advance(by: 3)
        #expect(try mixes(service, ids[0]).isEmpty)
        service.advance(by: 3)
        #expect(try mixes(service, ids[1]).count == 1)
        for id in ids { #expect(try service.status(id) == 200) }
        #expect(try service.status("\(ids[0])/mix?bass=0.5") == 200)
    }

    @Test func theLeastRecentlyUsedCopiesAreRemoved() throws {
        let service = try RunningService(clock: ManualClock()) { $0.cacheBytes = 400_000 }
        let id = try service.doneJob(Sound.tone())
        for (index, gain) in [0.1, 0.2, 0.3, 0.4, 0.5].enumerated() {
            let earlier = try mixes(service, id)
            #expect(try service.status("\(id)/mix?bass=\(gain)") == 200)
            try setUsed(Double(index + 1), service, id, except: earlier)
        }
        let first = try service.get("\(id)/mix?bass=0.1")
        service.advance(by: 3)
        let tag = try #require(first.headers["etag"]).split(separator: "\"")[0].prefix(32)
        let left = try mixes(service, id)
        #expect(left.count == 2)
        #expect(left.contains("mix-\(tag).wav"), "\(left)")
        #expect(try service.status("\(id)/mix?bass=0.2") == 200)
    }
}
