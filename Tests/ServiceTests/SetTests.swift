import Foundation
import Service
import Synchronization
import TestSupport
import Testing

/// What users say about songs: names, notes and sets.
struct SetTests {
    private let anna = RunningService.anna
    private let ben = RunningService.ben
    private let id = "0123456789abcdef01234567"
    private let song = "89abcdef0123456789abcdef"

    @Test func aNameAndNotesAreKeptWhateverTheJobDoes() throws {
        let notes = """
            {"sections": [{"name": "Стих 1", "from": 0, "to": 1.5}], "loop": [0.25, 0.75],
             "correction": {"factor": 0.5, "shift": -0.1, "bar": null, "moved": 3,
                "steady": {"interval": 0.5, "first": 0.1}, "metre": "6/8"}}
            """
        let gate = JobGate(before: 1)
        let first = try RunningService(gate: gate)
        let id = try first.job(Sound.tone(seconds: 5))
        try first.waitForStems(id)
        let none: [String: Double]? = try first.get(id)["notes"]
        #expect(none == [:])
        let events = try first.open("/v1/events")
        events.receive(until: "event: job")
        let running = try first.send("PATCH", id, "{\"notes\": \(notes)}")
        #expect(running["state"] == "running" && running["ready_seconds"] == 3)
        // What is not given stays, whatever another device has given meanwhile.
        #expect(try first.send("PATCH", id, #"{"notes": {}}"#)["notes.loop"] == [0.25, 0.75])
        #expect(
            try first.send("PATCH", id, #"{"name": "Ave verum.flac"}"#)["notes.loop"] == [
                0.25, 0.75,
            ])
        events.receive(until: "\"name\":\"Ave verum.flac\"")
        // A kill: the record has no stems of a run that is gone.
        let killed = try RunningService(in: first.copiedFolder())
        gate.open()
        for service in [first, killed] {
            let job = try service.expectEnd("done", of: id)
            #expect(job["name"] == "Ave verum.flac" && job["stems.3.name"] == "vocals")
            #expect(job["notes.sections.0.name"] == "Стих 1")
            let sent = try JSONSerialization.jsonObject(with: Data(notes.utf8)) as? NSDictionary
            let kept: [String: Any] = try #require(job["notes"])
            #expect(sent == NSDictionary(dictionary: kept))
            let found = try service.get("/v1/separations?search=verum")
            #expect(found["total"] == 1)
            let saved = try service.get("\(id)/stems/bass.wav").headers["content-disposition"]
            #expect(saved?.contains("Ave verum - bass") == true)
        }
        // A note is replaced as a whole, with a null in it.
        let part = #"{"notes": {"correction": {"bar": null}}}"#
        let correction: [String: Any]? = try first.send("PATCH", id, part)["notes.correction"]
        #expect(correction?.keys.sorted() == ["bar"])
        // Nothing is noted any more.
        let empty = #"{"notes": {"loop": null, "sections": null, "correction": null}}"#
        #expect(try first.send("PATCH", id, empty).status == 200)
        let left: [String: Double]? = try RunningService(after: first).get(id)["notes"]
        #expect(left == [:])
    }

    @Test(arguments: [
        ("{}", "1"), ("[]", "an object"), (#"{"notes": 1}"#, "'notes'"),
        (#"{"notes": null}"#, "'notes'"),
        (#"{"notes": {"section": []}}"#, "did you mean 'sections'?"),
        (#"{"nmae": "a"}"#, "did you mean 'name'?"), (#"{"name": ""}"#, "'name'"),
        (#"{"name": " \t"}"#, "'name'"), (#"{"name": "a/b"}"#, "'name'"),
        (#"{"name": "\#(String(repeating: "a", count: 101))"}"#, "1 to 100 characters"),
        (#"{"notes": {"loop": [1]}}"#, "notes.loop"),
        (#"{"notes": {"loop": [1, -1]}}"#, "notes.loop[1]"),
        (#"{"notes": {"loop": [1, true]}}"#, "a number"),
        (#"{"notes": {"loop": null, "x": 0}}"#, "'x'"),
        (
            #"{"notes": {"sections": [{"name": "a", "from": 0}]}}"#,
            "no field 'notes.sections[0].to'"
        ),
        (#"{"notes": {"correction": {"steady": {"interval": 0, "first": 0}}}}"#, "0.02"),
        (#"{"notes": {"correction": {"moved": 1.5}}}"#, "a whole number"),
    ])
    func otherDocumentsAreRefused(document: String, words: String) throws {
        let service = try RunningService { $0.jobs = 0 }.whenReady()
        let id = try service.job()
        try service.send("PATCH", id, document).expectProblem(422, "invalid-option", words)
        #expect(try service.get(id)["name"] == "tone.wav")
    }

    @Test func aBodyThatIsNoDocumentIsRefused() throws {
        let service = try RunningService()
        let id = try service.job()
        for document in [
            "", "name=a", "{\"name\": \"a\"", "{\"name\": \"a\"} {}", "{\"a\": 1, \"a\": 1}",
        ] {
            try service.send("PATCH", id, document).expectProblem(400, "bad-request", "not JSON")
        }
        let long = String(repeating: " ", count: 70_000) + "{}"
        for header in ["Accept: */*", "Transfer-Encoding: chunked"] {
            let body = header.hasPrefix("T") ? "11172\r\n\(long)\r\n0\r\n\r\n" : long
            try service.send("PATCH", id, body, header).expectProblem(413, "too-large", "65536")
        }
        // A client that asks before it sends is refused at once.
        let asking = try Connection(port: service.port)
        asking.send(
            "PATCH", "/v1/separations/\(id)",
            ["Expect: 100-continue", "Content-Length: 99999999999", "Connection: close"])
        Answer(asking.receiveAll())?.expectProblem(413, "too-large", "65536")
        try service.send("PATCH", "/v1/separations/\(self.id)", "{}").expectProblem(
            404, "not-found")
        try service.send("PUT", "\(id)/shared", "{}").expectProblem(400, "bad-request", "no body")
    }

    @Test func aDocumentIsPlainJSON() throws {
        let service = try RunningService { $0.jobs = 0 }.whenReady()
        let documents = [
            (method: "PATCH", target: try service.job(), text: #"{"name": "A"}"#),
            ("PUT", "/v1/sets/\(id)", #"{"name": "A", "songs": []}"#),
        ]
        for (method, target, text) in documents {
            for header in [
                "Accept: */*", "Content-Type:", "Content-Type: application/json",
                "Content-Type: Application/JSON ; charset=utf-8",
                "Content-Type: application/merge-patch+json", "Content-Encoding: identity",
            ] { #expect(try service.send(method, target, text, header).status == 200, "\(header)") }
            for (header, word) in [
                ("Content-Type: application/json-patch+json", "'application/json-patch+json'"),
                (Form.type, "'multipart/form-data'"), ("Content-Type: text/plain", "'text/plain'"),
                ("Content-Type: application/x-www-form-urlencoded", "expected application/json"),
                ("Content-Type: json", "'json'"),
                ("Content-Type: application/json\r\nContent-Type: text/plain", "'text/plain'"),
                ("Content-Encoding: gzip", "'gzip'"), ("Content-Encoding: identity, br", "'br'"),
            ] {
                try service.send(method, target, text, header)
                    .expectProblem(415, "unsupported-type", word)
            }
        }
    }

    @Test func aSetIsOwnedAndOpenedLikeASong() throws {
        let first = try RunningService(tokens: RunningService.tokens).whenReady()
        func sets(_ service: RunningService, _ user: String) throws -> [String]? {
            try service.get("/v1/sets", user)["sets.*.name"]
        }
        /// The changes by another user than the owner.
        func expectRefusals(
            _ status: Int, _ kind: String, _ words: String, by service: RunningService
        ) throws {
            for (method, part) in [("PUT", "/shared"), ("DELETE", "/shared"), ("DELETE", "")] {
                let answer = try service.request(method, "/v1/sets/\(id)\(part)", [ben])
                answer.expectProblem(status, kind, words)
            }
            try service.keepSet(id, "Ben's", [], ben).expectProblem(status, kind, words)
        }
        let unopened: Int? = try first.get("/v1/separations", ben)["last_event"]
        let annas = try first.open("/v1/events", anna)
        annas.receive(until: "event: state")
        let set = try first.keepSet(
            id, "Advent / Épreuve", [(song, -2, 0.9), (song, 0.3, 1)], anna)
        #expect(
            set["songs.*.semitones"] == [-2, 0.3] && set["is_own"] == true && set["shared"] == false
        )
        annas.receive(until: "event: sets\ndata: {}")
        #expect(try sets(first, ben) == [])
        #expect(try first.get("/v1/separations", ben)["last_event"] == unopened)
        try expectRefusals(404, "not-found", "no such set", by: first)

        let bens = try first.open("/v1/events", ben)
        bens.receive(until: "event: state")
        #expect(try first.request("PUT", "/v1/sets/\(id)/shared", [anna])["shared"] == true)
        bens.receive(until: "event: sets")
        // A change leaves it open.
        #expect(try first.keepSet(id, "Advent", [], anna)["shared"] == true)
        let second = try RunningService(after: first, tokens: RunningService.tokens).whenReady()
        let found = try second.get("/v1/sets", ben)
        #expect(found["sets.0.name"] == "Advent" && found["sets.0.is_own"] == false)
        try expectRefusals(403, "forbidden", "The set belongs to another user", by: second)
        let stream = try second.open("/v1/events", ben)
        stream.receive(until: "event: state")
        #expect(try second.request("DELETE", "/v1/sets/\(id)/shared", [anna])["shared"] == false)
        stream.receive(until: "event: sets")
        #expect(try sets(second, ben) == [] && sets(second, anna) == ["Advent"])
        #expect(try second.request("DELETE", "/v1/sets/\(id)", [anna]).status == 204)
        #expect(try sets(RunningService(after: second, tokens: RunningService.tokens), anna) == [])
        #expect(try second.files("sets").isEmpty)
    }

    @Test func setsHaveLimits() throws {
        let service = try RunningService()
        try service.keepSet("x", "A", []).expectProblem(422, "invalid-option", "'id'")
        for (semitones, speed, words) in [
            (12.5, 1.0, "songs[0].semitones"), (-13, 1, "-12"),
            (0, 0.2, "at least 0.25 and at most 1.5"),
            (0, 2, "songs[0].speed"),
        ] {
            try service.keepSet(id, "A", [(song, semitones, speed)])
                .expectProblem(422, "invalid-option", words)
        }
        try service.keepSet(id, "A", [("x", 0, 1)]).expectProblem(
            422, "invalid-option", "songs[0].id")
        let many = Array(repeating: (id: song, semitones: 0.0, speed: 1.0), count: 201)
        try service.keepSet(id, "A", many).expectProblem(422, "invalid-option", "0 to 200")
        #expect(try service.keepSet(id, "A", many.dropLast()).status == 200)
        for number in 1..<200 {
            let id = String(String(number + 1 << 40, radix: 16).suffix(8)) + "0123456789abcdef"
            #expect(try service.keepSet(id, "B", []).status == 200)
        }
        try service.keepSet(song, "C", []).expectProblem(422, "invalid-option", "200 sets")
        #expect(try service.keepSet(id, "D", []).status == 200)
    }

    @Test func setsThatCannotBeUsedStay() throws {
        let service = try RunningService()
        try service.keepSet(id, "A", [(song, 0, 1)])
        let path = "sets/\(id)"
        for (way, reason) in [
            ("sed -i 's/\"speed\" : .*/\"speed\" : 9/' \(path)/set.json", "'\(path)' (is damaged)"),
            ("sed -i 's/\"version\" : 1/\"version\" : 2/' \(path)/set.json", "of a later version"),
            ("truncate -s 20 \(path)/set.json", "'\(path)' (is damaged)"),
            ("mv \(path) sets/old", "'sets/old' (its name is not an id)"),
            ("mv \(path) .; ln -s ../\(id) \(path)", "'\(path)' (is a link)"),
            (
                "ln -sf set.json \(path)/set.json",
                "'\(path)' (is damaged)"
            ),
        ] {
            let copy = try service.copiedFolder()
            try shell(way, in: copy.path("data"))
            for _ in 0..<2 {
                let second = try RunningService(in: copy)
                let warning = second.warnings.joined()
                #expect(
                    second.warnings.count == 1 && warning.contains(reason), "\(way): \(warning)")
                #expect(try second.get("/v1/sets")["sets.*.name"] == [String]())
                second.end()
            }
        }
        // A kill before a first set was whole, and while one was removed.
        let copy = try service.copiedFolder()
        try shell(
            "mkdir sets/\(song); touch sets/\(song)/.swift-demucs-1.part; rm \(path)/set.json",
            in: copy.path("data"))
        let second = try RunningService(in: copy)
        #expect(try second.warnings.isEmpty && second.files("sets").isEmpty)
    }

    @Test func whatCannotBeUsedIsNotReplaced() throws {
        let service = try RunningService()
        for (id, way) in [
            ("1", "mkdir $s; echo 2 > $s/set.json"), ("2", "mkdir $s; touch $s/x"),
            ("3", "ln -s . $s"), ("4", "mkdir $s; mkfifo $s/set.json"), ("5", "touch $s"),
        ] {
            let id = String(repeating: id, count: 24)
            try shell("s=\(id); \(way)", in: service.path("sets"))
            try service.keepSet(id, "A", []).expectProblem(409, "conflict", "another id")
            try service.request("DELETE", "/v1/sets/\(id)").expectProblem(404, "not-found")
        }
        #expect(try service.files("sets").count == 5)
        let second = try RunningService(after: service)
        try second.keepSet(String(repeating: "3", count: 24), "A", [])
            .expectProblem(409, "conflict", "another id")
    }

    @Test func changesOfASetComeOneAfterTheOther() throws {
        // Each request has a connection of its own.
        nonisolated(unsafe) let service = try RunningService(tokens: RunningService.tokens)
            .whenReady()
        let owners = Mutex<Set<String>>([])
        for number in 10..<40 {
            let id = "0123456789abcdef012345\(number)"
            DispatchQueue.concurrentPerform(iterations: 4) { index in
                let user = index < 2 ? anna : ben
                let kept = try? service.keepSet(id, "A", [], user)
                if kept?.status == 200 { owners.withLock { _ = $0.insert("\(id) \(user)") } }
            }
        }
        // Each has one owner.
        #expect(owners.withLock(\.count) == 30)
        try service.keepSet(id, "A", [], anna)
        for number in 0..<30 {
            #expect(try service.request("PUT", "/v1/sets/\(id)/shared", [anna]).status == 200)
            DispatchQueue.concurrentPerform(iterations: 2) { index in
                if index == 0 {
                    _ = try? service.keepSet(id, "\(number)", [], anna)
                } else {
                    _ = try? service.request("DELETE", "/v1/sets/\(id)/shared", [anna])
                }
            }
            let sets = try service.get("/v1/sets", anna)
            let found: [[String: Any]] = try #require(sets["sets"])
            let set = try #require(found.first { $0["id"] as? String == id })
            #expect(set["name"] as? String == "\(number)" && set["shared"] as? Bool == false)
        }
    }

    @Test func aSetThatCannotBeStoredIsNotShown() throws {
        let service = try RunningService()
        try service.keepSet(id, "A", [])
        let blocked = try BlockedPath("sets", in: service.folder)
        try service.keepSet(id, "B", []).expectProblem(503, "disk-unusable")
        try service.request("DELETE", "/v1/sets/\(id)").expectProblem(503, "disk-unusable")
        #expect(try service.get("/v1/sets")["sets.*.name"] == ["A"])
        try blocked.end()
        #expect(try service.keepSet(id, "B", [])["name"] == "B")
    }
}
