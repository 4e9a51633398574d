// One request and its reply, streamed into a file by libcurl, which honours the proxy variables
// (http_proxy, https_proxy, all_proxy, no_proxy).

import CCurl
import ModelZoo

struct TransferResult {
    /// The head of the last reply; `nil` if none came.
    var head: ReplyHead?
    /// The hub's etag and size of the file, from the first reply that had them.
    var linkedETag: String?
    var linkedBytes: Int?
    /// The hub's etag if it is a SHA-256, in lower case. A server's plain etag may look like one too,
    /// but says nothing of the bytes.
    var linkedSHA256: String? {
        linkedETag.flatMap { ReplyHead.isChecksum($0) ? $0.lowercased() : nil }
    }
    /// The error that ended the request: ``DownloadError``, ``ConnectionFailure``,
    /// `CancellationError`.
    var failure: (any Error)?
}

/// Runs one request, with its redirects, on the calling thread and writes the body of a good reply
/// to a file.
final class Transfer {
    private static let redirectLimit = 16
    /// Limit of a reply's head, far above any server's.
    private static let headLimitBytes = 262_144
    /// Bytes that are read of a body that is not the file, so that the connection serves the next
    /// request.
    private static let otherBodyLimitBytes = 65_536
    private static let pollSeconds = 0.1
    /// Least rate of a body, over twice the time for which it may be silent.
    private static let leastBytesPerSecond = 1_000.0

    private let address: Address
    private let file: PartialFile
    /// Called with a good reply before its body is written; throws to reject the reply.
    private let accept: (TransferResult, PartialFile) throws -> Void
    /// The transfer fails once the file would exceed this size.
    private let limitBytes: Int

    private var result = TransferResult()
    private var isAccepted = false
    private var lastActivity = ContinuousClock.now

    // The reply that is being received
    private var isInHead = false
    /// Header fields by lower-case name.
    private var fields: [String: String] = [:]
    private var headBytes = 0
    private var otherBodyBytes = 0

    init(
        _ address: Address, into file: PartialFile, limitBytes: Int,
        accept: @escaping (TransferResult, PartialFile) throws -> Void
    ) {
        self.address = address
        self.file = file
        self.limitBytes = limitBytes
        self.accept = accept
    }

    /// Runs the request to its end. It asks for the bytes that the file lacks.
    ///
    /// - Parameters:
    ///   - stallSeconds: the transfer fails if no bytes arrive for that long, or fewer than 1 kB a
    ///     second for twice as long.
    ///   - tick: called several times a second, and at the end, with the file's length in bytes.
    func run(
        stallSeconds: Double, isCancelled: () -> Bool, tick: (Int) -> Void
    ) -> TransferResult {
        do {
            let session = try CurlSession(
                takeHeadLine: take(headLine:status:), takeBody: take(body:))
            if file.countBytes > 0 { try session.set(CURLOPT_RANGE, "\(file.countBytes)-") }
            var next: Address? = address
            var requests = 0
            while let target = next {
                guard requests <= Transfer.redirectLimit else {
                    throw DownloadError.unreachable(
                        url: address.text,
                        reason: "it redirects more than \(Transfer.redirectLimit) times")
                }
                requests += 1
                try perform(target, session, stallSeconds, isCancelled, tick)
                next = try redirect(session)
            }
        } catch {
            result.failure = error
        }
        tick(file.countBytes)
        return result
    }

    private func perform(
        _ target: Address, _ session: CurlSession, _ stallSeconds: Double,
        _ isCancelled: () -> Bool, _ tick: (Int) -> Void
    ) throws {
        result.head = nil
        otherBodyBytes = 0
        lastActivity = .now
        try session.start(target.request)
        defer { session.stop() }
        var lastTick = ContinuousClock.now
        var (measured, measuredBytes) = (lastTick, file.countBytes)
        while try session.isRunning(waiting: min(Transfer.pollSeconds, stallSeconds / 4)) {
            if isCancelled() { throw CancellationError() }
            let now = ContinuousClock.now
            if now - lastActivity > .seconds(stallSeconds) {
                throw DownloadError.stalled(
                    url: address.text, seconds: stallSeconds, receivedBytes: file.countBytes)
            }
            let windowSeconds = 2 * stallSeconds
            if now - measured > .seconds(windowSeconds) {
                let bytes = Double(file.countBytes - measuredBytes)
                if bytes < windowSeconds * Transfer.leastBytesPerSecond {
                    throw DownloadError.tooSlow(
                        url: address.text, seconds: windowSeconds, receivedBytes: file.countBytes)
                }
                (measured, measuredBytes) = (now, file.countBytes)
            }
            if now - lastTick >= .seconds(Transfer.pollSeconds) {
                lastTick = now
                tick(file.countBytes)
            }
        }
        // An error of a callback takes precedence: libcurl only reports that there was one.
        if let failure = result.failure { throw failure }
        try session.checkResult()
        if result.head == nil {
            throw ConnectionFailure(
                isInterruption: true,
                reason: "the server closed the connection within its reply's head")
        }
    }

    /// The address that the last reply redirects to.
    private func redirect(_ session: CurlSession) throws -> Address? {
        guard let status = result.head?.status, [301, 302, 303, 307, 308].contains(status),
            let location = session.redirect
        else { return nil }
        let target = try Address(location)
        // An unencrypted address is allowed only from this machine to itself.
        guard target.isEncrypted || target.isLocal && address.isLocal else {
            throw DownloadError.insecureRedirect(url: address.text, target: target.text)
        }
        return target
    }
}

// MARK: - Receiving

extension Transfer {
    /// Takes a line of a head, or of the trailer of a chunked body.
    private func take(headLine bytes: UnsafeRawBufferPointer, status: Int) -> Bool {
        lastActivity = .now
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            isInHead = true
            fields = [:]
            headBytes = 0
        }
        guard isInHead else { return true }
        headBytes += bytes.count
        do {
            if headBytes > Transfer.headLimitBytes {
                throw DownloadError.wrongContent(
                    url: address.text,
                    problem: "the head of the reply has more than \(Transfer.headLimitBytes) bytes")
            }
            if line.allSatisfy(\.isNewline) {
                isInHead = false
                try finishHead(status)
            } else if let colon = line.firstIndex(of: ":") {
                let name = line[..<colon].lowercased()
                let value = line[line.index(after: colon)...].trimmed(of: \.isWhitespace)
                fields[name] = fields[name] ?? value
            }
        } catch {
            result.failure = error
        }
        return result.failure == nil
    }

    /// Finishes the head of a reply, and asks `accept` about a good reply.
    private func finishHead(_ status: Int) throws {
        // The server may send any number of these before its reply.
        if (100..<200).contains(status) { return }
        let head = ReplyHead(status: status, fields: fields, curl: try openCurl())
        result.head = head
        result.linkedETag = result.linkedETag ?? head.linkedETag
        result.linkedBytes = result.linkedBytes ?? head.linkedBytes
        if status == 200 || status == 206 {
            try accept(result, file)
            isAccepted = true
        }
    }

    private func take(body bytes: UnsafeRawBufferPointer) -> Bool {
        lastActivity = .now
        guard isAccepted else {
            otherBodyBytes += bytes.count
            return otherBodyBytes <= Transfer.otherBodyLimitBytes
        }
        do {
            if bytes.count > limitBytes - min(limitBytes, file.countBytes) {
                throw DownloadError.tooLarge(
                    url: address.text, foundBytes: file.countBytes + bytes.count,
                    limitBytes: limitBytes)
            }
            try file.append(bytes)
        } catch {
            result.failure = error
        }
        return result.failure == nil
    }
}
