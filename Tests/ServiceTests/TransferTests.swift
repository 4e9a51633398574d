import Foundation
import Service
import TestSupport
import Testing

/// The way of replies to their clients: compressed, and not too slowly.
@Suite(.serialized)
struct TransferTests {
    /// The bytes that gzip had compressed.
    private func unpacked(_ bytes: Data) throws -> Data {
        let folder = TemporaryFolder()
        let path = try folder.write(bytes, "text.gz")
        try python(
            "import gzip, sys; open(sys.argv[2], 'wb').write(gzip.open(sys.argv[1]).read())", path,
            folder.path("text"))
        return try Data(contentsOf: folder.url("text"))
    }

    @Test func textsAreCompressedForClientsThatTakeThem() throws {
        let service = try RunningService { $0.jobs = 0 }
        for _ in 0..<3 { _ = try service.upload(Sound.tone(seconds: 0.02)) }
        for target in ["/", "/main.js", "/style.css", "/openapi.json", "/v1/separations"] {
            let plain = try service.get(target)
            let packed = try service.get(target, ["Accept-Encoding: br, gzip;q=0.5"])
            #expect(plain.headers["content-encoding"] == nil)
            #expect(packed.headers["content-encoding"] == "gzip", "\(target)")
            #expect(plain.headers["vary"] == "Accept-Encoding", "\(target)")
            #expect(packed.headers["vary"] == "Accept-Encoding", "\(target)")
            #expect(packed.body.count < plain.body.count / 2, "\(target)")
            #expect(try unpacked(packed.body) == plain.body, "\(target)")
        }
        for header in ["identity", "gzip;q=0", "gzip; q=0.0", "deflate", "xgzip"] {
            let answer = try service.get("/main.js", ["Accept-Encoding: \(header)"])
            #expect(answer.headers["content-encoding"] == nil, "\(header)")
        }
        // A short text is not worth it.
        let short = try service.get("/livez", ["Accept-Encoding: gzip"])
        #expect(short.headers["content-encoding"] == nil)
        let first = try service.get("/main.js", ["Accept-Encoding: gzip"])
        let tag = try #require(first.headers["etag"])
        #expect(try service.get("/main.js").headers["etag"] != tag)
        let again = try service.get("/main.js", ["Accept-Encoding: gzip", "If-None-Match: \(tag)"])
        #expect(again.status == 304)
    }

    @Test func clientsThatReadSlowlyOrNotLoseTheirConnections() throws {
        let service = try RunningService(clock: ManualClock()) {
            $0.limits.bytesPerSecond = 100_000
        }
        let small = try service.doneJob(Sound.tone(seconds: 0.2))
        let large = try service.doneJob(Sound.tone(seconds: 0.3))
        let stemBytes = service.enlarge(stem: 1, of: large)
        let stem = "/v1/separations/\(large)/stems/bass.wav"
        // Reads all the time, and so is never idle.
        let slow = try service.open(stem, receivedBytes: 4096)
        var received = slow.receive(until: "200 OK").utf8.count
        // A reply after an archive, on the same connection, has the same limit as an archive.
        let archive = try service.open("/v1/separations/\(large)/stems.zip")
        let file = try service.open("/v1/separations/\(small)/stems.zip")
        // The record at the end of an archive.
        #expect(file.receive(until: "PK\u{5}\u{6}").contains("200 OK"))
        file.send("GET", stem)
        for reply in [archive, file] { #expect(reply.receive(until: "200 OK").contains("200 OK")) }
        let events = try service.open("/v1/events")
        #expect(events.receive(until: "event: state").contains("event: state"))
        try waitUntil("only the stream of events is open") {
            received += slow.receive().count
            service.advance(by: 31)
            return try service.connectionCount() == 1
        }
        // Bytes that the system has taken still arrive; the rest of the file does not.
        #expect(received + slow.receiveAll().count < stemBytes)
        for reply in [archive, file] { #expect(reply.receiveAll().count < stemBytes) }
        // A stream of events may be silent.
        _ = try service.job(Sound.tone(seconds: 0.4))
        #expect(events.receive(until: "\"state\":\"queued\"").contains("queued"))
    }
}
