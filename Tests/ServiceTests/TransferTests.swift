import Foundation
import TestSupport
import Testing

/// The way of replies to their clients: compressed, and not too slowly.
@Suite(.serialized)
struct TransferTests {
    @Test func textsAreCompressedForClientsThatTakeThem() throws {
        let service = try RunningService { $0.jobs = 0 }
        for _ in 0..<3 { _ = try service.job() }
        for target in ["/", "/main.js", "/style.css", "/openapi.json", "/v1/separations"] {
            let plain = try service.get(target)
            let packed = try service.get(target, "Accept-Encoding: br, gzip;q=0.5")
            #expect(plain.headers["content-encoding"] == nil)
            #expect(packed.headers["content-encoding"] == "gzip", "\(target)")
            for answer in [plain, packed] { #expect(answer.headers["vary"] == "Accept-Encoding") }
            #expect(packed.body.count < plain.body.count / 2, "\(target)")
            let folder = TemporaryFolder()
            let path = try folder.write(packed.body, "text.gz")
            try #require(try Process.run(["gunzip", path]) == 0)
            #expect(try folder.data("text") == plain.body, "\(target)")
        }
        for header in ["identity", "gzip;q=0", "gzip; q=0.0", "deflate", "xgzip"] {
            let answer = try service.get("/main.js", "Accept-Encoding: \(header)")
            #expect(answer.headers["content-encoding"] == nil, "\(header)")
        }
        // A short text is not worth it.
        let gzip = "Accept-Encoding: gzip"
        #expect(try service.get("/livez", gzip).headers["content-encoding"] == nil)
        let tag = try #require(try service.get("/main.js", gzip).headers["etag"])
        #expect(try service.get("/main.js").headers["etag"] != tag)
        #expect(try service.status("/main.js", gzip, "If-None-Match: \(tag)") == 304)
    }

    @Test func clientsThatReadSlowlyOrNotLoseTheirConnections() throws {
        let service = try RunningService(clock: ManualClock()) {
            $0.limits.bytesPerSecond = 100_000
        }
        let small = try service.doneJob()
        let large = try service.doneJob(Sound.tone(seconds: 0.3))
        let stemBytes = service.enlarge(stem: 1, of: large)
        // Reads all the time, and so is never idle.
        let slow = try service.open("\(large)/stems/bass.wav", receivedBytes: 4096)
        var received = slow.receive(until: "200 OK").utf8.count
        // A reply after an archive, on the same connection, has the same limit as an archive.
        let archive = try service.open("\(large)/stems.zip")
        let file = try service.open("\(small)/stems.zip")
        // The record at the end of an archive.
        #expect(file.receive(until: "PK\u{5}\u{6}").contains("200 OK"))
        file.send("GET", "/v1/separations/\(large)/stems/bass.wav")
        for reply in [archive, file] { reply.receive(until: "200 OK") }
        try waitUntil("all connections are closed") {
            received += slow.receive().count
            service.advance(by: 31)
            return try service.connectionCount() == 0
        }
        // Bytes that the system has taken still arrive; the rest of the file does not.
        #expect(received + slow.receiveAll().count < stemBytes)
        for reply in [archive, file] { #expect(reply.receiveAll().count < stemBytes) }
    }

    @Test func aClientThatReadsFastEnoughKeepsItsConnection() throws {
        let service = try RunningService(clock: ManualClock())
        let id = try service.doneJob()
        _ = service.enlarge(stem: 1, of: id)
        let client = try service.open("\(id)/stems/bass.wav", receivedBytes: 4096)
        var received = 0
        // A thousand bytes a second are enough. The last ones are more than the system holds of a
        // connection that is closed.
        for count in [40_000, 80_000, 120_000, 16 << 20] {
            while received < count {
                let piece = client.receive()
                try #require(!piece.isEmpty)
                received += piece.count
            }
            service.advance(by: 31)
        }
    }
}
