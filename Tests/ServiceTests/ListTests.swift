import Foundation
import TestSupport
import Testing

/// The list of jobs: search, order, the queue's order, removal.
@Suite(.serialized)
struct ListTests {
    private func upload(_ service: RunningService, _ name: String) throws -> String {
        try service.job(Sound.short, "X-Filename: \(name)")
    }

    @Test func theListIsSearchedSortedAndPaged() throws {
        let service = try RunningService { $0.jobs = 0 }.whenReady()
        func page(_ query: String) throws -> Answer { try service.get("/v1/separations?\(query)") }
        #expect(try page("limit=1")["total"] == 0)
        let ids = try [
            ("Night train", 0.3), ("day", 0.1), ("a night", 0.2), ("3", 0.2), ("4", 0.2),
        ]
        .map { try service.job(Sound.tone(seconds: $1), "X-Filename: \($0)") }
        let first = try page("limit=2")
        #expect(first["total"] == 5 && first["separations.*.name"] == ["4", "3"])
        let next: String = try #require(first["next"])
        // The cursor stays valid when the job at the end of the page is removed.
        for _ in 0..<2 { try service.delete(ids[3]) }
        let second: String = try #require(try page("limit=2&after=\(next)")["next"])
        let sorted: String = try #require(try page("sort=name&limit=3")["next"])
        for (query, names) in [
            ("limit=4", ["4", "a night", "day", "Night train"]),
            ("limit=2&after=\(next)", ["a night", "day"]),
            ("limit=2&after=\(second)", ["Night train"]),
            ("search=NIGHT", ["a night", "Night train"]),
            ("search=train%20night", ["Night train"]),
            ("sort=name", ["4", "a night", "day", "Night train"]),
            ("sort=name&limit=3&after=\(sorted)", ["Night train"]),
            ("sort=-duration&search=a", ["Night train", "a night", "day"]),
            ("sort=created", ["Night train", "day", "a night", "4"]), ("state=done,failed", []),
        ] {
            let found = try page(query)
            #expect(found["separations.*.name"] == names, "\(query)")
            // Only a page that has others after it names the next one.
            let hasNext = query == "limit=2&after=\(next)"
            #expect((found["next"] as String? != nil) == hasNext, "\(query)")
        }
        for query in [
            "limit=0", "limit=1001", "limit=x", "after=x", "sort=colour", "sort=--name",
            "state=lost", "search=x&after=y",
        ] { try page(query).expectProblem(422, "invalid-option") }
    }

    @Test func aWaitingJobMovesInTheQueue() throws {
        let first = try RunningService { $0.jobs = 0 }.whenReady()
        let ids = try (1...4).map { try upload(first, "\($0).wav") }
        func order(_ service: RunningService) throws -> [Int] {
            try ids.compactMap { try service.get($0)["queue_position"] }
        }
        func move(_ index: Int, _ query: String = "") throws -> Answer {
            try first.request("PUT", "\(ids[index])/place\(query)")
        }
        #expect(try order(first) == [1, 2, 3, 4])
        #expect(try move(3, "?before=\(ids[1])")["queue_position"] == 2)
        #expect(try order(first) == [1, 3, 4, 2])
        #expect(try move(0).status == 200)
        #expect(try order(first) == [4, 2, 3, 1])
        try first.delete(ids[1])
        #expect(try order(first) == [3, 2, 1])
        try move(0, "?before=\(ids[1])").expectProblem(409, "conflict")
        try move(1).expectProblem(409, "conflict")
        // The order outlasts the service.
        #expect(try order(RunningService(after: first) { $0.jobs = 0 }) == [3, 2, 1])
    }

    /// The end of the running job, and then one after the other, at the pace of the job that is done.
    @Test func waitingJobsAreEstimatedByThoseThatAreDone() throws {
        let gate = JobGate()
        let service = try RunningService(clock: ManualClock(), gate: gate)
        let done = try service.get(service.doneJob(Sound.tone(seconds: 2)))
        let time = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let times = try ["started", "finished"].map { name in
            try time.parse(try #require(done[name] as String?)).timeIntervalSince1970
        }
        gate.hold(before: 0)
        let running = try service.job(Sound.tone(seconds: 0.5))
        try service.waitUntilRunning(running)
        let waiting = try [1, 0.25].map { try service.job(Sound.tone(seconds: $0)) }
        service.advance(by: 3)
        let left: [Double] = try waiting.map { try #require(try service.get($0)["seconds_left"]) }
        // The times are in milliseconds.
        #expect(abs(left[0] - 0.75 * (times[1] - times[0])) <= 0.75e-3 + 1e-6)
        #expect(abs(left[1] / left[0] - 1.75 / 1.5) < 1e-9)
        gate.open()
    }

    @Test func endedJobsAreRemovedTogether() throws {
        let gate = JobGate()
        let service = try RunningService(clock: ManualClock(), gate: gate)
        let done = try service.doneJob(Sound.tone())
        gate.hold(before: 0)
        let running = try upload(service, "running.wav")
        try service.waitUntilRunning(running)
        let waiting = try upload(service, "waiting.wav")
        let cancelled = try upload(service, "cancelled.wav")
        try service.delete(cancelled)
        for (query, removed, statuses) in [
            ("?state=failed,cancelled", 1, [200, 200, 200, 404]),
            ("?state=running", nil, [200, 200, 200, 404]), ("", nil, [200, 200, 200, 404]),
            ("?states=failed", nil, [200, 200, 200, 404]), ("?all", nil, [200, 200, 200, 404]),
            ("?all=true&state=done", nil, [200, 200, 200, 404]),
            ("?state=done&state=failed", nil, [200, 200, 200, 404]),
            ("?all=true", 1, [404, 200, 200, 404]),
        ] {
            let answer = try service.request("DELETE", "/v1/separations\(query)")
            #expect(answer.status == (removed == nil ? 422 : 200))
            #expect(answer["removed"] == removed)
            let left = try [done, running, waiting, cancelled].map { try service.status($0) }
            #expect(left == statuses, "\(query)")
        }
    }
}
