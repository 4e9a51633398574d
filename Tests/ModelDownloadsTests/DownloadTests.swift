import Foundation
import ModelDownloads
import ModelZoo
import Synchronization
import System
import TestSupport
import Testing
import WeightsLoader

/// Downloads from a misbehaving server on this machine.
@Suite(.serialized) struct DownloadTests {
    private let folder = TemporaryFolder()
    private let data: Data
    private let checksum: String

    init() throws {
        data = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) })
        checksum = SHA256(of: Array(data)).hexadecimal
    }

    /// A policy with short waits between retries.
    private static let policy = DownloadPolicy(
        attempts: 3, firstDelaySeconds: 0.01, longestDelaySeconds: 2, stallSeconds: 30)

    private func download(
        _ server: LoopbackServer, path: String = "/file", checksum: String? = nil,
        limitBytes: Int = 1_000_000, policy: DownloadPolicy = DownloadTests.policy,
        report: (DownloadEvent) -> Void = { _ in }, isCancelled: () -> Bool = { false },
        check: @escaping (_ path: String) throws -> Void = { _ in }
    ) throws {
        try Download(
            url: server.address + path, destination: folder.path("file"), checksum: checksum,
            limitBytes: limitBytes, check: check
        ).run(policy: policy, isCancelled: isCancelled, report: report)
    }

    /// The error of a download that must fail; expects that no file is left.
    @discardableResult
    private func failure(
        _ server: LoopbackServer, checksum: String? = nil, limitBytes: Int = 1_000_000,
        policy: DownloadPolicy = DownloadTests.policy, location: SourceLocation = #_sourceLocation
    ) -> DownloadError? {
        let error = #expect(throws: DownloadError.self, sourceLocation: location) {
            try download(server, checksum: checksum, limitBytes: limitBytes, policy: policy)
        }
        #expect(!folder.files.contains("file"), sourceLocation: location)
        return error
    }

    /// A server of the file; `change` damages its replies.
    private func server(
        etag: String? = nil, _ change: @escaping @Sendable (inout Reply, _ index: Int) -> Void
    ) throws -> LoopbackServer {
        try LoopbackServer { request, index in
            var reply = Reply.file(data, request, headers: etag.map { [("ETag", $0)] } ?? [])
            change(&reply, index)
            return reply
        }
    }

    private static func patience(attempts: Int, stallSeconds: Double = 30) -> DownloadPolicy {
        var policy = policy
        policy.attempts = attempts
        policy.stallSeconds = stallSeconds
        return policy
    }

    /// The files after a success: the download, its origin, the lock.
    private static let complete = ["file", "file.lock", "file.origin.json"]

    @Test func aFileArrivesWholeWithItsOriginBesideIt() throws {
        let server = try server(etag: "\"abc\"") { _, _ in }
        var events: [DownloadEvent] = []
        try download(server, checksum: String(checksum.prefix(8))) { events.append($0) }
        #expect(try folder.data("file") == data)
        #expect(folder.files == Self.complete)
        let origin = try #require(
            try JSONSerialization.jsonObject(with: folder.data("file.origin.json"))
                as? [String: Any])
        #expect(origin["sha256"] as? String == checksum)
        #expect(origin["etag"] as? String == "abc")
        #expect(origin["countBytes"] as? Int == data.count)
        #expect(origin["url"] as? String == server.address + "/file")
        #expect(events.last == .finished(file: "file", countBytes: data.count))
        let request = try #require(server.requests.first)
        #expect(request.method == "GET" && request.target == "/file")
        #expect(request.headers["accept-encoding"] == "identity")
        #expect(request.headers["range"] == nil)

        // An existing file is not fetched again.
        try download(server)
        #expect(server.requests.count == 1)
    }

    @Test func aBrokenConnectionIsResumedWhereItBroke() throws {
        let server = try server(etag: "\"abc\"") { reply, index in
            if index < 3 { reply.cutAfterBytes = 70_000 }
        }
        var retries = 0
        try download(server, checksum: checksum) {
            if case .retrying(.interrupted, _) = $0 { retries += 1 }
        }
        #expect(try folder.data("file") == data)
        #expect(server.requests.map(\.firstByte) == [nil, 70_000, 140_000, 210_000])
        // Three tries in a row without bytes would be too many, but each of these brought some.
        #expect(retries == 3)
    }

    @Test func anEarlierRunIsResumed() throws {
        let server = try server(etag: "\"abc\"") { reply, index in
            if index == 0 { reply.stallAfterBytes = 100_000 }
        }
        try downloadUntilItStalls(server, afterBytes: 100_000)
        #expect(folder.files == ["file.lock", "file.part", "file.part.origin.json"])
        #expect(try folder.data("file.part") == data.prefix(100_000))
        var resumed: Int?
        try download(server, checksum: checksum) {
            if case .started(_, _, let bytes, let total) = $0 {
                resumed = bytes
                #expect(total == data.count)
            }
        }
        #expect(resumed == 100_000)
        #expect(server.requests.map(\.firstByte) == [nil, 100_000])
        #expect(try folder.data("file") == data)
        #expect(folder.files == Self.complete)
    }

    @Test func aCompletePartNeedsNoRequest() throws {
        let server = try LoopbackServer { _, _ in .text(500) }
        try folder.write(data, "file.part")
        try folder.write(
            "{\"url\": \"\(server.address)/file\", \"countBytes\": \(data.count)}",
            "file.part.origin.json")
        try download(server, checksum: checksum)
        #expect(server.requests.isEmpty)
        #expect(try folder.data("file") == data)
    }

    @Test(arguments: [
        "", "not JSON", "{\"url\": \"http://127.0.0.1:1/other\"}", "[1, 2]", "{\"url\": 3}",
    ])
    func aPartOfUnknownOriginIsNotResumed(record: String) throws {
        let server = try server { _, _ in }
        try folder.write(Data(repeating: 7, count: 1000), "file.part")
        if !record.isEmpty { try folder.write(record, "file.part.origin.json") }
        try download(server, checksum: checksum)
        #expect(server.requests.map(\.firstByte) == [nil])
        #expect(try folder.data("file") == data)
    }

    @Test func aServerThatIgnoresRangesSendsAllAgain() throws {
        let server = try LoopbackServer { _, index in
            var reply = Reply(body: data)
            if index == 0 { reply.cutAfterBytes = 70_000 }
            return reply
        }
        try download(server, checksum: checksum)
        #expect(server.requests.map(\.firstByte) == [nil, 70_000])
        #expect(try folder.data("file") == data)
    }

    /// The file on the server changed between two parts, or the part has another range than
    /// requested.
    @Test(arguments: ["etag", "size", "start"])
    func partsOfAnotherFileAreNotJoined(difference: String) throws {
        let server = try LoopbackServer { request, index in
            var etag = "\"abc\""
            var reply = Reply.file(data, request)
            if index == 0 {
                reply.cutAfterBytes = 70_000
            } else if request.firstByte != nil {
                switch difference {
                case "etag": etag = "\"other\""
                case "size": reply.headers = [("Content-Range", "bytes 70000-299999/999999")]
                default: reply.headers = [("Content-Range", "bytes 0-299999/300000")]
                }
            }
            reply.headers.append(("ETag", etag))
            return reply
        }
        try download(server, checksum: checksum)
        #expect(server.requests.map(\.firstByte) == [nil, 70_000, nil])
        #expect(try folder.data("file") == data)
    }

    /// The file on the server changed between two parts of the same size.
    @Test(arguments: [
        [nil, nil], ["W/\"abc\"", "W/\"abc\""], ["W/\"abc\"", "\"abc\""], [nil, "\"abc\""],
        ["\"abc\"", nil], ["\"abc\"", "W/\"abc\""],
    ])
    func partsThatMayBeOfDifferentFilesAreNotJoined(etags: [String?]) throws {
        let old = Data(repeating: 1, count: data.count)
        let server = try LoopbackServer { request, index in
            let etag = etags[min(index, 1)]
            var reply = Reply.file(
                index == 0 ? old : data, request, headers: etag.map { [("ETag", $0)] } ?? [])
            if index == 0 { reply.cutAfterBytes = 70_000 }
            return reply
        }
        try download(server)
        let isStrong = etags[0]?.hasPrefix("\"") ?? false
        #expect(server.requests.map(\.firstByte) == (isStrong ? [nil, 70_000, nil] : [nil, nil]))
        #expect(try folder.data("file") == data)
    }

    @Test func triesEndIfNoneBringsMoreThanAllBefore() throws {
        let server = try LoopbackServer { _, index in
            var reply = Reply(body: data)
            reply.cutAfterBytes = index % 2 == 0 ? 70_000 : 140_000
            return reply
        }
        guard case .interrupted = failure(server) else { throw UnexpectedError(nil) }
        #expect(server.requests.count == 4)
    }

    @Test func aRefusedRangeIsFetchedFromTheStart() throws {
        let server = try server(etag: "\"abc\"") { reply, index in
            if index < 3 { reply.cutAfterBytes = 70_000 }
            if index == 1 { reply = .text(416, [("Content-Range", "bytes */\(data.count)")]) }
            if index == 3 { reply = .text(416) }
        }
        #expect(failure(server) == .refused(url: server.address + "/file", status: 416))
        #expect(server.requests.map(\.firstByte) == [nil, 70_000, nil, 70_000])
    }

    @Test(arguments: ["-5", "abc"])
    func anInvalidLengthIsRefusedAtOnce(length: String) throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\nabc"
        let server = try LoopbackServer { _, _ in Reply(rawBytes: Data(head.utf8)) }
        guard case .wrongContent = failure(server) else { throw UnexpectedError(nil) }
        #expect(server.requests.count == 1)
    }

    @Test func wrongBytesAreDiscarded() throws {
        let server = try server { reply, _ in
            reply.body = Data(repeating: 1, count: reply.body.count)
        }
        let error = failure(server, checksum: checksum)
        guard case .wrongChecksum(_, let found, let expected) = error else {
            throw UnexpectedError(error)
        }
        #expect(found != expected && expected == checksum)
        #expect(folder.files == ["file.lock"])
        #expect(server.requests.count == 1)
    }

    @Test func damagedBytesOfAnEarlierRunAreFetchedAgain() throws {
        let server = try server { _, _ in }
        try folder.write(Data(repeating: 7, count: 1000), "file.part")
        try folder.write("{\"url\": \"\(server.address)/file\"}", "file.part.origin.json")
        try download(server, checksum: checksum)
        #expect(server.requests.map(\.firstByte) == [1000, nil])
        #expect(try folder.data("file") == data)
    }

    /// The hub gives the file's checksum before it redirects to a storage server.
    @Test func theHubsChecksumCountsWhereNoOtherIsKnown() throws {
        let wrong = Data(repeating: 1, count: data.count)
        for (body, isRight) in [(wrong, false), (data, true)] {
            let storage = try LoopbackServer { request, _ in
                .file(body, request, headers: [("ETag", "\"of the storage\"")])
            }
            let address = storage.address
            let hub = try LoopbackServer { _, _ in
                .text(
                    302,
                    [
                        ("Location", "\(address)/blob?signature=1"),
                        ("X-Linked-ETag", "\"\(checksum)\""),
                        ("X-Linked-Size", "\(data.count)"),
                    ])
            }
            if isRight {
                try download(hub)
            } else {
                let error = failure(hub)
                guard case .wrongChecksum(let url, _, let expected) = error else {
                    throw UnexpectedError(error)
                }
                #expect(url == hub.address + "/file" && expected == checksum)
            }
            #expect(storage.requests.map(\.target) == ["/blob?signature=1"])
        }
        #expect(try folder.data("file") == data)
    }

    /// Other servers' etags may look like checksums.
    @Test func aPlainETagIsNoChecksum() throws {
        let server = try server(etag: "\"\(String(repeating: "a", count: 64))\"") { _, _ in }
        let error = #expect(throws: DownloadError.self) {
            try download(server, check: { throw WeightsError.fileEmpty(path: $0) })
        }
        guard case .wrongContent = error else { throw UnexpectedError(error) }
        try download(server)
        #expect(try folder.data("file") == data)
    }

    /// The first reply has the hub's checksum and wrong bytes; the second one has the other bytes.
    @Test func theHubsChecksumOutlastsAnInterruption() throws {
        let server = try server { reply, index in
            if index == 0 {
                reply.headers.append(("X-Linked-ETag", "\"\(checksum.uppercased())\""))
                reply.body = Data(repeating: 1, count: reply.body.count)
                reply.cutAfterBytes = 70_000
            }
        }
        try download(server)
        #expect(server.requests.map(\.firstByte) == [nil, 70_000, nil])
        #expect(try folder.data("file") == data)
    }

    @Test func redirectsKeepTheRange() throws {
        let storage = try server { reply, index in
            if index == 0 { reply.cutAfterBytes = 70_000 }
        }
        let address = storage.address
        let hub = try LoopbackServer { request, _ in
            .text(
                307,
                [("Location", request.target == "/file" ? "/relative" : "\(address)/blob")])
        }
        try download(hub, checksum: checksum)
        #expect(hub.requests.map(\.target) == ["/file", "/relative", "/file", "/relative"])
        #expect(storage.requests.map(\.firstByte) == [nil, 70_000])
        #expect(storage.requests.allSatisfy { $0.headers["accept-encoding"] == "identity" })
    }

    @Test(arguments: ["http://example.org/file", "ftp://127.0.0.1/file", "file:///etc/passwd"])
    func redirectsToOtherKindsOfAddressesBringNothing(target: String) throws {
        let server = try LoopbackServer { _, _ in .text(302, [("Location", target)]) }
        #expect(
            failure(server) == .insecureRedirect(url: server.address + "/file", target: target))
    }

    @Test func endlessRedirectsEnd() throws {
        let server = try LoopbackServer { request, _ in
            .text(302, [("Location", request.target + "x")])
        }
        failure(server)
        #expect(server.requests.count < 40)
    }

    @Test(arguments: [
        "//", "///", "http://", "https://", "http:///x", "?", "#", "[", "http://[::1", "\u{7F}",
        "http://127.0.0.1:99999/", "a:b", ":", "%", "%zz", "//[", "//a b/", "..//..", "\\\\x",
    ])
    func strangeLocationsDoNotCrash(location: String) throws {
        let server = try LoopbackServer { _, index in
            index > 3 ? .text(404) : .text(302, [("Location", location)])
        }
        failure(server)
    }

    @Test(arguments: [404, 410, 401, 403, 400, 418, 204, 304, 300])
    func refusalsAreNotRepeated(status: Int) throws {
        let server = try LoopbackServer { _, _ in
            Reply(status: status, body: status == 204 || status == 304 ? Data() : Data("no".utf8))
        }
        #expect(failure(server) == .refused(url: server.address + "/file", status: status))
        #expect(server.requests.count == 1)
    }

    @Test(arguments: [
        "Basic realm=\"x\"", "Bearer realm=\"Authentication required\", charset=\"UTF-8\"",
        "Bearer", "Basic", "", "realm=", "Digest realm=\"x\", nonce=\"1\"", "NTLM",
    ])
    func anAuthenticationChallengeIsARefusal(challenge: String) throws {
        let server = try LoopbackServer { _, _ in .text(401, [("WWW-Authenticate", challenge)]) }
        #expect(failure(server) == .refused(url: server.address + "/file", status: 401))
        #expect(server.requests.count == 1)
    }

    @Test func temporaryFailuresAreRetried() throws {
        let server = try server { reply, index in
            if index == 0 { reply = .text(503) }
            if index == 1 { reply = .text(429, [("Retry-After", "0.3")]) }
        }
        var delays: [Double] = []
        try download(server, checksum: checksum) {
            if case .retrying(_, let seconds) = $0 { delays.append(seconds) }
        }
        #expect(delays == [0.01, 0.3])
        #expect(server.requests.count == 3)
    }

    @Test(arguments: [500, 502, 503, 504])
    func lastingServerErrorsAreReported(status: Int) throws {
        let server = try LoopbackServer { _, _ in .text(status) }
        #expect(failure(server) == .refused(url: server.address + "/file", status: status))
        #expect(server.requests.count == Self.policy.attempts)
    }

    @Test func aServerThatAsksForALongWaitIsNotWaitedFor() throws {
        let server = try LoopbackServer { _, _ in .text(429, [("Retry-After", "3600")]) }
        #expect(
            failure(server)
                == .tooManyRequests(url: server.address + "/file", retryAfterSeconds: 3600))
        #expect(server.requests.count == 1)
    }

    @Test func aServerMayNameTheTimeToTryAgain() throws {
        let server = try LoopbackServer { _, _ in
            .text(
                429,
                [
                    ("Date", "Thu, 31 Dec 2099 23:00:00 GMT"),
                    ("Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT"),
                ])
        }
        #expect(
            failure(server)
                == .tooManyRequests(url: server.address + "/file", retryAfterSeconds: 3600))
    }

    @Test func aDateWithoutTheServersTimeEndsNoTries() throws {
        let server = try server { reply, index in
            if index == 0 { reply = .text(429, [("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")]) }
        }
        try download(server)
        #expect(server.requests.count == 2)
        let error = DownloadError.tooManyRequests(url: "x", retryAfterSeconds: 251_606_541_291)
        #expect(error.description.hasSuffix("try again later than in a day"))
    }

    @Test func aSilentServerFailsTheDownload() throws {
        for stall in [0, 70_000] {
            let server = try server { reply, index in
                reply.stallAfterBytes = index == 0 ? stall : 0
            }
            let error = failure(server, policy: Self.patience(attempts: 2, stallSeconds: 0.2))
            guard case .stalled(_, 0.2, _) = error else { throw UnexpectedError(error) }
        }
    }

    @Test func aServerThatDripsFailsTheDownload() throws {
        let server = try server { reply, _ in reply.drips = true }
        let error = failure(server, policy: Self.patience(attempts: 1, stallSeconds: 2))
        guard case .tooSlow(_, 4, _) = error else { throw UnexpectedError(error) }
    }

    @Test func anUnreachableServerIsReported() throws {
        let server = try LoopbackServer { _, _ in .text(200) }
        server.stop()
        let error = failure(server)
        guard case .unreachable(server.address + "/file", _) = error else {
            throw UnexpectedError(error)
        }
    }

    @Test func sizesThatDisagreeAreReported() throws {
        let server = try server { reply, _ in reply.headers.append(("X-Linked-Size", "299999")) }
        #expect(
            failure(server)
                == .wrongSize(
                    url: server.address + "/file", foundBytes: 300_000, expectedBytes: 299_999))
        #expect(folder.files == ["file.lock"])
    }

    @Test func aFileWithoutAnnouncedLengthArrives() throws {
        let server = try LoopbackServer { _, _ in Reply(body: data, announcedBytes: -1) }
        try download(server, checksum: checksum)
        #expect(try folder.data("file") == data)
    }

    @Test(arguments: [300_000, -1])
    func filesBeyondTheLimitAreRefused(announcedBytes: Int) throws {
        let server = try LoopbackServer { _, _ in
            Reply(body: data, announcedBytes: announcedBytes)
        }
        guard case .tooLarge = failure(server, limitBytes: 200_000) else {
            throw UnexpectedError(nil)
        }
    }

    @Test func aFullDiskIsReported() {
        #expect(
            DownloadError(path: "part", SystemError(code: ENOSPC))
                == .diskFull(path: "part", neededBytes: nil))
    }

    /// Whoever can write to a shared cache must not have other files filled.
    @Test(arguments: ["part", "lock"])
    func aLinkInPlaceOfAnOwnFileIsNotFollowed(_ ending: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("file.\(ending)"), withDestinationPath: folder.path("elsewhere"))
        let server = try server { _, _ in }
        #expect("\(String(describing: failure(server)))".contains("it is no regular file"))
        #expect(!folder.exists("elsewhere"))
    }

    @Test func aDiskThatIsTooSmallIsReportedBeforeTheBytesCome() throws {
        let bytes = 1 << 60
        let server = try LoopbackServer { _, _ in Reply(announcedBytes: bytes) }
        #expect(
            failure(server, limitBytes: .max)
                == .diskFull(path: folder.path("file.part"), neededBytes: bytes))
    }

    @Test func anUnwritableFolderIsReported() throws {
        let server = try LoopbackServer { _, _ in .text(200) }
        try folder.write("", "taken")
        let error = #expect(throws: DownloadError.self) {
            try Download(
                url: server.address + "/file", destination: folder.path("taken/file"),
                limitBytes: 10
            ).run(policy: Self.policy, isCancelled: { false }, report: { _ in })
        }
        guard case .unwritable = error else { throw UnexpectedError(error) }
        #expect(server.requests.isEmpty)
    }

    /// Cancels a download when some bytes have come.
    private func downloadUntilItStalls(_ server: LoopbackServer, afterBytes count: Int) throws {
        var received = 0
        #expect(throws: CancellationError.self) {
            try download(
                server,
                report: { if case .progress(_, let bytes, _) = $0 { received = bytes } },
                isCancelled: { received == count })
        }
    }

    @Test func severalAtOnceFetchOnce() throws {
        let waiting = DispatchSemaphore(value: 0)
        // The reply comes when two wait for the third.
        let server = try server { _, _ in for _ in 0..<2 { waiting.wait() } }
        let failures = Mutex<[any Error]>([])
        let done = DispatchGroup()
        for _ in 0..<3 {
            done.enter()
            // Not tasks, for which there may be fewer threads.
            Thread.detachNewThread {
                defer { done.leave() }
                do {
                    try download(server, checksum: checksum) {
                        if case .waiting = $0 { waiting.signal() }
                    }
                } catch { failures.withLock { $0.append(error) } }
            }
        }
        try #require(done.wait(timeout: .now() + 30) == .success)
        #expect(failures.withLock { $0.isEmpty })
        #expect(server.requests.count == 1)
        #expect(try folder.data("file") == data)
    }

    @Test(arguments: [
        "", "\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "garbage",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
        "HTTP/1.1 99999 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n: \r\n\r\n", "\0\0\0\0",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 206 OK\r\nContent-Range: bytes */*\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 302 Found\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ])
    func invalidHTTPRepliesDoNotCrash(reply: String) throws {
        let server = try LoopbackServer { _, _ in Reply(rawBytes: Data(reply.utf8)) }
        failure(server, checksum: checksum, policy: Self.patience(attempts: 1))
    }

    @Test(arguments: [
        "H", "HTTP/1.1", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", "HTTP/1.1 302 Found\r\nLocation: /other\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n",
    ])
    func aConnectionThatClosesWithinTheHeadIsReported(reply: String) throws {
        let server = try LoopbackServer { _, _ in Reply(rawBytes: Data(reply.utf8)) }
        let error = failure(server, policy: Self.patience(attempts: 2))
        guard case .interrupted(server.address + "/file", 0, nil, let reason) = error else {
            throw UnexpectedError(error)
        }
        #expect(!reason.isEmpty)
        #expect(server.requests.count == 2)
    }

    @Test(arguments: [
        "http://example.org/file", "ftp://example.org/file", "http://10.0.0.1/x",
        "http:/127.0.0.1/x", "http:///127.0.0.1/x", "http://127.0.0.1@example.org/x",
        "http://example.org#@127.0.0.1/x", "http://128.0.0.1/x", "http://[::2]/x", "https://",
        "http://127.0.0.1.example.org/x", "http://[::1", "", "//127.0.0.1/x", "file:///etc/passwd",
    ])
    func onlyThisMachineIsAskedWithoutEncryption(address: String) throws {
        let error = #expect(throws: DownloadError.self) {
            _ = try Download(url: address, destination: folder.path("file"), limitBytes: 10)
        }
        guard case .insecureAddress = error else { throw UnexpectedError(error) }
    }

    @Test(arguments: ["http://localhost:9/x", "http://[::1]:9/x", "HTTP://127.1.2.3:9/x"])
    func thisMachineIsAskedWithoutEncryption(address: String) throws {
        _ = try Download(url: address, destination: folder.path("file"), limitBytes: 10)
    }

    @Test func aPasswordIsNeitherSentNorShown() throws {
        let server = try LoopbackServer { _, _ in .text(404) }
        let address = "http://name:secret@127.0.0.1:\(server.port)/file?signature=1#part"
        let expected = DownloadError.refused(url: server.address + "/file", status: 404)
        #expect(throws: expected) {
            try Download(url: address, destination: folder.path("file"), limitBytes: 10)
                .run(policy: Self.policy, isCancelled: { false }, report: { _ in })
        }
        #expect(server.requests.map(\.target) == ["/file?signature=1"])
        #expect(server.requests.allSatisfy { $0.headers["authorization"] == nil })
    }

    @Test func anEndlessHeadIsRefused() throws {
        let line = "X-Filler: \(String(repeating: "a", count: 10_000))\r\n"
        let head = "HTTP/1.1 200 OK\r\n" + String(repeating: line, count: 100)
        let server = try LoopbackServer { _, _ in Reply(rawBytes: Data(head.utf8)) }
        failure(server, policy: Self.patience(attempts: 1))
    }

    @Test func bytesRememberedFromTheFirstUseHaveToComeAgain() throws {
        let server = try server(etag: "\"abc\"") { reply, index in
            if index > 0 { reply.body = Data(repeating: 1, count: reply.body.count) }
        }
        try download(server)
        try FileManager.default.removeItem(atPath: folder.path("file"))
        let error = failure(server)
        guard case .wrongChecksum(_, _, checksum) = error else { throw UnexpectedError(error) }
    }
}
