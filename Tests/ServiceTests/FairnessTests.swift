import Foundation
import Service
import TestSupport
import Testing

/// Two users: what one of them does takes nothing from the other.
@Suite(.serialized)
struct FairnessTests {
    private let folder = TemporaryFolder()
    private let anna = RunningService.anna
    private let ben = RunningService.ben
    private let address = "/v1/separations"

    private func service(
        clock: ManualClock? = nil, gate: JobGate? = nil,
        _ change: (inout ServiceSettings) -> Void
    ) throws -> RunningService {
        try RunningService(
            in: folder, clock: clock, gate: gate, tokens: RunningService.tokens, change
        ).whenReady()
    }

    private func doneJob(
        _ service: RunningService, _ user: String, seconds: Double = 0.2, pitchHz: Double = 220
    ) throws -> String {
        let id = try service.job(Sound.tone(seconds: seconds, pitchHz: pitchHz), headers: [user])
        #expect(try service.finished(id, [user])["state"] as? String == "done")
        return id
    }

    /// Makes every mix of a job take far longer than the requests beside it: its stems become
    /// half an hour of silence. On two cores of today, seventeen of them take longer than a test waits, so that
    /// a wrong order fails; on much faster ones it may pass, as a right one always does.
    private func lengthen(_ id: String) throws {
        let bytes = 1_800 * 44_100 * 4
        var header = [UInt8](Sound.tone(seconds: 0.001).prefix(44))
        for (place, size) in [(4, bytes + 36), (40, bytes)] {
            for byte in 0..<4 { header[place + byte] = UInt8(size >> (8 * byte) & 255) }
        }
        for index in 0..<4 {
            let path = folder.path("data/tracks/\(id)/stems/\(index).wav")
            try Data(header).write(to: URL(fileURLWithPath: path))
            truncate(path, bytes + 44)
        }
    }

    /// Asks for mixes of one user: the first is made, sixteen wait, and eight are refused.
    private func fill(
        _ service: RunningService, _ id: String, _ headers: String...
    ) throws -> [Connection] {
        try lengthen(id)
        func open(_ volume: Int) throws -> Connection {
            let connection = try Connection(port: service.port)
            connection.send("GET", "\(address)/\(id)/mix?bass=0.\(volume)", headers)
            return connection
        }
        // Made again where the first mix begins.
        try FileManager.default.removeItem(atPath: folder.path("data/cache/\(id)"))
        let first = try open(10)
        try waitUntil("the first mix is made") { try service.files("cache").contains(id) }
        let mixes = [first] + (try (11..<35).map(open))
        try waitUntil("eight mixes are refused") {
            try service.get("/metrics", headers).text.contains("{kind=\"too-many-requests\"} 8\n")
        }
        return mixes
    }

    @Test func oneUsersMixesDontKeepAnothersRequestsWaiting() throws {
        let service = try service { $0.limits.workSlots = 1 }
        let (annas, bens) = (try doneJob(service, anna), try doneJob(service, ben))
        let mixes = try fill(service, annas, anna)
        let refused = try service.get("\(address)/\(annas)/mix?bass=0.9", [anna])
        #expect(refused.status == 429 && refused.headers["retry-after"] == "5")
        // A check of an upload has its own slot, the other user's mix the next one.
        let upload = try service.upload(Sound.tone(seconds: 0.2, pitchHz: 300), headers: [ben])
        #expect(upload.status == 202, "\(upload.text)")
        let mix = try service.open("\(address)/\(bens)/mix?bass=0.5", ben)
        mixes[0].shutDown()
        #expect(mix.receive(untilOneOf: ["200 OK"]).contains("200 OK"))
        for mix in mixes { mix.shutDown() }
    }

    @Test func withoutTokensAddressesTakeTurns() throws {
        let service = try RunningService(in: folder) { $0.limits.workSlots = 1 }.whenReady()
        let id = try service.doneJob(Sound.tone(seconds: 0.2))
        let mixes = try fill(service, id)
        let other = try Connection(port: service.port, from: "127.0.0.2")
        other.send("GET", "\(address)/\(id)/stems/bass.flac?from=0.1&to=0.15")
        mixes[0].shutDown()
        #expect(other.receive(untilOneOf: ["200 OK"]).contains("200 OK"))
        for mix in mixes { mix.shutDown() }
    }

