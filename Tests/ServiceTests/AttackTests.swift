import Foundation
import Service
import TestSupport
import Testing

/// Attacks by requests and in the data folder.
@Suite(.serialized)
struct AttackTests {
    @Test func fileNamesAreLabelsAndNeverPaths() throws {
        let service = try RunningService()
        for name in [
            "../../../../tmp/owned.wav", "/etc/passwd", "..", ".", "", "a%00b.wav", "..%2F..%2Fx",
            "C:\\a\\b.wav", "%E2%80%AEvaw.exe", "%ff%fe.wav", String(repeating: "a", count: 1000),
            "%D7%A9%D7%9C%D7%95%D7%9D.wav", "\";.wav", "-rf.wav", "%F0%9F%8E%B5.wav",
            "a%0d%0aSet-Cookie:%20x=1%22;evil%0a<script>.wav", "<img src=x onerror=alert(1)>.wav",
        ] {
            let answer = try service.upload(
                Sound.tone(seconds: 0.2), headers: ["X-Filename: \(name)"])
            #expect(answer.status == 202)
            #expect(answer.headers["content-type"] == "application/json")
            let label = answer.object["name"] as? String ?? "/"
            #expect(Set(label).isDisjoint(with: "/\\\r\n\0\u{202E}"), "\(label)")
            #expect(label == name || !name.hasPrefix("<"), "markup stays text")
            #expect(label != ".." && label != "." && (1...210).contains(label.utf8.count))
            let id = try #require(answer.object["id"] as? String)
            try service.finished(id)
            let stem = try service.get("/v1/separations/\(id)/stems/bass.wav")
            let disposition = try #require(stem.headers["content-disposition"])
            #expect(disposition.hasPrefix("attachment; filename=\""))
            #expect(disposition.filter { $0 == "\"" }.count == 2)
            #expect(stem.headers["set-cookie"] == nil)
            #expect(stem.headers["x-content-type-options"] == "nosniff")
        }
        #expect(!FileManager.default.fileExists(atPath: "/tmp/owned.wav"))
    }

