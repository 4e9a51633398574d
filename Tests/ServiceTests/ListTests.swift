import Foundation
import TestSupport
import Testing

/// The list of jobs: search, order, the queue's order, removal.
@Suite(.serialized)
struct ListTests {
    private func upload(
        _ service: RunningService, _ name: String, _ seconds: Double = 0.1
    ) throws -> String {
        try service.job(Sound.tone(seconds: seconds), headers: ["X-Filename: \(name)"])
    }

    /// A page of the list: the names of its jobs, the cursor of the next page, and the number of all jobs.
    private func page(
        _ service: RunningService, _ query: String
    ) throws -> (names: [String], next: String?, total: Int?) {
        let reply = try service.get("/v1/separations?\(query)").object
        let jobs = try #require(reply["separations"] as? [[String: Any]], "\(reply)")
        return (
            jobs.compactMap { $0["name"] as? String }, reply["next"] as? String,
            reply["total"] as? Int
        )
    }

    private func names(_ service: RunningService, _ query: String) throws -> [String] {
        try page(service, query).names
    }

    @Test func theListComesInPages() throws {
        let service = try RunningService { $0.jobs = 0 }
        #expect(try page(service, "limit=1").total == 0)
        let ids = try (0..<5).map { try upload(service, "\($0)", 0.02) }
        #expect(try names(service, "") == ["4", "3", "2", "1", "0"])
        #expect(try page(service, "limit=5").next == nil)
        let first = try page(service, "limit=2")
        #expect(first.names == ["4", "3"] && first.total == 5)
        // The cursor stays valid when the job at the end of the page is removed.
        for _ in 0..<2 { try service.delete(ids[3]) }
        let second = try page(service, "limit=2&after=\(try #require(first.next))")
        #expect(second.names == ["2", "1"])
        let third = try page(service, "limit=2&after=\(try #require(second.next))")
        #expect(third.names == ["0"] && third.next == nil)
        for query in ["limit=0", "limit=1001", "limit=x", "after=x"] {
            #expect(try service.get("/v1/separations?\(query)").status == 422, "\(query)")
        }
    }

    @Test func theListIsSearchedSortedAndPaged() throws {
        let service = try RunningService { $0.jobs = 0 }.whenReady()
        for (name, seconds) in [("Night train.wav", 0.3), ("day.wav", 0.1), ("a night.wav", 0.2)] {
            _ = try upload(service, name, seconds)
        }
        #expect(try names(service, "search=NIGHT") == ["a night.wav", "Night train.wav"])
        #expect(try names(service, "search=train%20night") == ["Night train.wav"])
        #expect(try names(service, "sort=name") == ["a night.wav", "day.wav", "Night train.wav"])
        #expect(try names(service, "sort=-duration").first == "Night train.wav")
        #expect(try names(service, "sort=created").first == "Night train.wav")
        #expect(try names(service, "state=done,failed") == [])
        let first = try page(service, "sort=name&limit=2")
        #expect(first.total == 3)
        let next = try #require(first.next)
        #expect(try names(service, "sort=name&limit=2&after=\(next)") == ["Night train.wav"])
        for query in ["sort=colour", "sort=--name", "state=lost", "search=x&after=y"] {
            #expect(try service.get("/v1/separations?\(query)").status == 422, "\(query)")
        }
    }

    @Test func aWaitingJobMovesInTheQueue() throws {
        let folder = TemporaryFolder()
        var ids: [String] = []
        func order(_ service: RunningService) throws -> [Int] {
            try ids.compactMap {
                try service.get("/v1/separations/\($0)").object["queue_position"] as? Int
            }
        }
        do {
            let service = try RunningService(in: folder) { $0.jobs = 0 }.whenReady()
            ids = try (1...4).map { try upload(service, "\($0).wav") }
            func move(_ index: Int, _ query: String = "") throws -> Answer {
                try service.request("PUT", "/v1/separations/\(ids[index])/place\(query)")
            }
            #expect(try order(service) == [1, 2, 3, 4])
            #expect(try move(3, "?before=\(ids[1])").object["queue_position"] as? Int == 2)
            #expect(try order(service) == [1, 3, 4, 2])
            #expect(try move(0).status == 200)
            #expect(try order(service) == [4, 2, 3, 1])
            try service.delete(ids[1])
            #expect(try order(service) == [3, 2, 1])
            #expect(try move(0, "?before=\(ids[1])").status == 409)
            #expect(try move(1).status == 409)
        }
        // The order outlasts the service.
        let service = try RunningService(in: folder) { $0.jobs = 0 }
        #expect(try order(service) == [3, 2, 1])
    }

    @Test func endedJobsAreRemovedTogether() throws {
        let gate = JobGate()
        let service = try RunningService(clock: ManualClock(), gate: gate)
        let done = try service.doneJob(Sound.tone(seconds: 0.2))
        gate.hold(before: 0)
        let running = try upload(service, "running.wav")
        try service.waitUntilRunning(running)
        let waiting = try upload(service, "waiting.wav")
        let cancelled = try upload(service, "cancelled.wav")
        // The end of each waiting job is estimated by those that are done.
        service.advance(by: 3)
        let times = try [waiting, cancelled].map {
            try #require(try service.get("/v1/separations/\($0)").object["seconds_left"] as? Double)
        }
        #expect(times[0] > 0 && times[1] > times[0])
        try service.delete(cancelled)
        func statuses() throws -> [Int] {
            try [done, running, waiting, cancelled].map {
                try service.get("/v1/separations/\($0)").status
            }
        }
        let some = try service.request("DELETE", "/v1/separations?state=failed,cancelled")
        #expect(some.object["removed"] as? Int == 1)
        #expect(try statuses() == [200, 200, 200, 404])
        #expect(try service.request("DELETE", "/v1/separations?state=running").status == 422)
        #expect(try service.request("DELETE", "/v1/separations").object["removed"] as? Int == 1)
        #expect(try statuses() == [404, 200, 200, 404])
    }
}
