import Foundation
import TestSupport
import Testing

/// Server-sent events.
@Suite(.serialized)
struct EventTests {
    private struct Event {
        let id: Int
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
            guard let id = fields["id"].flatMap({ Int($0) }), let name = fields["event"],
                let data = fields["data"],
                let object = try? JSONSerialization.jsonObject(with: Data(data.utf8))
            else { return nil }
            return Event(id: id, name: name, data: object as? [String: Any] ?? [:])
        }
    }

    /// The bytes of a stream until a text has arrived.
    private func stream(
        _ service: RunningService, _ target: String, after id: Int? = nil, until text: String
    ) throws -> [Event] {
        let connection = try Connection(port: service.port)
        let last = id.map { "Last-Event-ID: \($0)\r\n" } ?? ""
        connection.send(
            Data("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(last)\r\n".utf8))
        let answer = connection.receive(until: text)
        #expect(answer.contains("text/event-stream"))
        #expect(answer.contains("retry: "))
        return events(answer)
    }

    @Test func aStreamTellsOfAJobUntilItIsDone() throws {
        let service = try RunningService()
        let id = try #require(
            try service.upload(Sound.tone(seconds: 20)).object["id"] as? String)
        let told = try stream(
            service, "/v1/separations/\(id)/events", until: "\"state\":\"done\"")
        #expect(told.map(\.id) == told.map(\.id).sorted())
        #expect(Set(told.map(\.name)) == ["job"])
        let fractions = told.compactMap { $0.data["fraction"] as? Double }
        #expect(fractions == fractions.sorted())
        #expect(fractions.contains { $0 > 0 && $0 < 1 })
        #expect(told.last?.data["state"] as? String == "done")
    }

    @Test func aClientThatComesBackMissesNothing() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone(seconds: 20))
        let all = try stream(service, "/v1/events", after: 1, until: "\"state\":\"done\"")
        #expect(all.count == 1)
        // After an id that is still kept, all later events are sent again.
        let second = try service.doneJob(Sound.tone(seconds: 20, pitchHz: 330))
        let told = try stream(
            service, "/v1/events", after: all[0].id,
            until: "\"id\":\"\(second)\",\"model\":\"demo\"")
        #expect(told.first.map { $0.id == all[0].id + 1 } == true)
        #expect(told.first?.data["id"] as? String == second)
        #expect(told.first?.data["state"] as? String == "queued")
        _ = try service.request("DELETE", "/v1/separations/\(id)")
        let removed = try stream(
            service, "/v1/events", after: all[0].id, until: "event: removed")
        #expect(removed.map(\.id) == Array(all[0].id + 1...all[0].id + removed.count))
        let last = try stream(
            service, "/v1/events", after: removed.map(\.id).max() ?? 0, until: "\n\n")
        #expect(last.isEmpty)
    }

    @Test func everyJobIsInTheOneStream() throws {
        let service = try RunningService()
        let ids = try (0..<3).map { index in
            try service.doneJob(Sound.tone(seconds: 0.5, pitchHz: Double(200 + index)))
        }
        let told = try stream(service, "/v1/events", until: ids[2])
        #expect(told.compactMap { $0.data["id"] as? String }.first == ids[0])
        #expect(
            try service.get("/v1/separations/\(String(repeating: "0", count: 24))/events").status
                == 404)
    }

    @Test func aStreamOutlivesTheIdleTimeout() throws {
        let service = try RunningService { $0.limits.idleSeconds = 1 }
        let connection = try Connection(port: service.port)
        connection.send(Data("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        #expect(connection.receive(until: "still here").contains("still here"))
        let id = try service.doneJob(Sound.tone(seconds: 0.2))
        let told = connection.receive(until: "\"state\":\"done\"")
        #expect(told.contains(id))
    }

    @Test func aSlowClientGetsThePresentStateForLostEvents() throws {
        // Nothing runs, and each cancelled job changes the positions of all later ones.
        let service = try RunningService {
            $0.jobs = 0
            $0.limits.queue = 250
        }
        let sound = Sound.tone(seconds: 0.02)
        let connection = try Connection(port: service.port, receivedBytes: 4096)
        let ids = try (0..<200).map { _ in
            try #require(try service.upload(sound).object["id"] as? String)
        }
        connection.send(Data("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        let beginning = connection.receive(until: ids[0])
        for id in ids { _ = try service.request("DELETE", "/v1/separations/\(id)") }
        let last = try #require(try service.upload(sound).object["id"] as? String)
        let rest = connection.receive(until: "\"id\":\"\(last)\"")
        var states: [String: String] = [:]
        for event in events(beginning + rest) {
            states[event.data["id"] as? String ?? ""] = event.data["state"] as? String
        }
        #expect(ids.filter { states[$0] != "cancelled" } == [])
    }
}
