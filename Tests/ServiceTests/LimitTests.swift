import Demucs
import Foundation
import Service
import Synchronization
import TestSupport
import Testing

/// Requests beyond the limits, and sounds that can't be decoded.
@Suite(.serialized)
struct LimitTests {
    @Test func bodiesBeyondTheLimitAreRefused() throws {
        let service = try RunningService { $0.limits.bodyBytes = 100_000 }.whenReady()
        try service.upload(Data(count: 3_000_000)).expectProblem(413, "too-large", "100000")
        let form = Form.body([], file: Data(count: 150_000))
        try service.upload(form: form).expectProblem(413, "too-large")
        // A body of unknown length is read to its end, up to a limit.
        let whole = Form.chunk(Data(count: 150_000)) + Form.chunk(Data())
        let chunked = try service.request(
            "POST", "/v1/separations", ["Transfer-Encoding: chunked"], body: whole)
        chunked.expectProblem(413, "too-large")
        #expect(try service.files("uploads").isEmpty)
        // One that never ends is cut off.
        let endless = try service.openUpload("Transfer-Encoding: chunked")
        let chunk = Form.chunk(Data(count: 1 << 20))
        let sent = (0..<300).prefix { _ in endless.send(chunk) }.count
        #expect(sent < 200)
        #expect(try service.status("/livez") == 200)
    }

    @Test func slowClientsLoseTheirConnections() throws {
        let service = try RunningService(clock: ManualClock()).whenReady()
        let silent = try Connection(port: service.port)
        let trickling = try Connection(port: service.port)
        let uploading = try service.openUpload("Content-Length: 9999", "Expect: 100-continue")
        trickling.send(Data("GET /livez HTTP/1.1\r\n".utf8))
        // The service accepts connections in their order: it has all three now.
        uploading.receive(until: " 100 ")
        service.advance(by: 6)
        trickling.send(Data("X-a: b\r\n".utf8))
        uploading.send(Data("a".utf8))
        service.advance(by: 6)
        for client in [uploading, trickling] { _ = client.receiveAll() }
        #expect(silent.receiveAll().isEmpty)
    }

    /// The library's own limit, in real time, is too long to play a part.
    @Test func anIdleConnectionIsClosedAfterItsDeadline() throws {
        let service = try RunningService(clock: ManualClock()) { $0.limits.idleSeconds = 300 }
            .whenReady()
        let client = try Connection(port: service.port)
        for _ in 0..<3 {
            client.send("GET", "/livez")
            client.receive(until: "200 OK")
            service.advance(by: 299)
        }
        // The first time may come before the service notes that the reply is sent.
        try waitUntil("the connection is closed") {
            service.advance(by: 311)
            return try service.connectionCount() == 0
        }
    }