    @Test func pathsThatLeaveTheirFolderAreRefused() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone(seconds: 0.2))
        for path in [
            "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1/separations/../../clock",
            "/v1/separations/\(id)/stems/..%2f..%2ftrack.json",
            "/v1/separations/\(id)/stems/%2e%2e", "/livez%00.html", "/%ff", "/%", "/%zz",
            "/v1/separations/\(id)%00/mix", "/v1/separations/%2e/mix",
        ] {
            let status = try service.get(path).status
            #expect(status == 400 || status == 404, "\(path): \(status)")
        }
    }

    @Test func otherHostsAreRefused() throws {
        let service = try RunningService()
        for host in [
            "evil.example", "evil.example:\(service.port)", "localhost.evil.example", "x@y",
            "0x7f.1", "",
        ] {
            let answer = try service.request(
                "GET", "/v1/separations", ["X-Forwarded-Host: 127.0.0.1:\(service.port)"],
                host: host)
            #expect(answer.status == 421 || answer.status == 400, "\(host)")
        }
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:8765"] {
            #expect(try service.request("GET", "/livez", host: host).status == 200, "\(host)")
        }
        let twice = try service.request("GET", "/livez", ["Host: localhost"])
        #expect(twice.status == 400)
    }

    @Test func pagesOfOtherSitesAreRefused() throws {
        let service = try RunningService { $0.allowedOrigins = ["https://mine.example"] }
        for origin in ["http://evil.example", "null", "http://localhost.evil.example", "file://"] {
            let answer = try service.upload(
                Sound.tone(seconds: 0.1), headers: ["Origin: \(origin)"])
            #expect(answer.status == 403, "\(origin)")
            #expect(answer.headers["access-control-allow-origin"] == nil)
        }
        let id = try service.job(Sound.tone(seconds: 0.1))
        for header in ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: null"] {
            #expect(try service.upload(Sound.tone(seconds: 0.1), headers: [header]).status == 403)
            let deletion = try service.request("DELETE", "/v1/separations/\(id)", [header])
            #expect(deletion.status == 403, "\(header)")
        }
        #expect(try service.finished(id)["state"] as? String == "done")
        let own = try service.get("/v1/models", ["Origin: http://127.0.0.1:\(service.port)"])
        #expect(own.status == 200)
        #expect(own.headers["access-control-allow-origin"] == nil)
        let named = try service.get("/v1/models", ["Origin: https://mine.example"])
        #expect(named.headers["access-control-allow-origin"] == "https://mine.example")
    }

    @Test func theTokenIsNeededAndComparedWhole() throws {
        let service = try RunningService(tokens: "correct-horse-battery\n")
        #expect(try service.get("/livez").status == 200)
        #expect(try service.get("/").status == 200)
        for header in [
            [], ["Authorization: Bearer wrong"], ["Authorization: Bearer correct-horse-batterz"],
            ["Authorization: Bearer"], ["Authorization: Basic correct-horse-battery"],
            ["Authorization: Bearer correct-horse-battery-and-more"],
            ["Cookie: token=correct-horse-battery"], ["X-Forwarded-For: 127.0.0.1"],
            ["Authorization: Bearer wrong", "Authorization: Bearer correct-horse-battery"],
        ] {
            for target in ["/v1/separations", "/metrics", "/v1/models", "/v1/events"] {
                let answer = try service.get(target, header)
                #expect(answer.status == 401, "\(target) \(header)")
                #expect(answer.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
            }
        }
        let right = "Authorization: Bearer correct-horse-battery"
        #expect(try service.get("/v1/separations", [right]).status == 200)
        for name in ["token", "access_token"] {
            let query = try service.get("/v1/separations?\(name)=correct-horse-battery", [right])
            #expect(query.status == 400)
        }
    }

    @Test func otherMachinesNeedAToken() throws {
        let error = #expect(throws: ServiceError.self) {
            _ = try RunningService { $0.host = "0.0.0.0" }
        }
        #expect(error?.description.contains("file of tokens") == true)
    }

    /// Everything that the service sends for a text, in which | stands for an end of a line.
    private func answer(_ service: RunningService, _ text: String) throws -> String {
        let connection = try Connection(port: service.port)
        connection.send(Data(text.replacing("|", with: "\r\n").utf8))
        return String(decoding: connection.receiveAll(), as: UTF8.self)
    }

    @Test func requestsThatTwoServersReadDifferentlyAreRefused() throws {
        let service = try RunningService()
        let hidden = "0||GET /v1/models HTTP/1.1|Host: localhost||"
        for lines in [
            "Content-Length: 4|Transfer-Encoding: chunked", "Content-Length: 4|Content-Length: 5",
            "Transfer-Encoding: chunked|Content-Length: 4", "Content-Length: 4|Content-Length: 4",
            "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity, chunked",
            "Transfer-Encoding: xchunked", "Transfer-Encoding: gzip", "Transfer-Encoding : chunked",
            "Transfer-Encoding: chunked|Transfer-Encoding: identity", "Content-Length: -1",
            "Transfer-Encoding:\u{B}chunked", "Content-Length : 4", "Content-Length: +4",
            "Content-Length: 4,4", "Content-Length: 0x4", "Content-Length: 1e1", "Content-Length:",
            "Content-Length: 99999999999999999999", "X-A: b| Content-Length: 4",
        ] {
            let head = "POST /v1/separations HTTP/1.1|Host: localhost|Connection: close|\(lines)||"
            let found = try answer(service, head + hidden)
            #expect(found.isEmpty || found.hasPrefix("HTTP/1.1 4"), "\(lines): \(found)")
            #expect(!found.contains("\"models\""), "\(lines)")
        }
        // The same with lines that end or continue in two ways.
        let head = "GET /livez HTTP/1.1|Host: localhost|X-A: b|Connection: close||"
        for (part, other) in [
            ("", ""), ("livez", "livez\0/x"), ("b|", "b\n"), ("1.1|", "1.1\n"), ("b|", "b|\t c|"),
            ("localhost|", "localhost| :1|"), ("b|", "b\0c|"), ("close||", "close| x||"),
            ("1.1|", "1.1\0|"), ("close||", "close|\n\(head)"), ("GET", "G\0ET"),
            ("1.1|", "1.1| X: a|"), ("X-A", "X-A "),
        ] {
            let text = part.isEmpty ? head : head.replacing(part, with: other)
            let found = try answer(service, text)
            let status = part.isEmpty ? "HTTP/1.1 200" : "HTTP/1.1 400"
            #expect(found.hasPrefix(status), "\(text.debugDescription): \(found)")
        }
    }

    @Test func otherMethodsFormsAndVersionsAreRefused() throws {
        let service = try RunningService()
        let base = "/v1/separations/\(try service.doneJob(Sound.tone(seconds: 0.2)))"
        for target in [
            "/", "/livez", "/metrics", "/v1/models", "/v1/separations", "/v1/events", "/nothing",
            base, "\(base)/stems/bass.wav", "\(base)/stems.zip", "\(base)/mix?vocals=0",
            "\(base)/peaks",
        ] {
            let head = try service.request("HEAD", target)
            #expect(head.status == (target == "/nothing" ? 404 : 200), "\(target)")
            #expect(head.body.isEmpty, "\(target)")
            // libmicrohttpd ends a reply of unknown length with an empty chunk for HEAD too, which a client
            // would take for the beginning of the next reply.
            let next = "GET /livez HTTP/1.1|Host: localhost|Connection: close||"
            let both = try answer(service, "HEAD \(target) HTTP/1.1|Host: localhost||\(next)")
            let end = try #require(both.firstRange(of: "\r\n\r\n"))
            let rest = both[end.upperBound...]
            let isLast =
                both[..<end.lowerBound].contains("Connection: close")
                && ["", "0\r\n\r\n"].contains(rest)
            #expect(isLast || rest.hasPrefix("HTTP/1.1 200 "), "\(target): \(rest)")
            #expect(try service.request("OPTIONS", target).status == 204, "\(target)")
        }
        for (method, target) in [
            ("TRACE", "/"), ("PATCH", base), ("PUT", base), ("PATCH", "/v1/separations"),
            ("PUT", "/v1/separations"), ("BREW", "/livez"), ("get", "/livez"), ("POST", "/livez"),
        ] {
            let status = try service.request(method, target).status
            #expect(status == 405, "\(method) \(target): \(status)")
        }
        let end = "|Host: localhost|Connection: close||"
        // 0 is no reply.
        let refusals = [0, 400, 404, 405, 421, 505]
        for (request, statuses) in [
            ("CONNECT 127.0.0.1:22 HTTP/1.1\(end)", refusals),
            ("GET http://example.org/livez HTTP/1.1\(end)", refusals),
            ("GET /livez||", refusals), ("PRI * HTTP/2.0||SM||", refusals),
            ("GET /livez HTTP/3.0\(end)", refusals),
            ("GET /livez HTTP/1.0||", [200]), ("GET /livez HTTP/1.0|Host: evil||", [421]),
            ("GET /livez HTTP/1.1||", [400]),
        ] {
            let status = Answer(Data(try answer(service, request).utf8))?.status ?? 0
            #expect(statuses.contains(status), "\(request): \(status)")
        }
        // The hello of TLS.
        let connection = try Connection(port: service.port)
        connection.send(Data([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]) + Data(count: 200))
        connection.endSending()
        #expect(refusals.contains(Answer(connection.receiveAll())?.status ?? 0))
    }

    @Test func manyRequestsOnAConnectionAreAnsweredInOrder() throws {
        let service = try RunningService().whenReady()
        let targets = ["/livez", "/v1/models", "/readyz", "/nothing", "/livez"]
        let heads = targets.map { "GET \($0) HTTP/1.1|Host: localhost||" }.joined()
        let close = "GET /livez HTTP/1.1|Host: localhost|Connection: close||"
        let found = try answer(service, heads + close).split(separator: "HTTP/1.1 ")
        #expect(found.map { $0.prefix(3) } == ["200", "200", "200", "404", "200", "200"])
        #expect(found[1].contains("\"models\"") && found[2].hasSuffix("ready\n"))
        let connection = try Connection(port: service.port)
        for _ in 0..<2_000 {
            connection.send("GET", "/livez")
            try #require(connection.receive(until: "\r\n\r\nok\n").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func brokenChunksAreRefused() throws {
        let service = try RunningService().whenReady()
        for (body, statuses) in [
            ("100000000000000000|abc|0||", [400, 413]), ("-1|abc|0||", [400]),
            ("garbage|abc|0||", [400]), ("3|abcXX0||", [400]),
            // 0 is no reply: the client ends in the middle, or still sends when it is refused.
            ("3abc0||", [0, 400]), ("ff|abc", [0, 400]),
            // libmicrohttpd's own reply, if the extension does not fit into its memory for a
            // connection.
            ("3;" + String(repeating: "a", count: 100_000) + "|abc|0||", [0, 400, 413, 431, 500]),
            (
                "3|abc|0|" + String(repeating: "X-A: b|", count: 20_000) + "|",
                [0, 400, 413, 415, 431]
            ),
        ] {
            let connection = try service.open(
                "/v1/separations", "Transfer-Encoding: chunked", method: "POST")
            connection.send(Data(body.replacing("|", with: "\r\n").utf8))
            connection.endSending()
            let status = Answer(connection.receiveAll())?.status ?? 0
            #expect(statuses.contains(status), "\(body.prefix(40)): \(status)")
        }
        try waitUntil("no upload is left") { try service.files("uploads").isEmpty }
        #expect(try service.get("/livez").status == 200)
    }

    @Test func oddNumbersGetARefusalOrAReply() throws {
        let service = try RunningService()
        let base = "/v1/separations/\(try service.doneJob(Sound.tone(seconds: 0.2)))"
        let odd = [
            "nan", "-nan", "inf", "-inf", "1e-45", "1e999", "-1", "-0", "-9223372036854775808",
            "9223372036854775808", "18446744073709551616", String(repeating: "9", count: 300),
            "0x10", "1,5", "", "%00", "%20", "true", "1e", "+1", "%D9%A3",
            String(repeating: "0", count: 500) + "1",
        ]
        for value in odd {
            for target in [
                "\(base)/mix?vocals=\(value)", "\(base)/mix?vocals.pan=\(value)",
                "\(base)/mix?\(value)=1", "\(base)/peaks?points=\(value)",
                "\(base)/mix?format=\(value)", "/v1/separations?limit=\(value)",
                "/v1/separations?after=\(value)", "/v1/separations/\(value)",
            ] {
                let answer = try service.get(target)
                #expect(answer.status == 200 || (400..<500).contains(answer.status), "\(target)")
                // JSON with a number that is not finite can't be read.
                if answer.status == 200, !target.contains("/mix") {
                    #expect(!answer.object.isEmpty, "\(target)")
                }
            }
        }
        #expect(try service.get("\(base)/mix?vocals=1e-45").status == 200)
        for value in odd where !value.contains("%") {
            let stream = try service.open("/v1/events?limit=5", "Last-Event-ID: \(value)")
            #expect(stream.receive(until: " 200 ").contains(" 200 "), "\(value)")
        }
    }

    @Test func aQueryOfManyFieldsGetsAReply() throws {
        let service = try RunningService().whenReady()
        let body = Sound.tone(seconds: 0.2)
        for count in [100, 260, 330, 500, 900] {
            let fields = Array(repeating: "shifts=0", count: count).joined(separator: "&")
            #expect(try service.get("/livez?\(fields)").status == 200, "\(count)")
            let answer = try service.upload(body, query: fields)
            #expect(answer.status == 202, "\(count): \(answer.text)")
        }
        for count in [1000, 1700, 3000] {
            let fields = Array(repeating: "shifts=0", count: count).joined(separator: "&")
            #expect(try service.get("/livez?\(fields)").status == 400, "\(count)")
            #expect(try service.upload(body, query: fields).status == 400, "\(count)")
        }
        let long = try service.get("/livez?" + String(repeating: "a&", count: 50_000))
        #expect(long.status == 414)
        for lines in [
            ["X-A: " + String(repeating: "a", count: 100_000)],
            Array(repeating: "X-A: b", count: 20_000),
        ] { #expect(try service.get("/livez", lines).status == 431) }
    }

    @Test func onlyTheOwnerReadsTheDataFolder() throws {
        let folder = TemporaryFolder()
        let data = folder.path("data")
        func permissions(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        // A folder that was made by another program, or by an older version.
        try FileManager.default.createDirectory(
            atPath: data, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o755])
        for _ in 0..<2 {
            let service = try RunningService(in: folder)
            let id = try service.doneJob(Sound.tone(seconds: 0.1))
            for path in [data, "\(data)/tracks", "\(data)/tracks/\(id)"] {
                #expect(try permissions(path) == 0o700, "\(path)")
            }
            service.end()
            for path in [data, "\(data)/tracks"] { chmod(path, 0o755) }
        }
    }

    @Test func linksInTheDataFolderAreNotFollowed() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone(seconds: 0.2))
        let results = service.folder.path("data/tracks/\(id)/stems")
        let secret = try service.folder.write("secret", "secret")
        let files = try FileManager.default.contentsOfDirectory(atPath: results).sorted()
        let first = "\(results)/\(files[0])"
        try FileManager.default.removeItem(atPath: first)
        try FileManager.default.createSymbolicLink(atPath: first, withDestinationPath: secret)
        let answer = try service.get("/v1/separations/\(id)/stems/drums.wav")
        #expect(answer.status == 404)
        #expect(!answer.text.contains("secret"))
        // Removing the job removes the link, not its target.
        #expect(try service.request("DELETE", "/v1/separations/\(id)").status == 204)
        #expect(FileManager.default.fileExists(atPath: secret))
        service.end()
        for name in ["tracks", "cache"] {
            let path = service.folder.path("data/\(name)")
            try FileManager.default.moveItem(atPath: path, toPath: "\(secret)-\(name)")
            try FileManager.default.createSymbolicLink(
                atPath: path, withDestinationPath: "\(secret)-\(name)")
            #expect(throws: ServiceError.self) { _ = try RunningService(in: service.folder) }
            try FileManager.default.removeItem(atPath: path)
        }
    }
}
