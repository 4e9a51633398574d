import Foundation
import TestSupport
import Testing

/// Jobs from the upload to the result.
@Suite(.serialized)
struct JobTests {
    @Test func anUploadBecomesAJobThatIsDone() throws {
        let service = try RunningService()
        let answer = try service.upload(Sound.tone())
        #expect(answer.status == 202)
        let id: String = try #require(answer["id"])
        #expect(answer.headers["location"] == "separations/\(id)")
        #expect(answer["name"] == "tone.wav")
        let job = try service.expectEnd("done", of: id)
        #expect(job["fraction"] == 1)
        #expect(job["model"] == "demo")
        #expect(job["precision"] == "float32")
        #expect(job["duration_seconds"] == 1)
        #expect(job["queue_position"] == NSNull())
        #expect(job["stems.*.name"] == ["drums", "bass", "other", "vocals"])
        for index in 0..<4 {
            let url: String = try #require(job["stems.\(index).url"])
            let file = try service.get("/\(url)")
            #expect(file.status == 200)
            #expect(file.body.count == job["stems.\(index).bytes"])
            #expect(Sound.samples(file.body).count == 2 * 44_100)
        }
        #expect(try service.jobs() == [id])
    }

    @Test func aJobMayMixTwoModels() throws {
        let service = try RunningService()
        let answer = try service.upload(query: "model=demo%2Bdemo")
        let id: String = try #require(answer["id"])
        let job = try service.expectEnd("done", of: id)
        #expect(job["model"] == "demo+demo" && job["fraction"] == 1)
        for name in ["demo%2Bdemo%2Bdemo", "demo%2B.%2Fx"] {
            try service.upload(query: "model=\(name)").expectProblem(
                422, "invalid-option", "two of them with a '+'")
        }
    }

    @Test func theSameBytesAndOptionsAreFoundAgain() throws {
        let (service, first) = try RunningService.withJob()
        let again = try service.upload()
        #expect(again.status == 202)
        #expect(again["state"] == "done")
        #expect(again["cached"] == true)
        let second: String = try #require(again["id"])
        #expect(second != first)
        #expect(try service.upload(query: "shifts=0&overlap=0.5")["cached"] == false)
        // Removing one job keeps the files of the other.
        #expect(try service.delete(first).status == 204)
        #expect(try service.status(first) == 404)
        #expect(try service.status("\(second)/stems/bass.wav") == 200)
        // A result whose files are gone is made again.
        try FileManager.default.removeItem(atPath: service.path("tracks/\(second)/stems"))
        #expect(try service.status("\(second)/stems.zip") == 404)
        #expect(try service.upload()["cached"] == false)
    }

    @Test func aJobThatIsFoundAgainTellsTheSameOfItsResult() throws {
        let service = try RunningService()
        let (sound, query) = (Sound.tone(channels: 3), "shifts=0&start=0.2&duration=0.5&analyze=1")
        func told(_ id: String) throws -> NSDictionary {
            let text = try service.get(id).text.replacing(id, with: "ID")
            var job = try #require(
                JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            for name in ["created", "started", "finished", "cached"] { job[name] = nil }
            return NSDictionary(dictionary: job)
        }
        let first = try told(service.doneJob(sound, query: query))
        #expect((first["warnings"] as? [String])?.isEmpty == false)
        #expect(try told(service.doneJob(sound, query: query)) == first)
    }

    @Test func aWaitingJobHasNoFilesAndIsCancelledLikeARunningOne() throws {
        let service = try RunningService(gate: JobGate(before: 0))
        let running = try service.job()
        try service.waitUntilRunning(running)
        let waiting = try service.job()
        #expect(try service.get(waiting)["queue_position"] == 1)
        for id in [waiting, running] {
            for part in ["stems/bass.wav", "stems.zip", "mix", "peaks", "analysis"] {
                try service.get("\(id)/\(part)").expectProblem(409, "conflict", "expected done")
            }
        }
        for id in [waiting, running] {
            let answer = try service.delete(id)
            #expect(answer.status == 200)
            #expect(answer["state"] == "cancelled")
        }
        #expect(try service.metric("jobs_total{result=\"cancelled\"}") == 2)
        #expect(try service.delete(running).status == 204)
        #expect(try service.status(running) == 404)
        service.end()
        #expect(try service.tracks(with: "input").isEmpty)
    }

    @Test func theShellGetsAStemOrAnotherFormatInTheReply() throws {
        let service = try RunningService()
        let sound = Sound.tone()
        for (method, target, beginning) in [
            ("PUT", "/v1/separate/vocals.wav?shifts=0", "RIFF"),
            ("POST", "/v1/separate/no_vocals.flac?shifts=0&mp3=no", "fLaC"),
            ("POST", "/v1/separate/no_vocals.flac?shifts=0&flac=1", "fLaC"),
            ("POST", "/v1/convert/loud.wav", "RIFF"), ("POST", "/v1/convert/mix.flac", "fLaC"),
        ] {
            let reply = try service.request(method, target, body: sound)
            #expect(reply.status == 200, "\(target): \(reply.text.prefix(300))")
            #expect(reply.body.starts(with: Data(beginning.utf8)), "\(target)")
            let isWhole = Sound.samples(reply.body).count == 2 * 44_100
            #expect(isWhole || beginning != "RIFF", "\(target)")
        }
        for (target, words) in [
            ("harp.wav", "harp"), ("vocals.wav?stems=drums", "'vocals'"),
            ("no_bass.wav?two-stems=vocals", "'no_bass'"),
            ("vocals.flac?format=mp3", "mp3, but the address asks for 'flac'"),
            ("vocals.wav?flac=1", "flac, but the address asks for 'wav'"),
            ("vocals.wav?format=flac&mp3=1", "can't be combined with"),
        ] {
            let answer = try service.request("PUT", "/v1/separate/\(target)", body: sound)
            answer.expectProblem(422, "invalid-option", words)
        }
        #expect(try service.jobs().count == 3)
        let text = try service.request("POST", "/v1/convert/mix.txt", body: sound)
        text.expectProblem(404, "not-found")
        let words = try service.request("POST", "/v1/convert/mix.mp3", body: Data("words".utf8))
        words.expectProblem(415, "not-a-sound")
        #expect(try service.files("uploads").isEmpty)
    }

    /// What the page has rendered of a job, with its tempo and key as they sound there.
    @Test func renderedSoundsHaveTheTagsThatAreGiven() throws {
        let (service, id) = try RunningService.withJob()
        func answer(_ query: String) throws -> Answer {
            try service.request("POST", "/v1/convert/mix.flac?\(query)", body: Sound.short)
        }
        for query in ["bpm=1", "bpm=999.9", "key=C", "key=Bbm", "key=F%23%20minor", "part=bass"] {
            #expect(try answer("job=\(id)&\(query)").status == 200, "\(query)")
            try answer(query).expectProblem(422, "invalid-option")
        }
        for query in ["bpm=0.9", "bpm=1000", "bpm=x", "key=H", "key=C%20dur", "part=horn"] {
            try answer("job=\(id)&\(query)").expectProblem(422, "invalid-option")
        }
        let body = try answer("job=\(id)&part=bass&bpm=121.9&key=F%23%20minor").body
        for text in ["121.9", "F# minor"] {
            #expect(body.range(of: Data(text.utf8)) != nil, "\(text)")
        }
    }
}
