import Foundation
import Service
import TestSupport
import Testing

/// Jobs from the upload to the result.
@Suite(.serialized)
struct JobTests {
    @Test func anUploadBecomesAJobThatIsDone() throws {
        let service = try RunningService()
        let answer = try service.upload(Sound.tone())
        #expect(answer.status == 202)
        let id = try #require(answer.object["id"] as? String)
        #expect(answer.headers["location"] == "separations/\(id)")
        #expect(answer.object["name"] as? String == "tone.wav")
        let job = try service.finished(id)
        #expect(job["state"] as? String == "done")
        #expect(job["fraction"] as? Double == 1)
        #expect(job["model"] as? String == "demo")
        #expect(job["duration_seconds"] as? Double == 1)
        #expect(job["queue_position"] is NSNull)
        let stems = try #require(job["stems"] as? [[String: Any]])
        #expect(stems.map { $0["name"] as? String } == ["drums", "bass", "other", "vocals"])
        for stem in stems {
            let file = try service.get("/" + (try #require(stem["url"] as? String)))
            #expect(file.status == 200)
            #expect(file.body.count == stem["bytes"] as? Int)
            #expect(Sound.samples(file.body).count == 2 * 44_100)
        }
        #expect(try service.jobs() == [id])
    }

    @Test func theSameBytesAndOptionsAreFoundAgain() throws {
        let service = try RunningService()
        let sound = Sound.tone()
        let first = try service.doneJob(sound)
        let again = try service.upload(sound)
        #expect(again.status == 202)
        #expect(again.object["state"] as? String == "done")
        #expect(again.object["cached"] as? Bool == true)
        let second = try #require(again.object["id"] as? String)
        #expect(second != first)
        let other = try service.upload(sound, query: "shifts=0&overlap=0.5")
        #expect(other.object["cached"] as? Bool == false)
        // Removing one job keeps the files of the other.
        #expect(try service.delete(first).status == 204)
        #expect(try service.get("/v1/separations/\(first)").status == 404)
        #expect(try service.get("/v1/separations/\(second)/stems/bass.wav").status == 200)
        // A result whose files are gone is made again.
        try FileManager.default.removeItem(at: service.folder.url("data/tracks/\(second)/stems"))
        #expect(try service.get("/v1/separations/\(second)/stems.zip").status == 404)
        #expect(try service.upload(sound).object["cached"] as? Bool == false)
    }

    @Test func cancellingEndsARunningJobAndAWaitingOne() throws {
        let service = try RunningService(gate: JobGate(before: 0))
        let running = try service.job(Sound.tone())
        try service.waitUntilRunning(running)
        let waiting = try service.job(Sound.tone())
        let position = try service.get("/v1/separations/\(waiting)").object["queue_position"]
        #expect(position as? Int == 1)
        for id in [waiting, running] {
            let answer = try service.delete(id)
            #expect(answer.status == 200)
            #expect(answer.object["state"] as? String == "cancelled")
        }
        let metrics = try service.get("/metrics").text
        #expect(metrics.contains("jobs_total{result=\"cancelled\"} 2"))
        #expect(try service.delete(running).status == 204)
        #expect(try service.get("/v1/separations/\(running)").status == 404)
        service.end()
        #expect(try service.tracks(with: "input").isEmpty)
    }

    @Test func theShellGetsItsStemInTheReply() throws {
        let service = try RunningService()
        let stem = try service.request(
            "PUT", "/v1/separate/vocals.wav?shifts=0", body: Sound.tone())
        #expect(stem.status == 200, "\(stem.text.prefix(300))")
        #expect(Sound.samples(stem.body).count == 2 * 44_100)
        let rest = try service.request(
            "POST", "/v1/separate/no_vocals.flac?shifts=0", body: Sound.tone())
        #expect(rest.status == 200)
        #expect(rest.body.starts(with: Data("fLaC".utf8)))
        let none = try service.request("PUT", "/v1/separate/harp.wav", body: Sound.tone())
        #expect(none.status == 422)
        #expect(none.detail.contains("harp"))
    }

    @Test func aSoundIsConverted() throws {
        let service = try RunningService()
        let wav = try service.request("POST", "/v1/convert/loud.wav", body: Sound.tone())
        #expect(Sound.samples(wav.body).count == 2 * 44_100)
        let flac = try service.request("POST", "/v1/convert/mix.flac", body: Sound.tone())
        #expect(flac.body.starts(with: Data("fLaC".utf8)))
        #expect(
            try service.request("POST", "/v1/convert/mix.txt", body: Sound.tone()).status == 404)
        let noise = try service.request("POST", "/v1/convert/mix.mp3", body: Data("words".utf8))
        #expect(noise.status == 415)
        #expect(try service.files("uploads").isEmpty)
    }
}

/// A multipart form.
enum Form {
    private static let boundary = "----frontier"
    static let type = "Content-Type: multipart/form-data; boundary=\(boundary)"

    static func body(_ fields: [(String, String)], file: Data?, name: String = "tone.wav") -> Data {
        var body = Data()
        for (field, value) in fields {
            body += Data(
                "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(field)\"\r\n\r\n\(value)\r\n"
                    .utf8)
        }
        if let file {
            body += Data(
                ("--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(name)\""
                    + "\r\nContent-Type: audio/wav\r\n\r\n").utf8)
            body += file + Data("\r\n".utf8)
        }
        return body + Data("--\(boundary)--\r\n".utf8)
    }
}
