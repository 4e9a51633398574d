import Foundation
import Synchronization
import TestSupport
import Testing

/// Users of a service, by their tokens.
@Suite(.serialized)
struct UserTests {
    private static let tokens = """
        anna:anna-has-this-token
        ben:ben-has-another-token\r
        anna:anna-has-a-second-one

        somebody-without-name
        """

    private let anna = RunningService.anna
    private let ben = RunningService.ben

    @Test func aUserSeesNoJobsOfOthers() throws {
        // A job from the time before there were users belongs to the one without a name.
        let (first, old) = try RunningService.withJob(Sound.tone(seconds: 0.2, pitchHz: 300))
        let service = try RunningService(after: first, tokens: Self.tokens).whenReady()
        let nobody = "Authorization: Bearer somebody-without-name"
        // Nobody learns that another user has the same sound.
        var ids: [String] = []
        for (user, isCached) in [
            (anna, false), (ben, false), ("Authorization: Bearer anna-has-a-second-one", true),
        ] {
            let job = try service.upload(Sound.tone(seconds: 0.2), user)
            #expect(job["cached"] == isCached)
            ids.append(try #require(job["id"]))
            try service.expectEnd("done", of: ids.last ?? "", user)
        }
        #expect(try service.jobs(anna) == [ids[2], ids[0]])
        #expect(try service.jobs(ben) == [ids[1]])
        #expect(try service.jobs(nobody) == [old])
        #expect(try service.get("/v1/separations", ben)["total"] == 1)
        for part in [
            "", "/stems/bass.wav", "/stems.zip", "/mix", "/mix?bass=0.5", "/peaks", "/analysis",
            "/events",
        ] {
            let answer = try service.get("\(ids[0])\(part)", ben)
            answer.expectProblem(404, "not-found", "no such job")
        }
        try service.delete(ids[0], ben).expectProblem(404, "not-found")
        #expect(try service.status("\(ids[0])/mix", anna) == 200)
        #expect(try service.status("\(old)/mix", nobody) == 200)
    }

    @Test func aSongThatIsOpenForAllIsHeardByAllAndChangedByItsOwnerAlone() throws {
        let first = try RunningService(tokens: Self.tokens).whenReady()
        #expect(try first.get("/v1/models", ben)["users"] == 3)
        let id = try first.doneJob(Sound.tone(seconds: 0.2), anna)
        let bens = try first.open("/v1/events", ben)
        bens.receive(until: "event: state")
        try first.request("PUT", "\(id)/shared", [ben]).expectProblem(404, "not-found")
        #expect(try first.request("PUT", "\(id)/shared", [anna])["shared"] == true)
        bens.receive(until: "event: shared\ndata: {")
        // A restart keeps it, and a client without a cursor gets it with the present state.
        let service = try RunningService(after: first, tokens: Self.tokens).whenReady()
        let state = try service.open("/v1/events", ben).receive(until: "event: shared\ndata: {")
        #expect(!state.contains("event: job"))
        #expect(try service.metric("shared_jobs", ben) == 1)
        func shared(_ user: String, _ query: String = "") throws -> [String]? {
            try service.get("/v1/separations?shared=true\(query)", user)["separations.*.id"]
        }
        #expect(try shared(ben, "&limit=1") == [id] && shared(ben, "&search=x&sort=name") == [])
        #expect(try shared(anna) == [] && service.jobs(ben) == [] && service.jobs(anna) == [id])
        try service.get("/v1/separations?shared=1", ben).expectProblem(422, "invalid-option")
        for part in [
            "", "/stems/bass.wav", "/stems/bass.flac", "/stems/bass.mp3?from=0.05", "/peaks",
            "/stems.zip?format=flac", "/mix?bass=0.5&format=mp3", "/analysis",
        ] {
            let (own, other) = try (service.get(id + part, anna), service.get(id + part, ben))
            #expect(other.status == 200 && other.body == own.body, "\(part)")
        }
        // A mix that the page of the other has rendered gets the song's tags.
        let export = "/v1/convert/mix.flac?job=\(id)"
        #expect(try service.request("POST", export, [ben], body: Sound.short).status == 200)
        for change in ["DELETE ", "PUT /place", "PUT /shared", "DELETE /shared"] {
            let words = change.components(separatedBy: " ")
            let answer = try service.request(words[0], id + words[1], [ben])
            answer.expectProblem(403, "forbidden", "another user")
        }
        #expect(try service.request("DELETE", "/v1/separations?all=true", [ben])["removed"] == 0)
        #expect(try service.get(id, anna)["shared"] == true)
    }

    @Test func aSongThatIsTakenBackOrRemovedIsGoneForTheOthersAtOnce() throws {
        let service = try RunningService(clock: ManualClock(), tokens: Self.tokens) {
            $0.keepSeconds = 3600
        }.whenReady()
        let id = try service.doneJob(Sound.tone(seconds: 0.2), anna)
        func share(_ method: String = "PUT") throws {
            #expect(try service.request(method, "\(id)/shared", [anna]).status == 200)
        }
        let unopened: Int? = try service.get("/v1/separations", ben)["last_event"]
        try share("DELETE")
        // The others don't learn of a song that was never open.
        #expect(try service.get("/v1/separations", ben)["last_event"] == unopened)
        let annas = try service.open("/v1/events", anna)
        annas.receive(until: "event: job")
        for end in [{ try share("DELETE") }, { service.advance(by: 3700) }] {
            try share()
            let streams = try ["\(id)/events", "/v1/events"].map { try service.open($0, ben) }
            for stream in streams { stream.receive(until: "\"shared\":true") }
            try end()
            for stream in streams { stream.receive(until: "event: removed") }
            for part in ["", "/stems/bass.wav", "/events"] {
                try service.get(id + part, ben).expectProblem(404, "not-found", "not opened")
            }
        }
        // Its owner keeps it until the removal.
        let seen = annas.receive(until: "event: removed").components(separatedBy: "event: removed")
        #expect(seen[0].components(separatedBy: "\"shared\":true").count == 3)
    }

    @Test func onlyASongThatIsDoneIsOpened() throws {
        let service = try RunningService(tokens: Self.tokens) { $0.jobs = 0 }.whenReady()
        let id = try service.job(Sound.short, anna)
        let answer = try service.request("PUT", "\(id)/shared", [anna])
        answer.expectProblem(409, "conflict", "expected done")
    }

    @Test func aUserGetsOnlyOwnEvents() throws {
        let service = try RunningService(tokens: Self.tokens).whenReady()
        let events = try service.open("/v1/events", ben)
        events.receive(until: "event: state\ndata: ")
        func lastEvent() throws -> Int {
            try #require(try service.get("/v1/separations", ben)["last_event"])
        }
        let before = try lastEvent()
        let annas = try service.doneJob(Sound.tone(seconds: 0.2, pitchHz: 200), anna)
        // Not even the ids of events tell of others.
        #expect(try lastEvent() == before)
        let bens = try service.doneJob(Sound.tone(seconds: 0.2, pitchHz: 300), ben)
        let seen = events.receive(until: "\"state\":\"done\"")
        #expect(seen.contains(bens))
        #expect(!seen.contains(annas))
        // The same with the events that were kept for a client that returns.
        #expect(try !service.open("/v1/events", ben).receive(until: bens).contains(annas))
    }

    @Test func aUserWithANameHasSomeStreams() throws {
        let service = try RunningService(tokens: Self.tokens) { $0.limits.streamsOfUser = 2 }
        let nobody = "Authorization: Bearer somebody-without-name"
        let streams = try [ben, nobody, ben, nobody, anna, ben, nobody].map { user in
            let stream = try service.whenReady().open("/v1/events", user)
            stream.receive(until: "event: state")
            return stream
        }
        // The oldest one of ben has an end.
        _ = streams[0].receiveAll()
        for (user, indices) in [(ben, [2, 5]), (anna, [4]), (nobody, [1, 3, 6])] {
            let id = try service.job(Sound.short, user)
            for index in indices { streams[index].receive(until: id) }
        }
    }

    @Test func aTrustedProxyTellsTheClient() throws {
        let lines = Mutex<[String]>([])
        let service = try RunningService(tokens: Self.tokens) {
            $0.trustedProxies = ["127.0.0.1", "192.0.2.1"]
            $0.limits.connectionsOfAddress = 1
            $0.log = { line in lines.withLock { $0.append(line) } }
        }.whenReady()
        // A missing token is no wrong one.
        #expect(try service.status("/v1/separations") == 401)
        for (source, forwarded, client) in [
            ("127.0.0.1", "198.51.100.7", "198.51.100.7"), ("127.0.0.1", "a, b", "127.0.0.1"),
            ("127.0.0.1", "203.0.113.5, 198.51.100.8", "198.51.100.8"),
            ("127.0.0.1", "203.0.113.5,2001:DB8::1 ,192.0.2.1", "2001:db8::1"),
            ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"), ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", "203.0.113.7:5678", "203.0.113.7"),
            ("127.0.0.1", "1.1.1.1,\t[2001:db8::7]:80", "2001:db8::7"),
            ("127.0.0.1", "203.0.113.7 203.0.113.8", "127.0.0.1"),
            ("127.0.0.2", "198.51.100.7", "127.0.0.2"),
        ] {
            let wrong = try service.open(
                "/v1/separations", "Authorization: Bearer wrong", "X-Forwarded-For: \(forwarded)",
                "Connection: close", from: source)
            #expect(Answer(wrong.receiveAll())?.status == 401)
            let line = try #require(lines.withLock { $0.popLast() })
            #expect(line == "A token was refused from \(client)")
        }
        #expect(lines.withLock { $0 }.isEmpty)
        // Connections of one client, of IPv6 of one home, are limited; those of the proxy are not.
        let held = try ["2001:db8::1", "198.51.100.7"].map { client in
            let stream = try service.open("/v1/events", ben, "X-Forwarded-For: \(client)")
            stream.receive(until: "event: state")
            return stream
        }
        for (client, isHeld) in [("2001:db8:0:1::1", true), ("2001:db8::f:2", false)] {
            #expect(try service.status("/livez", "X-Forwarded-For: \(client)") == 200)
            let job = try service.upload(Sound.short, ben)
            #expect(job.status == 202)
            if isHeld { held[0].receive(until: job["id"] ?? "-") }
        }
        // It has ended.
        _ = held[0].receiveAll()
        held[1].receive(until: "\"state\":\"done\"")
    }

    @Test func badFilesOfTokensAreRefusedOrReported() throws {
        for (tokens, words) in [
            ("", "no token"), ("\n\n", "no token"), ("anna:short", "5 characters"),
            ("good-token-of-one-user\nx:short", "line 2"), (":token-without-a-name", "name"),
            ("two words:token-of-somebody", "name"),
            ("anna:the-same-token-twice\nben:the-same-token-twice", "line 2 repeats"),
        ] {
            let text = expectNoStart(words) { try RunningService(tokens: tokens) }
            // The message is printed and kept in logs.
            #expect(!text.contains("token-of"))
        }
        // One that others can read is reported.
        let folder = TemporaryFolder()
        let path = try folder.write(Self.tokens, "tokens")
        for (mode, isReported) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
            chmod(path, mode_t(mode))
            let service = try RunningService(in: folder) { $0.tokenFile = path }
            #expect(service.warnings.contains { $0.contains("chmod 600") } == isReported)
            service.end()
        }
    }
}