    @Test func anAddressHasSomeConnections() throws {
        let lineCount = Mutex(0)
        let service = try RunningService(clock: ManualClock()) {
            $0.limits.connectionsOfAddress = 3
            $0.log = { _ in lineCount.withLock { $0 += 1 } }
        }.whenReady()
        let uploads = try (0..<3).map { _ in
            try service.openUpload("Content-Length: 9999", "Expect: 100-continue")
        }
        for upload in uploads { upload.receive(until: " 100 ") }
        #expect(try service.status("/livez") == 200)
        func waitForEnds() throws {
            try waitUntil("all connections have ended") {
                // A stream notices the end when it sends the next time.
                service.advance(by: 5)
                return try service.connectionCount() == 0
            }
        }
        for upload in uploads { upload.shutDown() }
        try waitForEnds()
        let silent = try (0..<3).map { _ in try Connection(port: service.port) }
        #expect(try service.status("/livez") == 200)
        // The oldest one made room.
        #expect(silent[0].receiveAll().isEmpty)
        silent[2].send("GET", "/livez", ["Connection: close"])
        #expect(Answer(silent[2].receiveAll())?.status == 200)
        // The same of streams, whose clients come again; but no reply ends that is being sent.
        let streams = try (0..<3).map { _ in try service.open("/v1/events") }
        for stream in streams { stream.receive(until: "event: state") }
        #expect(try service.status("/livez") == 200)
        // Reads to its end.
        _ = streams[0].receiveAll()
        for stream in streams { stream.shutDown() }
        try waitForEnds()
        let id = try service.doneJob()
        try waitForEnds()
        _ = service.enlarge(stem: 0, of: id)
        let unread = try (0..<3).map { _ in
            try service.open("\(id)/stems/drums.wav", receivedBytes: 4096)
        }
        for reply in unread { reply.receive(until: " 200 ") }
        for _ in 0..<2 { #expect(try service.status("/livez") == 503) }
        #expect(lineCount.withLock { $0 } == 1)
        try service.open("/livez", from: "127.0.0.2").receive(until: " 200 ")
    }

    @Test func longSoundsAndManyChannelsAreRefused() throws {
        let service = try RunningService {
            $0.limits.seconds = 2
            $0.limits.channels = 2
            $0.limits.sampleRateHz = 48_000
        }.whenReady()
        let fast = Sound.wav(channels: [[Float](repeating: 0.1, count: 1000)], rate: 96_000)
        for (sound, status, kind, word) in [
            (Sound.tone(seconds: 3), 413, "too-large", "2 seconds"),
            (fast, 422, "unusable-sound", "96000 samples"),
            (Sound.tone(channels: 3), 422, "unusable-sound", "3 channels"),
        ] { try service.upload(sound).expectProblem(status, kind, word) }
    }

    @Test func whatIsNoSoundIsRefusedAtOnce() throws {
        let service = try RunningService().whenReady()
        let wav = Sound.tone()
        try service.upload(Data()).expectProblem(400, "bad-request")
        for bytes in [
            Data("hello, world".utf8), Data("<html><script>alert(1)</script>".utf8),
            // A header alone, a damaged one, zeros, a playlist.
            Data(wav.prefix(44)), Data(wav.prefix(20)) + Data(count: 1000), Data(count: 5000),
            Data("#EXTM3U\nhttp://127.0.0.1:1/x.mp3\n".utf8),
        ] {
            let answer = try service.upload(bytes, "X-Filename: notes.txt")
            answer.expectProblem(415, "not-a-sound")
            #expect(!answer.detail.contains(service.folder.url.path))
        }
        // An M4A file, which libsndfile doesn't know.
        let m4a = try service.upload(Data("\0\0\0\u{18}ftypM4A \0\0\0\0M4A isom".utf8))
        m4a.expectProblem(415, "not-a-sound", "the operator of the service can allow ffmpeg")
        #expect(!m4a.detail.contains("or a format that ffmpeg decodes"))
        #expect(try service.files("tracks").isEmpty)
        for (header, body, status) in [
            ("Expect: 100-continue", wav, 202),
            ("Content-Encoding: gzip", Data([0x1F, 0x8B, 8]), 415),
            ("Content-Encoding: br", wav, 415), ("Content-Encoding: Identity", wav, 202),
            ("Content-Type: application/x-www-form-urlencoded", Data("file=abc".utf8), 415),
            ("Content-Type: multipart/mixed; boundary=b", wav, 400), ("Expect: 999-x", wav, 202),
        ] { #expect(try service.upload(body, header).status == status, "\(header)") }
        let sounds = Fixture.url("audio")
        for name in try FileManager.default.subpathsOfDirectory(atPath: sounds.path) {
            guard let bytes = try? Data(contentsOf: sounds.appending(path: name)) else { continue }
            let status = try service.upload(bytes).status
            #expect(status == 202 || (400..<500).contains(status), "\(name): \(status)")
        }
    }

    @Test func anIncompleteFormIsRefused() throws {
        let service = try RunningService().whenReady()
        let whole = Form.body([("shifts", "0")], file: Sound.tone(seconds: 0.1))
        let end = Form.body([], file: nil)
        let many = (0..<200).map { ("a\($0)", "1") }
        for body in [
            Form.body([("shifts", "0")], file: nil), Data(whole.dropLast(10)), Data("--x".utf8),
            Data(), end, whole.dropLast(end.count) + whole, Sound.tone(seconds: 0.1),
            Form.body(many, file: Data([1])),
            Form.body([("stems", String(repeating: "a", count: 1 << 20))], file: Data([1])),
        ] { try service.upload(form: body).expectProblem(400, "bad-request") }
        for boundary in [
            "", "; boundary=", "; boundary=x", "; boundary", "; boundary=\u{7F}",
            "; boundary=" + String(repeating: "b", count: 5000),
        ] {
            let answer = try service.upload(whole, "Content-Type: multipart/form-data\(boundary)")
            answer.expectProblem(400, "bad-request")
        }
        #expect(try service.files("uploads").isEmpty)
    }

    @Test func aFieldThatArrivesInPiecesKeepsItsCharacters() throws {
        let service = try RunningService().whenReady()
        let value = "ÄöüñÅçßé"
        let body = Form.body([("stems", value)], file: Sound.tone(seconds: 0.1))
        let found = try #require(body.range(of: Data(value.utf8)))
        let (start, end) = (body[..<found.lowerBound], body[found.upperBound...])
        // A chunk for each byte: the service gets them one by one.
        let pieces = [start] + found.map { body[$0...$0] } + [end, Data()]
        let answer = try service.request(
            "POST", "/v1/separations", [Form.type, "Transfer-Encoding: chunked"],
            body: pieces.map(Form.chunk).reduce(Data(), +))
        answer.expectProblem(422, "invalid-option", value)
        let invalid = try service.upload(form: Data(start + [0xC3, 0x28] + end))
        invalid.expectProblem(400, "bad-request", "UTF-8")
    }

    @Test func theSmallModelInPlaceOfTheWantedOneIsNamed() throws {
        let service = try RunningService { $0.modelName = "htdemucs" }.whenReady()
        #expect(try service.get("/readyz").text.contains("'swift-demucs models fetch htdemucs'"))
        #expect(try service.get("/v1/models")["engine.replaces"] == "htdemucs")
        let other = try RunningService().whenReady()
        #expect(try other.get("/readyz").text.hasSuffix("ready\n"))
    }

    @Test func aMissingModelIsRefused() throws {
        let service = try RunningService(model: "/nowhere/none.safetensors")
        service.service?.waitUntilLoaded()
        for answer in try [
            service.get("/readyz"), service.upload(),
            service.request("PUT", "/v1/separate/bass.wav", body: Sound.tone()),
        ] {
            answer.expectProblem(503, "no-model", "'none.safetensors'")
            #expect(!answer.detail.contains("/"))
        }
        let problem = try #require(service.service?.modelProblem)
        #expect("\(problem)".contains("/nowhere/none.safetensors"))
        #expect(try service.status("/livez") == 200)
    }

    @Test func aMachineGetsTheMemoryForTheModelLater() throws {
        let tries = Mutex(0)
        let service = try RunningService(
            clock: ManualClock(),
            beforeModel: {
                tries.withLock { $0 += 1 }
                if tries.withLock({ $0 }) > 1 { return }
                throw SeparationError.notEnoughMemory(neededBytes: 9_000_000, freeBytes: 1_000_000)
            })
        service.service?.waitUntilLoaded()
        #expect(try service.get("/readyz").detail.contains("9.0 MB of memory"))
        try waitUntil("the model is loaded") {
            service.advance(by: 31)
            return try service.status("/readyz") == 200
        }
    }

    @Test func repliesNameNoPathOfTheServer() throws {
        let (service, id) = try RunningService.withJob()
        // A file where a folder of the cache should be.
        try FileManager.default.removeItem(atPath: service.path("cache/\(id)"))
        try service.folder.write("", "data/cache/\(id)")
        for part in ["stems/bass.flac", "stems.zip?format=mp3", "mix?bass=0.5", "peaks"] {
            let answer = try service.get("\(id)/\(part)")
            answer.expectProblem(503, "disk-unusable", "can't use its files")
            #expect(!answer.detail.contains("cache"), "\(answer.detail)")
        }
    }

    @Test(.enabled(if: FFmpeg.onPath != nil, "needs ffmpeg"))
    func soundsBeyondTheLimitsAreNotDecoded() throws {
        // Eight seconds of silence, which take 2.8 MB, in a file of a few hundred bytes.
        let folder = TemporaryFolder()
        try Process.run([
            "ffmpeg", "-nostdin", "-loglevel", "fatal", "-f", "lavfi", "-i", "anullsrc", "-t", "8",
            "-c:a", "alac", folder.path("song.m4a"),
        ])
        let sound = try folder.data("song.m4a")
        func upload(_ change: (inout ServiceSettings) -> Void) throws -> Answer {
            let service = try RunningService {
                $0.allowsFFmpeg = true
                change(&$0)
            }
            return try service.whenReady().upload(sound, "X-Filename: song.m4a")
        }
        let accepted = try upload { _ in }
        #expect(accepted.status == 202 && accepted["name"] == "song.m4a", "\(accepted.text)")
        try upload { $0.limits.channels = 1 }
            .expectProblem(422, "unusable-sound", "has 2 channels, expected at most 1")
        try upload { $0.limits.sampleRateHz = 22_050 }
            .expectProblem(422, "unusable-sound", "44100 samples a second, expected at most 22050")
        try upload { $0.limits.seconds = 7 }
            .expectProblem(413, "too-large", "longer than the 7 seconds")
        try upload { $0.quotaBytes = 2_000_000 }
            .expectProblem(422, "no-room", "more than the 2.0 MB that it may take")
    }
}
