import Foundation
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
            String(repeating: "x", count: 150), String(repeating: "e%CC%81", count: 60),
            String(repeating: "%F0%9F%91%A9%E2%80%8D%F0%9F%91%A6", count: 40), "a%2F%CC%B8b.wav",
            "%D7%A9%D7%9C%D7%95%D7%9D.wav", "\";.wav", "-rf.wav", "%F0%9F%8E%B5.wav",
            "a%0d%0aSet-Cookie:%20x=1%22;evil%0a<script>.wav", "<img src=x onerror=alert(1)>.wav",
        ] {
            let answer = try service.upload(Sound.tone(seconds: 0.1), "X-Filename: \(name)")
            #expect(answer.status == 202)
            #expect(answer.headers["content-type"] == "application/json")
            let label = answer["name"] ?? "/"
            #expect(Set(label).isDisjoint(with: "/\\\r\n\0\u{202E}"), "\(label)")
            #expect(label == name || !name.hasPrefix("<"), "markup stays text")
            #expect(label != ".." && label != ".")
            // Whole characters of at most two or three scalars.
            let (length, isLong) = (label.unicodeScalars.count, name.utf8.count > 120)
            #expect((isLong ? 98...100 : 1...100).contains(length), "\(label)")
            let id: String = try #require(answer["id"])
            let own = String(decoding: try JSONEncoder().encode(["name": label]), as: UTF8.self)
            #expect(try service.send("PATCH", id, own)["name"] == label, "\(label)")
            try service.expectEnd("done", of: id)
            let stem = try service.get("\(id)/stems/bass.wav")
            let disposition = try #require(stem.headers["content-disposition"])
            #expect(disposition.hasPrefix("attachment; filename=\""))
            #expect(disposition.filter { $0 == "\"" }.count == 2)
            #expect(stem.headers["set-cookie"] == nil)
            #expect(stem.headers["x-content-type-options"] == "nosniff")
        }
        #expect(!FileManager.default.fileExists(atPath: "/tmp/owned.wav"))
    }

    @Test func pathsThatLeaveTheirFolderAreRefused() throws {
        let (service, id) = try RunningService.withJob()
        for path in [
            "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1/separations/../../clock",
            "\(id)/stems/..%2f..%2ftrack.json", "\(id)/stems/%2e%2e", "\(id)%00/mix", "%2e/mix",
            "/livez%00.html", "/%ff", "/%", "/%zz",
        ] { #expect([400, 404].contains(try service.status(path)), "\(path)") }
    }

    @Test func otherHostsAreRefused() throws {
        let service = try RunningService()
        for (host, statuses) in [
            ("evil.example", [421]), ("evil.example:\(service.port)", [421]),
            ("localhost.evil.example", [421]), ("x@y", [400, 421]), ("0x7f.1", [400, 421]),
            ("", [400, 421]), ("localhost", [200]), ("LOCALHOST:80", [200]),
            ("127.0.0.1:1", [200]), ("[::1]:8765", [200]),
        ] {
            let forwarded = "X-Forwarded-Host: 127.0.0.1:\(service.port)"
            let answer = try service.request("GET", "/v1/separations", [forwarded], host: host)
            #expect(statuses.contains(answer.status), "\(host)")
        }
        #expect(try service.status("/livez", "Host: localhost") == 400)
    }

    @Test func pagesOfOtherSitesAreRefused() throws {
        let service = try RunningService { $0.allowedOrigins = ["https://mine.example"] }
        let id = try service.job()
        for header in [
            "Origin: http://evil.example", "Origin: null", "Origin: file://",
            "Origin: http://localhost.evil.example", "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
        ] {
            for answer in [
                try service.upload(Sound.tone(seconds: 0.1), header),
                try service.delete(id, header),
            ] {
                answer.expectProblem(403, "forbidden")
                #expect(answer.headers["access-control-allow-origin"] == nil)
            }
        }
        try service.expectEnd("done", of: id)
        for (origin, allowed) in [
            ("http://127.0.0.1:\(service.port)", nil),
            ("https://mine.example", "https://mine.example"),
        ] {
            let answer = try service.get("/v1/models", "Origin: \(origin)")
            #expect(answer.status == 200)
            #expect(answer.headers["access-control-allow-origin"] == allowed)
        }
    }

    @Test func theTokenIsNeededAndComparedWhole() throws {
        let service = try RunningService(tokens: "correct-horse-battery\n")
        for target in ["/livez", "/"] { #expect(try service.status(target) == 200) }
        for headers in [
            [], ["Authorization: Bearer wrong"], ["Authorization: Bearer correct-horse-batterz"],
            ["Authorization: Bearer"], ["Authorization: Basic correct-horse-battery"],
            ["Authorization: Bearer correct-horse-battery-and-more"],
            ["Cookie: token=correct-horse-battery"], ["X-Forwarded-For: 127.0.0.1"],
            ["Authorization: Bearer wrong", "Authorization: Bearer correct-horse-battery"],
        ] {
            for target in ["/v1/separations", "/metrics", "/v1/models", "/v1/events"] {
                let answer = try service.request("GET", target, headers)
                answer.expectProblem(401, "unauthorized")
                #expect(answer.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
            }
        }
        let right = "Authorization: Bearer correct-horse-battery"
        #expect(try service.status("/v1/separations", right) == 200)
        for name in ["token", "access_token"] {
            let target = "/v1/separations?\(name)=correct-horse-battery"
            try service.get(target, right).expectProblem(400, "bad-request")
        }
        // Other machines need one.
        expectNoStart("file of tokens") { try RunningService { $0.host = "0.0.0.0" } }
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
        #expect(try answer(service, head).hasPrefix("HTTP/1.1 200"))
        for (part, other) in [
            ("livez", "livez\0/x"), ("b|", "b\n"), ("1.1|", "1.1\n"), ("b|", "b|\t c|"),
            ("localhost|", "localhost| :1|"), ("b|", "b\0c|"), ("close||", "close| x||"),
            ("1.1|", "1.1\0|"), ("close||", "close|\n\(head)"), ("GET", "G\0ET"),
            ("1.1|", "1.1| X: a|"), ("X-A", "X-A "), ("close||", "close\0||"),
            ("close||", "close\0\0\0||"), ("close||", "close|\0||"), ("close||", "close|X-B:\0||"),
            ("close||", "close|Transfer-Encoding: chunked\0||"), ("close||", "close\n\n"),
            ("b|", "b\rc|"), ("close||", "close\r||"),
        ] {
            let text = head.replacing(part, with: other)
            let found = try answer(service, text)
            #expect(found.hasPrefix("HTTP/1.1 400"), "\(text.debugDescription): \(found)")
        }
    }

    /// Forms that few clients send. RFC 9112, section 3.2; RFC 9110, section 5.5; RFC 2046, section 5.1.1.
    @Test func rareFormsAreTaken() throws {
        let service = try RunningService().whenReady()
        for (line, host, status) in [
            ("GET /livez", "localhost \t", 200), ("GET http://localhost/livez", "evil", 200),
            ("GET HTTP://LOCALHOST:8765/livez", "x", 200), ("GET https://127.0.0.1", "x", 200),
            ("GET http://[::1]?a=b", "x", 200), ("GET http://evil/livez", "localhost", 421),
            ("GET http://localhost:x/livez", "localhost", 421), ("OPTIONS *", "localhost", 204),
            ("GET *", "localhost", 400), ("GET ftp://localhost/livez", "localhost", 400),
            ("GET http:///livez", "localhost", 400), ("GET /livez", "[::1]evil", 421),
        ] {
            let head = "\(line) HTTP/1.1|Host: \(host)|Connection: close||"
            let found = try answer(service, head)
            #expect(found.hasPrefix("HTTP/1.1 \(status)"), "\(head): \(found)")
        }
        for (type, boundary) in [
            ("multipart/form-data; boundary=X1; charset=utf-8", "X1"),
            ("Multipart/Form-Data;charset=utf-8 ;\tBoundary=X2", "X2"),
            ("multipart/form-data; boundary=x", "x"), ("multipart/form-data;boundary=y", "y"),
            ("multipart/form-data; boundary=\"a b;c\"; x=\"boundary=z\"", "a b;c"),
        ] {
            // Whether or not another line follows.
            for lines in [
                ["Content-Type: \(type)", "X-A: b"], ["X-A: b", "Content-Type: \(type)"],
            ] {
                let body = Form.body([("stems", "bass")], file: Sound.short, boundary: boundary)
                let job = try service.request("POST", "/v1/separations", lines, body: body)
                #expect(job.status == 202 && job["outputs"] == ["bass"], "\(type): \(job.text)")
            }
        }
        for type in [
            "multipart/form-data; boundary=\"\"", "multipart/form-datax; boundary=a",
            "multipart/form-data; x=\"; boundary=a\"",
        ] {
            let lines = ["Content-Type: \(type)"]
            let refused = try service.request(
                "POST", "/v1/separations", lines, body: Data("--a".utf8))
            refused.expectProblem(400, "bad-request")
        }
    }

    /// A boundary is written anew into the memory of libmicrohttpd, whose next bytes are another line or the body.
    @Test func aBoundaryOfAnyBytesLeavesTheRestOfTheHead() throws {
        let service = try RunningService().whenReady()
        for byte in [0x80, 0xC3, 0xFF, 0x20, 0x22, 0x3B, 0x5C] as [UInt8] {
            for count in [1, 40, 12_000] {
                let connection = try Connection(port: service.port)
                let begin =
                    "GET /v1/nothing HTTP/1.1\r\nContent-Type: multipart/form-data; boundary="
                let end = "\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n"
                connection.send(
                    Data(begin.utf8) + Data(repeating: byte, count: count)
                        + Data("\(end)Connection: close\r\n\r\n".utf8))
                let replies = String(decoding: connection.receiveAll(), as: UTF8.self)
                #expect(replies.hasPrefix("HTTP/1.1 404"), "\(byte) \(count): \(replies)")
                #expect(replies.hasSuffix("ok\n"), "\(byte) \(count): \(replies)")
            }
        }
    }

    @Test func otherMethodsFormsAndVersionsAreRefused() throws {
        let (service, id) = try RunningService.withJob()
        let base = "/v1/separations/\(id)"
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
            #expect(try service.status(target, method: "OPTIONS") == 204, "\(target)")
        }
        for (method, target) in [
            ("TRACE", "/"), ("POST", base), ("PUT", base), ("PATCH", "/v1/separations"),
            ("PUT", "/v1/separations"), ("BREW", "/livez"), ("get", "/livez"), ("POST", "/livez"),
        ] {
            let refused = try service.request(method, target)
            #expect(refused.status == 405, "\(method) \(target)")
            let options = try service.request("OPTIONS", target)
            #expect(refused.headers["allow"] == options.headers["allow"])
            #expect(refused.headers["allow"]?.contains("OPTIONS") == true)
        }
        let end = "|Host: localhost|Connection: close||"
        // 0 is no reply.
        let refusals = [0, 400, 404, 405, 421, 505]
        for (request, statuses) in [
            ("CONNECT 127.0.0.1:22 HTTP/1.1\(end)", refusals),
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
        let targets = ["/livez", "/v1/models", "/readyz", "/nothing"]
        let heads = targets.map { "GET \($0) HTTP/1.1|Host: localhost||" }.joined()
        let close = "GET /livez HTTP/1.1|Host: localhost|Connection: close||"
        let found = try answer(service, heads + close).split(separator: "HTTP/1.1 ")
        #expect(found.map { $0.prefix(3) } == ["200", "200", "200", "404", "200"])
        #expect(found[1].contains("\"models\"") && found[2].hasSuffix("ready\n"))
        let connection = try Connection(port: service.port)
        for _ in 0..<2_000 {
            connection.send("GET", "/livez")
            try #require(connection.receive(until: "\r\n\r\nok\n").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func brokenChunksAreRefused() throws {
        let service = try RunningService().whenReady()
        let trailer = "3|abc|0|" + String(repeating: "X-A: b|", count: 20_000) + "|"
        for (body, statuses) in [
            ("100000000000000000|abc|0||", [400, 413]), ("-1|abc|0||", [400]),
            ("garbage|abc|0||", [400]), ("3|abcXX0||", [400]),
            // 0 is no reply: the client ends in the middle, or still sends when it is refused.
            ("3abc0||", [0, 400]), ("ff|abc", [0, 400]), (trailer, [0, 400, 413, 415, 431]),
            // libmicrohttpd's own reply, if the extension does not fit into its memory for a
            // connection.
            ("3;" + String(repeating: "a", count: 100_000) + "|abc|0||", [0, 400, 413, 431, 500]),
        ] {
            let connection = try service.openUpload("Transfer-Encoding: chunked")
            connection.send(Data(body.replacing("|", with: "\r\n").utf8))
            connection.endSending()
            let status = Answer(connection.receiveAll())?.status ?? 0
            #expect(statuses.contains(status), "\(body.prefix(40)): \(status)")
        }
        try waitUntil("no upload is left") { try service.files("uploads").isEmpty }
        #expect(try service.status("/livez") == 200)
    }

    @Test func oddNumbersGetARefusalOrAReply() throws {
        let (service, id) = try RunningService.withJob()
        let odd = [
            "nan", "-nan", "inf", "-inf", "1e-45", "1e999", "-1", "-0", "-9223372036854775808",
            "9223372036854775808", "18446744073709551616", String(repeating: "9", count: 300),
            "0x10", "1,5", "", "%00", "%20", "true", "1e", "+1", "%D9%A3",
            String(repeating: "0", count: 500) + "1",
        ]
        for value in odd {
            for target in [
                "\(id)/mix?vocals=\(value)", "\(id)/mix?vocals.pan=\(value)",
                "\(id)/mix?\(value)=1", "\(id)/peaks?points=\(value)",
                "\(id)/mix?format=\(value)", "/v1/separations?limit=\(value)",
                "/v1/separations?after=\(value)", value,
            ] {
                let answer = try service.get(target)
                #expect(answer.status == 200 || (400..<500).contains(answer.status), "\(target)")
                // JSON with a number that is not finite can't be read.
                let isRead = target.contains("/mix") || !answer.object.isEmpty
                #expect(isRead || answer.status != 200, "\(target)")
            }
            if value.contains("%") { continue }
            try service.open("/v1/events?limit=5", "Last-Event-ID: \(value)").receive(
                until: " 200 ")
        }
        #expect(try service.status("\(id)/mix?vocals=1e-45") == 200)
    }

    @Test func aQueryOfManyFieldsGetsAReply() throws {
        let service = try RunningService().whenReady()
        for (count, status) in [
            (100, 200), (260, 200), (330, 200), (500, 200), (900, 200), (1000, 400), (1700, 400),
            (3000, 400),
        ] {
            let fields = Array(repeating: "shifts=0", count: count).joined(separator: "&")
            #expect(try service.status("/?\(fields)") == status, "\(count)")
            let upload = try service.upload(query: fields)
            #expect(upload.status == (status == 200 ? 422 : 400), "\(count): \(upload.text)")
        }
        #expect(try service.status("/?" + String(repeating: "a&", count: 50_000)) == 414)
        for lines in [
            ["X-A: " + String(repeating: "a", count: 100_000)],
            Array(repeating: "X-A: b", count: 20_000),
        ] { #expect(try service.request("GET", "/livez", lines).status == 431) }
    }

    @Test func onlyTheOwnerReadsTheDataFolder() throws {
        let folder = TemporaryFolder()
        let data = folder.path("data")
        // A folder that was made by another program, or by an older version.
        try folder.makeFolder("data")
        for _ in 0..<2 {
            for path in [data, "\(data)/tracks"] { chmod(path, 0o755) }
            let service = try RunningService(in: folder)
            let id = try service.doneJob()
            for path in [data, "\(data)/tracks", "\(data)/tracks/\(id)"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                #expect(attributes[.posixPermissions] as? Int == 0o700, "\(path)")
            }
            service.end()
        }
    }

    @Test func linksInTheDataFolderAreNotFollowed() throws {
        let (service, id) = try RunningService.withJob()
        let files = FileManager.default
        let secret = try service.folder.write("secret", "secret")
        let first = service.path("tracks/\(id)/stems/0.wav")
        try files.removeItem(atPath: first)
        try files.createSymbolicLink(atPath: first, withDestinationPath: secret)
        let answer = try service.get("\(id)/stems/drums.wav")
        answer.expectProblem(404, "not-found")
        #expect(!answer.text.contains("secret"))
        // Removing the job removes the link, not its target.
        #expect(try service.delete(id).status == 204)
        #expect(files.fileExists(atPath: secret))
        service.end()
        for name in ["tracks", "cache"] {
            let (path, aside) = (service.path(name), "\(secret)-\(name)")
            try files.moveItem(atPath: path, toPath: aside)
            try files.createSymbolicLink(atPath: path, withDestinationPath: aside)
            expectNoStart("it is a link") { try RunningService(in: service.folder) }
            try files.removeItem(atPath: path)
        }
        // A pipe would be waited for.
        try shell("rm clock; mkfifo clock", in: service.path(""))
        expectNoStart("clock") { try RunningService(in: service.folder) }
    }
}
