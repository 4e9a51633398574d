import Foundation
import TestSupport
import Testing

/// Server-sent events.
@Suite(.serialized)
struct EventTests {
    private struct Event {
        /// Nil for events before the end of the present state.
        let id: Int?
        let name: String
        let data: [String: Any]
    }

    /// The events in a body that is sent in chunks.
    private func events(_ body: String) -> [Event] {
        let text = body.replacing(/\r\n[0-9A-Fa-f]+\r\n/, with: "")
        return text.components(separatedBy: "\n\n").compactMap { block in
            var fields: [String: String] = [:]
            for line in block.split(whereSeparator: \.isNewline) {
                let sides = line.split(separator: ":", maxSplits: 1)
                if sides.count == 2 {
                    fields[String(sides[0])] = sides[1].trimmingCharacters(in: .whitespaces)
                }
            }
            guard let name = fields["event"], let data = fields["data"],
                let object = try? JSONSerialization.jsonObject(with: Data(data.utf8))
            else { return nil }
            return Event(
                id: fields["id"].flatMap { Int($0) }, name: name,
                data: object as? [String: Any] ?? [:])
        }
    }

    /// The events of a stream until a text has arrived.
    private func stream(
        _ service: RunningService, _ target: String, after id: Int? = nil, until text: String
    ) throws -> [Event] {
        let connection = try Connection(port: service.port)
        connection.send("GET", target, id.map { ["Last-Event-ID: \($0)"] } ?? [])
        let answer = connection.receive(until: text)
        #expect(answer.contains("text/event-stream"))
        #expect(answer.contains("retry: "))
        return events(answer)
    }

    @Test func aStreamSendsAJobUntilItIsDone() throws {
        let gate = JobGate(before: 1)
        let service = try RunningService(gate: gate)
        let id = try service.job(Sound.tone(seconds: 5))
        let connection = try service.open("/v1/separations/\(id)/events")
        let half = connection.receive(until: "\"fraction\":0.5")
        gate.open()
        let received = events(half + connection.receive(until: "\"state\":\"done\""))
        let ids = received.compactMap(\.id)
        #expect(ids.count == received.count && ids == ids.sorted())
        #expect(Set(received.map(\.name)) == ["job"])
        let fractions = received.compactMap { $0.data["fraction"] as? Double }
        #expect(fractions == fractions.sorted())
        #expect(fractions.contains(0.5))
        #expect(received.last?.data["state"] as? String == "done")
    }

    @Test func aClientThatComesBackMissesNothing() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone(seconds: 4))
        let all = try stream(service, "/v1/events", after: 1, until: "\"state\":\"done\"")
        #expect(all.map(\.name) == ["state", "job"])
        #expect(all[0].id == nil)
        let seen = try #require(all[1].id)
        // After an id that is still kept, all later events are sent again.
        let second = try service.doneJob(Sound.tone(seconds: 4, pitchHz: 330))
        let received = try stream(service, "/v1/events", after: seen, until: "\"id\":\"\(second)\"")
        #expect(received.first.map { $0.id == seen + 1 } == true)
        #expect(received.first?.data["id"] as? String == second)
        #expect(received.first?.data["state"] as? String == "queued")
        try service.delete(id)
        let removed = try stream(service, "/v1/events", after: seen, until: "event: removed")
        #expect(removed.map(\.id) == Array(seen + 1...seen + removed.count))
        let last = try stream(
            service, "/v1/events", after: removed.compactMap(\.id).max(), until: "\n\n")
        #expect(last.isEmpty)
    }

    @Test func aStreamOutlivesTheIdleTimeout() throws {
        let service = try RunningService(clock: ManualClock()) { $0.limits.idleSeconds = 3 }
        let connection = try service.open("/v1/events")
        #expect(connection.receive(until: "event: state").contains("event: state"))
        service.advance(by: 11)
        #expect(connection.receive(until: "still here").contains("still here"))
        // The library closes a connection that is idle after the stream's last bytes.
        let idle = try service.open("/livez")
        #expect(String(decoding: idle.receiveAll(), as: UTF8.self).contains("200 OK"))
        let id = try service.doneJob(Sound.tone(seconds: 0.2))
        let received = connection.receive(until: "\"state\":\"done\"")
        #expect(received.contains(id))
    }

    @Test func aSlowClientGetsThePresentStateForLostEvents() throws {
        // Nothing runs, and each cancelled job changes the positions of all later ones.
        let service = try RunningService {
            $0.jobs = 0
            $0.limits.queue = 250
        }
        let sound = Sound.tone(seconds: 0.02)
        let ids = try (0..<200).map { _ in try service.job(sound) }
        let connection = try service.open("/v1/events?limit=1000", receivedBytes: 4096)
        let beginning = connection.receive(until: ids[0])
        for id in ids { try service.delete(id) }
        let last = try service.job(sound)
        let rest = connection.receive(until: "\"id\":\"\(last)\"")
        var states: [String: String] = [:]
        for event in events(beginning + rest) {
            states[event.data["id"] as? String ?? ""] = event.data["state"] as? String
        }
        #expect(ids.filter { states[$0] != "cancelled" } == [])
    }

    @Test func aStreamBeginsWithOnePageAndAllWaitingJobs() throws {
        let service = try RunningService { $0.jobs = 0 }
        let sound = Sound.tone(seconds: 0.02)
        let ids = try (0..<5).map { _ in try service.job(sound) }
        for id in ids[2...] { try service.delete(id) }
        let events = try stream(service, "/v1/events?limit=2", until: ids[4])
        #expect(events.map(\.name) == ["state", "job", "job", "job", "job"])
        #expect(events[0].data["total"] as? Int == 5)
        let ends = events.dropFirst().map { $0.data["id"] as? String }
        #expect(ends == [ids[0], ids[1], ids[3], ids[4]])
        // Only the end of the state has an id: a client that loses it before gets all again.
        #expect(events.map { $0.id != nil } == [false, false, false, false, true])
        let next = try #require(events[0].data["next"] as? String)
        let page = try service.get("/v1/separations?limit=1&after=\(next)").object
        #expect((page["separations"] as? [[String: Any]])?.first?["id"] as? String == ids[2])
        let none = try stream(service, "/v1/events?limit=0", until: ids[1])
        #expect(none.map(\.name) == ["state", "job", "job"])
        #expect(try service.get("/v1/events?limit=1001").status == 422)
        // The list's last event continues in the stream.
        let last = try #require(
            try service.get("/v1/separations?limit=1").object["last_event"] as? Int)
        try service.delete(ids[0])
        let later = try stream(
            service, "/v1/events?last-event-id=\(last)", until: "\"state\":\"cancelled\"")
        #expect(later.first?.id == last + 1)
        #expect(later.first?.data["id"] as? String == ids[0])
    }

    @Test func aStreamOfARemovedJobSendsTheRemoval() throws {
        let service = try RunningService { $0.jobs = 0 }
        let id = try service.job(Sound.tone(seconds: 0.02))
        let connection = try service.open("/v1/separations/\(id)/events")
        _ = connection.receive(until: id)
        for _ in 0..<2 { try service.delete(id) }
        #expect(connection.receive(until: "event: removed").contains("event: removed"))
    }
}
