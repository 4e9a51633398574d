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
        let big = Data(repeating: 0, count: 3_000_000)
        let announced = try service.upload(big)
        #expect(announced.status == 413)
        #expect(announced.detail.contains("100000"))
        let form = try service.upload(form: Form.body([], file: Data(count: 150_000)))
        #expect(form.status == 413)
        // A body of unknown length is read to its end, up to a limit.
        let whole = Data("249f0\r\n".utf8) + Data(count: 0x249f0) + Data("\r\n0\r\n\r\n".utf8)
        let chunked = try service.request(
            "POST", "/v1/separations", ["Transfer-Encoding: chunked"], body: whole)
        #expect(chunked.status == 413)
        #expect(try service.files("uploads").isEmpty)
        // One that never ends is cut off.
        let connection = try service.open(
            "/v1/separations", "Transfer-Encoding: chunked", method: "POST")
        let chunk = Data("100000\r\n".utf8) + Data(count: 1 << 20) + Data("\r\n".utf8)
        var chunks = 0
        while chunks < 300, connection.send(chunk) { chunks += 1 }
        #expect(chunks < 200)
        #expect(try service.get("/livez").status == 200)
    }

    @Test func slowClientsLoseTheirConnections() throws {
        let service = try RunningService(clock: ManualClock()).whenReady()
        let silent = try Connection(port: service.port)
        let trickling = try Connection(port: service.port)
        let uploading = try service.open(
            "/v1/separations", "Content-Length: 9999", "Expect: 100-continue", method: "POST")
        trickling.send(Data("GET /livez HTTP/1.1\r\n".utf8))
        // The service accepts connections in their order: it has all three now.
        #expect(uploading.receive(until: " 100 ").contains(" 100 "))
        service.advance(by: 6)
        trickling.send(Data("X-a: b\r\n".utf8))
        uploading.send(Data("a".utf8))
        service.advance(by: 6)
        _ = uploading.receiveAll()
        _ = trickling.receiveAll()
        #expect(silent.receiveAll().isEmpty)
    }

    @Test func anAddressHasSomeConnections() throws {
        let lineCount = Mutex(0)
        let service = try RunningService {
            $0.limits.connectionsOfAddress = 3
            $0.log = { _ in lineCount.withLock { $0 += 1 } }
        }.whenReady()
        let uploads = try (0..<3).map { _ in
            try service.open(
                "/v1/separations", "Content-Length: 9999", "Expect: 100-continue", method: "POST")
        }
        for upload in uploads { _ = upload.receive(until: " 100 ") }
        #expect(try service.get("/livez").status == 200)
        for upload in uploads { upload.shutDown() }
        try waitUntil("the uploads have ended") { try service.connectionCount() == 0 }
        let silent = try (0..<3).map { _ in try Connection(port: service.port) }
        #expect(try service.get("/livez").status == 200)
        // The oldest one made room.
        #expect(silent[0].receiveAll().isEmpty)
        silent[2].send("GET", "/livez", ["Connection: close"])
        #expect(Answer(silent[2].receiveAll())?.status == 200)
        let streams = try (0..<3).map { _ in try service.open("/v1/events") }
        for stream in streams { _ = stream.receive(until: "event: state") }
        for _ in 0..<2 { #expect(try service.get("/livez").status == 503) }
        #expect(lineCount.withLock { $0 } == 1)
        let other = try Connection(port: service.port, from: "127.0.0.2")
        other.send("GET", "/livez", ["Connection: close"])
        #expect(Answer(other.receiveAll())?.status == 200)
    }

    @Test func longSoundsAndManyChannelsAreRefused() throws {
        let service = try RunningService {
            $0.limits.seconds = 2
            $0.limits.channels = 2
            $0.limits.sampleRateHz = 48_000
        }.whenReady()
        let fast = Sound.wav(channels: [[Float](repeating: 0.1, count: 1000)], rate: 96_000)
        for (sound, status, word) in [
            (Sound.tone(seconds: 3), 413, "2 seconds"), (fast, 422, "96000 samples"),
            (Sound.tone(channels: 3), 422, "3 channels"),
        ] {
            let answer = try service.upload(sound)
            #expect(answer.status == status && answer.detail.contains(word), "\(answer.text)")
        }
    }

    @Test func whatIsNoSoundIsRefusedAtOnce() throws {
        let service = try RunningService().whenReady()
        let wav = Sound.tone()
        let bad: [(String, Data, Int)] = [
            ("nothing", Data(), 400), ("a text", Data("hello, world".utf8), 415),
            ("a page", Data("<html><script>alert(1)</script>".utf8), 415),
            ("a header alone", Data(wav.prefix(44)), 415),
            ("zeros", Data(count: 5000), 415),
            ("a playlist", Data("#EXTM3U\nhttp://127.0.0.1:1/x.mp3\n".utf8), 415),
            ("a damaged header", Data(wav.prefix(20)) + Data(count: 1000), 415),
        ]
        for (name, bytes, status) in bad {
            let answer = try service.upload(bytes, headers: ["X-Filename: notes.txt"])
            #expect(answer.status == status, "\(name): \(answer.text)")
            #expect(!answer.detail.isEmpty)
            #expect(!answer.detail.contains(service.folder.url.path))
        }
        #expect(try service.tracks(with: "input").isEmpty)
        for (header, body, status) in [
            ("Expect: 100-continue", wav, 202),
            ("Content-Encoding: gzip", Data([0x1F, 0x8B, 8]), 415),
            ("Content-Type: application/x-www-form-urlencoded", Data("file=abc".utf8), 415),
            ("Content-Type: multipart/mixed; boundary=b", wav, 400), ("Expect: 999-x", wav, 202),
        ] { #expect(try service.upload(body, headers: [header]).status == status, "\(header)") }
        let path = Fixture.url("audio").path
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            guard let bytes = FileManager.default.contents(atPath: "\(path)/\(name)") else {
                continue
            }
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
        ] {
            let answer = try service.upload(form: body)
            #expect(answer.status == 400, "\(answer.text)")
        }
        for boundary in [
            "", "; boundary=", "; boundary=x", "; boundary=\"\"", "; boundary", "; boundary=\u{7F}",
            "; boundary=" + String(repeating: "b", count: 5000),
        ] {
            let answer = try service.request(
                "POST", "/v1/separations", ["Content-Type: multipart/form-data\(boundary)"],
                body: whole)
            #expect(answer.status == 400, "\(boundary)")
        }
        #expect(try service.files("uploads").isEmpty)
    }

    @Test func theSmallModelInPlaceOfTheWantedOneIsNamed() throws {
        let service = try RunningService { $0.modelName = "htdemucs" }.whenReady()
        #expect(try service.get("/readyz").text.contains("'swift-demucs models fetch htdemucs'"))
        let engine = try service.get("/v1/models").object["engine"] as? [String: Any]
        #expect(engine?["replaces"] as? String == "htdemucs")
        let other = try RunningService().whenReady()
        #expect(try other.get("/readyz").text.hasSuffix("ready\n"))
    }

    @Test func aMissingModelIsRefused() throws {
        let service = try RunningService(model: "/nowhere/none.safetensors")
        service.service?.waitUntilLoaded()
        let answer = try service.get("/readyz")
        #expect(answer.status == 503)
        let texts = try [
            answer, service.upload(Sound.tone()),
            service.request("PUT", "/v1/separate/bass.wav", body: Sound.tone()),
        ]
        for answer in texts {
            #expect(answer.object["type"] as? String == "urn:swift-demucs:problem:no-model")
            #expect(answer.status == 503)
            // The model does not come by waiting.
            #expect(answer.headers["retry-after"] == nil)
            #expect(answer.detail.contains("'none.safetensors'"))
            #expect(!answer.detail.contains("/"))
        }
        let problem = try #require(service.service?.modelProblem)
        #expect("\(problem)".contains("/nowhere/none.safetensors"))
        #expect(try service.get("/livez").status == 200)
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
            return try service.get("/readyz").status == 200
        }
    }

    @Test func repliesNameNoPathOfTheServer() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone(seconds: 0.2))
        // A file where a folder of the cache should be.
        try FileManager.default.removeItem(atPath: service.folder.path("data/cache/\(id)"))
        _ = try service.folder.write(Data(), "data/cache/\(id)")
        for part in ["stems/bass.flac", "stems.zip?format=mp3", "mix?bass=0.5", "peaks"] {
            let answer = try service.get("/v1/separations/\(id)/\(part)")
            #expect(answer.status == 503)
            #expect(answer.detail.contains("can't use its files"))
            #expect(!answer.detail.contains("cache"), "\(answer.detail)")
        }
    }

    @Test func aFieldThatArrivesInPiecesKeepsItsCharacters() throws {
        let service = try RunningService().whenReady()
        let value = "ÄöüñÅçßé"
        let body = Form.body([("stems", value)], file: Sound.tone(seconds: 0.1))
        let found = try #require(body.range(of: Data(value.utf8)))
        // A chunk for each byte: the service gets them one by one.
        let pieces =
            [body[..<found.lowerBound]] + found.map { body[$0...$0] } + [body[found.upperBound...]]
        let chunks = pieces.map {
            Data("\(String($0.count, radix: 16))\r\n".utf8) + $0 + Data("\r\n".utf8)
        }
        let answer = try service.request(
            "POST", "/v1/separations", [Form.type, "Transfer-Encoding: chunked"],
            body: chunks.reduce(Data(), +) + Data("0\r\n\r\n".utf8))
        #expect(answer.status == 422, "\(answer.text)")
        #expect(answer.detail.contains(value), "\(answer.detail)")
        let invalid = try service.upload(
            form: Data(body[..<found.lowerBound] + [0xC3, 0x28] + body[found.upperBound...]))
        #expect(invalid.status == 400)
        #expect(invalid.detail.contains("UTF-8"))
    }

    // MARK: - ffmpeg

    /// The beginning of an M4A file, which libsndfile doesn't know.
    private static let m4a = Data("\0\0\0\u{18}ftypM4A \0\0\0\0M4A isom".utf8)

    @Test func theRefusalOfM4ANamesTheRemedy() throws {
        let service = try RunningService().whenReady()
        let answer = try service.upload(Self.m4a, headers: ["X-Filename: song.m4a"])
        #expect(answer.status == 415)
        #expect(answer.detail.contains("the operator of the service can allow ffmpeg"))
        #expect(!answer.detail.contains("or a format that ffmpeg decodes"))
    }

    /// Eight seconds of silence in stereo, in a file of a few hundred bytes.
    private func silence(in folder: TemporaryFolder) throws -> Data {
        try Process.run([
            "ffmpeg", "-nostdin", "-loglevel", "fatal", "-f", "lavfi", "-i", "anullsrc", "-t", "8",
            "-c:a", "alac", "-y", folder.path("song.m4a"),
        ])
        return try Data(contentsOf: folder.url("song.m4a"))
    }

    @Test(.enabled(if: FFmpeg.onPath != nil, "needs ffmpeg"))
    func soundsBeyondTheLimitsAreNotDecoded() throws {
        let folder = TemporaryFolder()
        let sound = try silence(in: folder)
        func check(
            _ status: Int, _ word: String, _ change: (inout ServiceSettings) -> Void
        ) throws {
            let service = try RunningService {
                $0.allowsFFmpeg = true
                change(&$0)
            }
            try service.whenReady()
            let answer = try service.upload(sound, headers: ["X-Filename: song.m4a"])
            #expect(answer.status == status && answer.text.contains(word), "\(answer.text)")
        }
        try check(202, "song.m4a") { _ in }
        try check(422, "has 2 channels, expected at most 1") { $0.limits.channels = 1 }
        try check(422, "has 44100 samples a second, expected at most 22050") {
            $0.limits.sampleRateHz = 22_050
        }
        try check(413, "longer than the 7 seconds") { $0.limits.seconds = 7 }
        // Eight seconds take 2.8 MB, the file a few hundred bytes.
        try check(422, "more than the 2.0 MB that it may take") { $0.quotaBytes = 2_000_000 }
    }
}
