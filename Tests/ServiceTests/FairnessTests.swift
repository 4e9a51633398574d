import Foundation
import Service
import TestSupport
import Testing

/// Two users: what one of them does takes nothing from the other.
@Suite(.serialized)
struct FairnessTests {
    private let anna = RunningService.anna
    private let ben = RunningService.ben

    private func service(
        clock: ManualClock? = nil, gate: JobGate? = nil,
        _ change: (inout ServiceSettings) -> Void
    ) throws -> RunningService {
        try RunningService(clock: clock, gate: gate, tokens: RunningService.tokens, change)
            .whenReady()
    }

    private func tone(_ pitchHz: Int, seconds: Double = 0.1) -> Data {
        Sound.tone(seconds: seconds, pitchHz: Double(pitchHz))
    }

    /// Makes every mix of a job take far longer than the requests beside it: its stems become
    /// half an hour of silence. On two cores of today, seventeen of them take longer than a test waits, so that
    /// a wrong order fails; on much faster ones it may pass, as a right one always does.
    private func lengthen(_ id: String, _ service: RunningService) throws {
        let bytes = 1_800 * 44_100 * 4
        var header = [UInt8](Sound.tone(seconds: 0.001).prefix(44))
        for (place, size) in [(4, bytes + 36), (40, bytes)] {
            for byte in 0..<4 { header[place + byte] = UInt8(size >> (8 * byte) & 255) }
        }
        for index in 0..<4 {
            truncate(
                try service.folder.write(Data(header), "data/tracks/\(id)/stems/\(index).wav"),
                bytes + 44)
        }
    }

    /// Asks for mixes of one user: the first is made, sixteen wait, and eight are refused.
    private func fill(
        _ service: RunningService, _ id: String, _ header: String
    ) throws -> [Connection] {
        try lengthen(id, service)
        // Made again where the first mix begins.
        try FileManager.default.removeItem(atPath: service.path("cache/\(id)"))
        let first = try service.open("\(id)/mix?bass=0.10", header)
        try waitUntil("the first mix is made") { try service.files("cache").contains(id) }
        let others = try (11..<35).map { try service.open("\(id)/mix?bass=0.\($0)", header) }
        try waitUntil("eight mixes are refused") {
            try service.get("/metrics", header).text.contains("{kind=\"too-many-requests\"} 8\n")
        }
        return [first] + others
    }

    @Test func oneUsersMixesDontKeepAnothersRequestsWaiting() throws {
        let service = try service { $0.limits.workSlots = 1 }
        let annas = try service.doneJob(tone(220), anna)
        let bens = try service.doneJob(tone(220), ben)
        let mixes = try fill(service, annas, anna)
        let refused = try service.get("\(annas)/mix?bass=0.9", anna)
        refused.expectProblem(429, "too-many-requests")
        #expect(refused.headers["retry-after"] == "5")
        // A check of an upload has its own slot, the other user's mix the next one.
        _ = try service.job(tone(300), ben)
        let mix = try service.open("\(bens)/mix?bass=0.5", ben)
        mixes[0].shutDown()
        mix.receive(until: "200 OK")
        for mix in mixes { mix.shutDown() }
    }

    @Test func withoutTokensAddressesTakeTurns() throws {
        let service = try RunningService { $0.limits.workSlots = 1 }.whenReady()
        let id = try service.doneJob()
        let mixes = try fill(service, id, "Accept: */*")
        let other = try service.open("\(id)/stems/bass.flac?from=0.1&to=0.15", from: "127.0.0.2")
        mixes[0].shutDown()
        other.receive(until: "200 OK")
        for mix in mixes { mix.shutDown() }
    }

    @Test func songsTakeTurnsByUser() throws {
        let gate = JobGate(before: 0)
        let service = try service(gate: gate) { _ in }
        let running = try service.job(tone(200), anna)
        try service.waitUntilRunning(running, anna)
        let annas = try (201...203).map { try service.job(tone($0), anna) }
        func positions(_ ids: [String], _ user: String) throws -> [Int] {
            try ids.compactMap { try service.get($0, user)["queue_position"] }
        }
        #expect(try positions(annas, anna) == [1, 2, 3])
        let bens = try (301...302).map { try service.job(tone($0), ben) }
        #expect(try positions(bens, ben) == [1, 3])
        #expect(try positions(annas, anna) == [2, 4, 5])
        // Moving among one's own leaves the turns of the other.
        _ = try service.request("PUT", "\(annas[2])/place?before=\(annas[0])", [anna])
        #expect(try positions(annas, anna) == [4, 5, 2])
        #expect(try positions(bens, ben) == [1, 3])
        gate.open()
        for id in bens { try service.expectEnd("done", of: id, ben) }
    }

    @Test func aFullQueueHasRoomForAnothersShare() throws {
        let service = try service {
            $0.jobs = 0
            $0.limits.queue = 4
        }
        for (user, statuses) in [(anna, [202, 202, 202, 202, 429]), (ben, [202, 202, 429])] {
            for (index, status) in statuses.enumerated() {
                #expect(try service.upload(tone(200 + index), user).status == status)
            }
        }
        try service.upload(tone(220), ben).expectProblem(
            429, "queue-full", "6 jobs are waiting, and the queue takes 4. 2 of them are yours")
        let metrics = "Authorization: Bearer token-of-no-user"
        #expect(try service.metric("queue_length", metrics) == 6)
        #expect(try service.get("/v1/separations", metrics).detail.contains("for /metrics alone"))
    }

    @Test func oneUsersSongsDontPushOutAnothers() throws {
        // Four stems of one second take 0.7 MB.
        let service = try service(clock: ManualClock()) { $0.quotaBytes = 2_200_000 }
        let bens = try service.doneJob(tone(220, seconds: 1), ben)
        let annas = try (300...303).map { try service.doneJob(tone($0, seconds: 1), anna) }
        service.advance(by: 3)
        #expect(try annas.map { try service.status($0, anna) } == [404, 404, 200, 200])
        #expect(try service.status(bens, ben) == 200)
        // A song beyond the own share fits beside those of the others.
        #expect(try service.upload(tone(220, seconds: 2), anna).status == 202)
        try service.upload(tone(220, seconds: 4), anna).expectProblem(422, "no-room", "2.2 MB")
    }

    @Test func smallPartsLeaveNoFiles() throws {
        let (service, id) = try RunningService.withJob(Sound.tone())
        let before = try service.files("cache")
        for number in 10..<30 {
            #expect(try service.status("\(id)/stems/bass.wav?from=0.0\(number)&to=0.5") == 200)
        }
        #expect(try service.files("cache") == before)
        #expect(try service.files("tmp").isEmpty)
        // Times between two samples are the same part.
        let tags = try ["0.1", "0.100001"].map {
            try service.get("\(id)/stems/bass.wav?from=\($0)").headers["etag"]
        }
        #expect(tags[0] != nil && tags[0] == tags[1])
    }
}