    @Test func songsTakeTurnsByUser() throws {
        let gate = JobGate(before: 0)
        let service = try service(gate: gate) { _ in }
        func job(_ user: String, _ pitchHz: Double) throws -> String {
            try service.job(Sound.tone(seconds: 0.1, pitchHz: pitchHz), headers: [user])
        }
        func position(_ id: String, _ user: String) throws -> Int? {
            try service.get("\(address)/\(id)", [user]).object["queue_position"] as? Int
        }
        let running = try job(anna, 200)
        try waitUntil("the first song runs") {
            try service.get("\(address)/\(running)", [anna]).object["state"] as? String == "running"
        }
        let annas = try [201, 202, 203].map { try job(anna, $0) }
        #expect(try annas.map { try position($0, anna) } == [1, 2, 3])
        let bens = try [301, 302].map { try job(ben, $0) }
        #expect(try bens.map { try position($0, ben) } == [1, 3])
        #expect(try annas.map { try position($0, anna) } == [2, 4, 5])
        // Moving among one's own leaves the turns of the other.
        _ = try service.request("PUT", "\(address)/\(annas[2])/place?before=\(annas[0])", [anna])
        #expect(try annas.map { try position($0, anna) } == [4, 5, 2])
        #expect(try bens.map { try position($0, ben) } == [1, 3])
        gate.open()
        for id in bens { try service.finished(id, [ben]) }
    }

    @Test func aFullQueueHasRoomForAnothersShare() throws {
        let service = try service {
            $0.jobs = 0
            $0.limits.queue = 4
        }
        func statuses(_ user: String, _ count: Int) throws -> [Int] {
            try (0..<count).map {
                try service.upload(
                    Sound.tone(seconds: 0.02, pitchHz: Double(200 + $0)), headers: [user]
                ).status
            }
        }
        #expect(try statuses(anna, 5) == [202, 202, 202, 202, 429])
        #expect(try statuses(ben, 3) == [202, 202, 429])
        let refused = try service.upload(Sound.tone(seconds: 0.02), headers: [ben])
        #expect(refused.headers["retry-after"] != nil)
        #expect(
            refused.detail.contains(
                "6 jobs are waiting, and the queue takes 4. 2 of them are yours"))
        let metrics = ["Authorization: Bearer token-of-no-user"]
        #expect(try service.get("/metrics", metrics).text.contains("queue_length 6\n"))
        #expect(try service.get(address, metrics).detail.contains("for /metrics alone"))
    }

    @Test func oneUsersSongsDontPushOutAnothers() throws {
        // Four stems of one second take 0.7 MB.
        let service = try service(clock: ManualClock()) { $0.quotaBytes = 2_200_000 }
        let bens = try doneJob(service, ben, seconds: 1)
        let annas = try (0..<4).map {
            try doneJob(service, anna, seconds: 1, pitchHz: Double(300 + $0))
        }
        service.advance(by: 3)
        let left = try annas.map { try service.get("\(address)/\($0)", [anna]).status }
        #expect(left == [404, 404, 200, 200])
        #expect(try service.get("\(address)/\(bens)", [ben]).status == 200)
        // A song beyond the own share fits beside those of the others.
        #expect(try service.upload(Sound.tone(seconds: 2), headers: [anna]).status == 202)
        let large = try service.upload(Sound.tone(seconds: 4), headers: [anna])
        #expect(large.status == 422 && large.detail.contains("2.2 MB"), "\(large.text)")
    }

    @Test func smallPartsLeaveNoFiles() throws {
        let service = try service { _ in }
        let id = try doneJob(service, ben, seconds: 1)
        let stem = "\(address)/\(id)/stems/bass.wav"
        let before = try service.files("cache")
        for number in 0..<20 {
            let part = try service.get("\(stem)?from=0.00\(number + 10)&to=0.5", [ben])
            #expect(part.status == 200)
        }
        #expect(try service.files("cache") == before)
        #expect(try service.files("tmp").isEmpty)
        // Times between two samples are the same part.
        let tags = try ["0.1", "0.100001"].map {
            try service.get("\(stem)?from=\($0)", [ben]).headers["etag"]
        }
        #expect(tags[0] != nil && tags[0] == tags[1])
    }
}
