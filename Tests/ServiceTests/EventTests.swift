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
        /// The job of the event.
        var job: String? { data["id"] as? String }
        var state: String? { data["state"] as? String }
    }

    /// The events in a body that is sent in chunks.
    private func events(_ body: String) -> [Event] {
        let text = body.replacing(/\r\n[0-9A-Fa-f]+\r\n/, with: "")
        return text.matches(of: /(?:id: (\d+)\n)?event: (\w+)\ndata: (.*)\n\n/).map { match in
            let data = try? JSONSerialization.jsonObject(with: Data(match.3.utf8))
            return Event(
                id: match.1.flatMap { Int($0) }, name: String(match.2),
                data: data as? [String: Any] ?? [:])
        }
    }

    /// The events of a stream until a text has arrived.
    private func stream(
        _ service: RunningService, _ query: String = "", after id: Int? = nil, until text: String
    ) throws -> [Event] {
        let header = id.map { "Last-Event-ID: \($0)" } ?? "Accept: */*"
        let answer = try service.open("/v1/events\(query)", header).receive(until: text)
        #expect(answer.contains("text/event-stream"))
        #expect(answer.contains("retry: "))
        return events(answer)
    }

    @Test func aStreamSendsAJobUntilItIsDone() throws {
        let gate = JobGate(before: 1)
        let service = try RunningService(gate: gate)
        let id = try service.job(Sound.tone(seconds: 5))
        let connection = try service.open("\(id)/events")
        let half = connection.receive(until: "\"fraction\":0.5")
        gate.open()
        let received = events(half + connection.receive(until: "\"state\":\"done\""))
        let ids = received.compactMap(\.id)
        #expect(ids.count == received.count && ids == ids.sorted())
        #expect(Set(received.map(\.name)) == ["job"])
        let fractions = received.compactMap { $0.data["fraction"] as? Double }
        #expect(fractions == fractions.sorted())
        #expect(fractions.contains(0.5))
        #expect(received.last?.state == "done")
    }

    @Test func aClientThatComesBackMissesNothing() throws {
        let (service, id) = try RunningService.withJob()
        let all = try stream(service, after: 1, until: "\"state\":\"done\"")
        #expect(all.map(\.name) == ["state", "job"])
        #expect(all[0].id == nil)
        let seen = try #require(all[1].id)
        // After an id that is still kept, all later events are sent again.
        let second = try service.doneJob(Sound.tone(pitchHz: 330))
        let received = try stream(service, after: seen, until: "\"id\":\"\(second)\"")
        #expect(received.first?.id == seen + 1)
        #expect(received.first?.job == second)
        #expect(received.first?.state == "queued")
        try service.delete(id)
        let removed = try stream(service, after: seen, until: "event: removed")
        #expect(removed.map(\.id) == Array(seen + 1...seen + removed.count))
        let last = removed.compactMap(\.id).max()
        #expect(try stream(service, after: last, until: "\n\n").isEmpty)
    }

    @Test func aStreamOutlivesTheIdleTimeout() throws {
        let service = try RunningService(clock: ManualClock()) { $0.limits.idleSeconds = 3 }
        let connection = try service.open("/v1/events")
        connection.receive(until: "event: state")
        service.advance(by: 10)
        connection.receive(until: "still here")
        // The library closes a connection that is idle after the stream's last bytes.
        let idle = try service.open("/livez")
        #expect(Answer(idle.receiveAll())?.status == 200)
        let id = try service.doneJob()
        #expect(connection.receive(until: "\"state\":\"done\"").contains(id))
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
        let received = events(beginning + connection.receive(until: "\"id\":\"\(last)\""))
        let states = Dictionary(received.map { ($0.job ?? "", $0.state) }) { $1 }
        #expect(ids.filter { states[$0] != "cancelled" } == [])
    }

    @Test func aStreamBeginsWithOnePageAndAllWaitingJobs() throws {
        let service = try RunningService { $0.jobs = 0 }
        let ids = try (0..<5).map { _ in try service.job() }
        for id in ids[2...] { try service.delete(id) }
        let events = try stream(service, "?limit=2", until: ids[4])
        #expect(events.map(\.name) == ["state", "job", "job", "job", "job"])
        #expect(events[0].data["total"] as? Int == 5)
        #expect(events.dropFirst().map(\.job) == [ids[0], ids[1], ids[3], ids[4]])
        // Only the end of the state has an id: a client that loses it before gets all again.
        #expect(events.map { $0.id != nil } == [false, false, false, false, true])
        let next = try #require(events[0].data["next"] as? String)
        let page = try service.get("/v1/separations?limit=1&after=\(next)")
        #expect(page["separations.0.id"] == ids[2])
        let none = try stream(service, "?limit=0", until: ids[1])
        #expect(none.map(\.name) == ["state", "job", "job"])
        try service.get("/v1/events?limit=1001").expectProblem(422, "invalid-option")
        // The list's last event continues in the stream.
        let last: Int = try #require(page["last_event"])
        try service.delete(ids[0])
        let later = try stream(
            service, "?last-event-id=\(last)", until: "\"state\":\"cancelled\"")
        #expect(later.first?.id == last + 1)
        #expect(later.first?.job == ids[0])
        // A stream of one job tells of its removal.
        let one = try service.open("\(ids[1])/events")
        one.receive(until: ids[1])
        for _ in 0..<2 { try service.delete(ids[1]) }
        one.receive(until: "event: removed")
    }
}
