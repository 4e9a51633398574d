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
            "../../../../tmp/owned.wav", "/etc/passwd", "..", "", "a%00b.wav", "..%2F..%2Fx",
        ] {
            let answer = try service.upload(
                Sound.tone(seconds: 0.2), headers: ["X-Filename: \(name)"])
            #expect(answer.status == 202)
            let label = answer.object["name"] as? String ?? "/"
            #expect(!label.contains("/") && label != "..", "\(label)")
        }
        #expect(!FileManager.default.fileExists(atPath: "/tmp/owned.wav"))
    }

    @Test func pathsThatLeaveTheirFolderAreRefused() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone(seconds: 0.2))
        for path in [
            "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1/separations/../../jobs.sqlite",
            "/v1/separations/\(id)/stems/..%2f..%2fjobs.sqlite",
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
            "evil.example", "evil.example:\(service.port)", "localhost.evil.example", "x@y", "",
        ] {
            let answer = try service.request("GET", "/v1/separations", host: host)
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
        let marked = try service.upload(
            Sound.tone(seconds: 0.1), headers: ["Sec-Fetch-Site: cross-site"])
        #expect(marked.status == 403)
        let own = try service.get("/v1/models", ["Origin: http://127.0.0.1:\(service.port)"])
        #expect(own.status == 200)
        #expect(own.headers["access-control-allow-origin"] == nil)
        let named = try service.get("/v1/models", ["Origin: https://mine.example"])
        #expect(named.headers["access-control-allow-origin"] == "https://mine.example")
    }

    @Test func theTokenIsNeededAndComparedWhole() throws {
        let folder = TemporaryFolder()
        let path = try folder.write("correct-horse-battery\n", "token")
        let service = try RunningService { $0.tokenFile = path }
        #expect(try service.get("/livez").status == 200)
        #expect(try service.get("/").status == 200)
        for header in [
            [], ["Authorization: Bearer wrong"], ["Authorization: Bearer correct-horse-batterz"],
            ["Authorization: Bearer"], ["Authorization: Basic correct-horse-battery"],
            ["Authorization: Bearer correct-horse-battery-and-more"],
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
        let folder = TemporaryFolder()
        let error = #expect(throws: ServiceError.self) {
            _ = try RunningService(in: folder) { $0.host = "0.0.0.0" }
        }
        #expect(error?.description.contains("file of tokens") == true)
        let short = try folder.write("short", "token")
        #expect(throws: ServiceError.self) {
            _ = try RunningService(in: folder) { $0.tokenFile = short }
        }
    }

    @Test func namesCannotAddHeaders() throws {
        let service = try RunningService()
        let answer = try service.upload(
            Sound.tone(seconds: 0.2),
            headers: ["X-Filename: a%0d%0aSet-Cookie:%20x=1%22;evil%0a<script>.wav"])
        let id = try #require(answer.object["id"] as? String)
        try service.finished(id)
        let stem = try service.get("/v1/separations/\(id)/stems/bass.wav")
        #expect(stem.headers["set-cookie"] == nil)
        let disposition = try #require(stem.headers["content-disposition"])
        #expect(disposition.hasPrefix("attachment; filename=\""))
        #expect(disposition.filter { $0 == "\"" }.count == 2)
        #expect(stem.headers["x-content-type-options"] == "nosniff")
    }

    @Test func markupInNamesStaysText() throws {
        let service = try RunningService()
        let name = "<img src=x onerror=alert(1)>.wav"
        let answer = try service.upload(
            Sound.tone(seconds: 0.2), headers: ["X-Filename: \(name)"])
        #expect(answer.headers["content-type"] == "application/json")
        #expect(answer.object["name"] as? String == name)
        let page = try service.get("/")
        let policy = try #require(page.headers["content-security-policy"])
        #expect(policy.contains("script-src 'self'") && !policy.contains("unsafe"))
        #expect(page.headers["x-frame-options"] == "DENY")
    }

    @Test func requestsThatTwoServersReadDifferentlyAreRefused() throws {
        let service = try RunningService()
        for lines in [
            ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: 5", "Content-Length: 5"],
            ["Content-Length: 5", "Transfer-Encoding: chunked"], ["Transfer-Encoding: gzip"],
            ["Content-Length: -1"], ["Content-Length: 1e3"],
        ] {
            let connection = try Connection(port: service.port)
            let head = (["POST /v1/separations HTTP/1.1", "Host: localhost"] + lines)
                .joined(separator: "\r\n")
            connection.send(Data("\(head)\r\n\r\nhello".utf8))
            let answer = Answer(connection.receiveAll())
            #expect(answer.map { $0.status == 400 } ?? true, "\(lines): \(answer?.status ?? 0)")
        }
        #expect(try service.request("PUT", "/v1/separations").status == 405)
        #expect(try service.request("BREW", "/livez").status == 405)
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
    }

    @Test func namesInArchivesHaveNoSlashes() throws {
        let service = try RunningService()
        let refused = try service.upload(
            Sound.tone(seconds: 0.2), query: "shifts=0&mix=..%2F..%2Fevil=drums%2Bbass")
        #expect(refused.status == 422)
        let id = try service.doneJob(
            Sound.tone(seconds: 0.2), query: "shifts=0&mix=my%20band=drums%2Bbass")
        let zip = try service.get("/v1/separations/\(id)/stems.zip").body
        #expect(zip.range(of: Data("my band.wav".utf8)) != nil)
        #expect(zip.range(of: Data("../".utf8)) == nil)
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
            _ = try service.doneJob(Sound.tone(seconds: 0.1))
            #expect(try permissions(data) == 0o700)
            for name in ["jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm"] {
                #expect(try permissions("\(data)/\(name)") == 0o600, "\(name)")
            }
            service.end()
            for path in [data, "\(data)/jobs.sqlite"] { chmod(path, 0o755) }
        }
    }

    @Test func linksInTheDataFolderAreNotFollowed() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone(seconds: 0.2))
        let results = service.folder.path("data/results/\(id)")
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
    }
}
