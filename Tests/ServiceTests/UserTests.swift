import Foundation
import Service
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

    private func bearer(_ token: String) -> String { "Authorization: Bearer \(token)" }

    private func waitUntilDone(_ service: RunningService, _ id: String, _ token: String) throws {
        #expect(try service.finished(id, [token])["state"] as? String == "done")
    }

    @Test func aUserSeesNoJobsOfOthers() throws {
        let folder = TemporaryFolder()
        // A job from the time before there were users belongs to the one without a name.
        let first = try RunningService(in: folder)
        let old = try first.doneJob(Sound.tone(seconds: 0.2, pitchHz: 300))
        first.end()
        let service = try RunningService(in: folder, tokens: Self.tokens).whenReady()
        let (anna, ben) = (RunningService.anna, RunningService.ben)
        let nobody = bearer("somebody-without-name")
        let sound = Sound.tone(seconds: 0.2)
        func upload(_ token: String) throws -> (id: String, isCached: Bool) {
            let job = try service.upload(sound, headers: [token]).object
            let id = try #require(job["id"] as? String)
            try waitUntilDone(service, id, token)
            return (id, job["cached"] as? Bool == true)
        }
        let first1 = try upload(anna)
        // Nobody learns that another user has the same sound.
        let others = try upload(ben)
        let again = try upload(bearer("anna-has-a-second-one"))
        #expect([first1.isCached, others.isCached, again.isCached] == [false, false, true])
        let address = "/v1/separations"
        #expect(try service.jobs(anna) == [again.id, first1.id])
        #expect(try service.jobs(ben) == [others.id])
        #expect(try service.jobs(nobody) == [old])
        #expect(try service.get(address, [ben]).object["total"] as? Int == 1)
        for part in [
            "", "/stems/bass.wav", "/stems.zip", "/mix", "/mix?bass=0.5", "/peaks", "/analysis",
            "/events",
        ] {
            let answer = try service.get("\(address)/\(first1.id)\(part)", [ben])
            #expect(answer.status == 404, "\(part)")
            #expect(answer.detail.contains("no such job"))
        }
        #expect(try service.request("DELETE", "\(address)/\(first1.id)", [ben]).status == 404)
        #expect(try service.get("\(address)/\(first1.id)/mix", [anna]).status == 200)
        #expect(try service.get("\(address)/\(old)/mix", [nobody]).status == 200)
    }

    @Test func aUserGetsOnlyOwnEvents() throws {
        let service = try RunningService(tokens: Self.tokens).whenReady()
        func events(_ token: String) throws -> Connection {
            try service.open("/v1/events", token)
        }
        let ben = try events(RunningService.ben)
        #expect(ben.receive(until: "event: state\ndata: ").contains("event: state"))
        func upload(_ token: String, _ pitch: Double) throws -> String {
            let sound = Sound.tone(seconds: 0.2, pitchHz: pitch)
            let id = try service.job(sound, headers: [token])
            try waitUntilDone(service, id, token)
            return id
        }
        func lastEvent() throws -> Int? {
            try service.get("/v1/separations", [RunningService.ben]).object["last_event"] as? Int
        }
        let before = try #require(try lastEvent())
        let annas = try upload(RunningService.anna, 200)
        // Not even the ids of events tell of others.
        #expect(try lastEvent() == before)
        let bens = try upload(RunningService.ben, 300)
        let seen = ben.receive(until: "\"state\":\"done\"")
        #expect(seen.contains(bens))
        #expect(!seen.contains(annas))
        // The same with the events that were kept for a client that returns.
        let again = try events(RunningService.ben).receive(until: bens)
        #expect(!again.contains(annas))
    }

    @Test func badFilesOfTokensAreRefused() throws {
        for (text, word) in [
            ("", "no token"), ("\n\n", "no token"), ("anna:short", "5 characters"),
            ("good-token-of-one-user\nx:short", "line 2"), (":token-without-a-name", "name"),
            ("two words:token-of-somebody", "name"),
            ("anna:the-same-token-twice\nben:the-same-token-twice", "line 2 repeats"),
        ] {
            let error = #expect(throws: ServiceError.self) {
                _ = try RunningService(tokens: text)
            }
            #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
            // The message is printed and kept in logs.
            #expect(error?.description.contains("token-of") == false)
        }
    }

    @Test func aFileOfTokensThatOthersCanReadIsReported() throws {
        let folder = TemporaryFolder()
        let path = try folder.write(Self.tokens, "tokens")
        for (mode, isReported) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let service = try RunningService(in: folder) { $0.tokenFile = path }
            let warnings = service.service?.warnings ?? []
            #expect(warnings.contains { $0.contains("chmod 600") } == isReported, "\(mode)")
            service.end()
        }
    }
}
