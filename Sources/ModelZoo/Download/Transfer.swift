// One request and its reply, streamed into a file: URLSession with libcurl under it, which honours
// the proxy variables (http_proxy, https_proxy, all_proxy, no_proxy).

import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The outcome of a request.
struct TransferResult {
    /// The head of the last reply; `nil` if none came.
    var head: ReplyHead?
    /// The hub's etag and size of the file, from the first reply that had them.
    var linkedETag: String?
    var linkedBytes: Int?
    /// The error that it ended with.
    var failure: (any Error)?
}

/// Runs one request on the calling thread and writes the body of a good reply to a file.
///
/// The session calls on a queue of its own, one call at a time; that queue alone uses the file
/// while the transfer runs.
final class Transfer: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    // @unchecked: `lock` guards the state that the caller and the session's queue share.
    private let request: URLRequest
    private let file: PartialFile
    /// Called with a good reply before its body is written; throws to refuse it.
    private let accept: (TransferResult, PartialFile) throws -> Void
    /// The transfer fails once the file would be longer.
    private let limitBytes: Int

    private let lock = NSCondition()
    private var result = TransferResult()
    private var isAccepted = false
    private var isStopping = false
    private var isDone = false
    private var lastActivity = ContinuousClock.now

    init(
        _ request: URLRequest, into file: PartialFile, limitBytes: Int,
        accept: @escaping (TransferResult, PartialFile) throws -> Void
    ) {
        self.request = request
        self.file = file
        self.limitBytes = limitBytes
        self.accept = accept
    }

    /// Runs the request to its end.
    ///
    /// - Parameters:
    ///   - stallSeconds: the transfer fails when nothing comes for that long.
    ///   - tick: called on this thread a few times a second, and at the end, with the file's length
    ///     in bytes.
    func run(
        stallSeconds: Double, isCancelled: () -> Bool, tick: (Int) -> Void
    ) -> TransferResult {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.httpCookieStorage = nil
        // In whole seconds; the loop below checks `stallSeconds` exactly.
        configuration.timeoutIntervalForRequest = stallSeconds.rounded(.up) + 30
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = 1
        let session = URLSession(
            configuration: configuration, delegate: self, delegateQueue: queue)
        defer { session.invalidateAndCancel() }
        let task = session.dataTask(with: request)
        task.resume()

        lock.lock()
        defer { lock.unlock() }
        lastActivity = .now
        while !isDone {
            _ = lock.wait(until: Date(timeIntervalSinceNow: min(0.1, stallSeconds / 4)))
            if isDone { break }
            let isStalled = ContinuousClock.now - lastActivity > .seconds(stallSeconds)
            if result.failure == nil && isCancelled() {
                result.failure = CancellationError()
            } else if result.failure == nil && isStalled {
                result.failure = DownloadError.stalled(
                    url: Transfer.text(request), seconds: stallSeconds,
                    receivedBytes: file.countBytes)
            }
            if result.failure != nil && !isStopping {
                isStopping = true
                // On the session's queue: FoundationNetworking crashes if a task is cancelled between
                // a delegate's call and its answer.
                queue.addOperation { task.cancel() }
            }
            let received = file.countBytes
            lock.unlock()
            tick(received)
            lock.lock()
        }
        tick(file.countBytes)
        return result
    }

    /// The address without its query, which may hold a signature.
    static func text(_ request: URLRequest) -> String {
        guard let url = request.url else { return "" }
        var parts = URLComponents(url: url, resolvingAgainstBaseURL: false)
        parts?.query = nil
        parts?.user = nil
        parts?.password = nil
        return parts?.string ?? url.path
    }

    /// Whether an address may be requested: encrypted, or on this machine.
    static func isSecure(_ url: URL?) -> Bool {
        guard let url, let host = url.host, !host.isEmpty else { return false }
        return url.scheme?.lowercased() == "https"
            || url.scheme?.lowercased() == "http" && isLoopback(host)
    }

    static func isLoopback(_ host: String) -> Bool {
        let host = host.trimmingCharacters(in: ["[", "]"]).lowercased()
        if host == "localhost" || host == "::1" { return true }
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1
            && UInt32(bigEndian: address.s_addr) >> 24 == 127
    }
}

// MARK: - URLSessionDataDelegate

extension Transfer {
    func urlSession(
        _ session: URLSession, task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        let origin = self.request
        let next: URLRequest? = lock.withLock {
            lastActivity = .now
            // A task that is being cancelled must not be answered.
            if isStopping { return nil }
            let head = ReplyHead(response)
            result.linkedETag = result.linkedETag ?? head.linkedETag
            result.linkedBytes = result.linkedBytes ?? head.linkedBytes
            // A plain address is allowed only from this machine to itself.
            let isAllowed =
                request.url?.scheme?.lowercased() == "https"
                || (Transfer.isSecure(request.url) && origin.url?.scheme?.lowercased() == "http")
            guard isAllowed else {
                result.failure = DownloadError.insecureRedirect(
                    url: Transfer.text(origin), target: Transfer.text(request))
                isStopping = true
                task.cancel()
                return nil
            }
            var next = request
            for (name, value) in origin.allHTTPHeaderFields ?? [:] {
                next.setValue(value, forHTTPHeaderField: name)
            }
            return next
        }
        if let next { completionHandler(next) }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask,
        didReceive challenge: URLAuthenticationChallenge,
        completionHandler:
            @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
    ) {
        guard
            challenge.protectionSpace.authenticationMethod != "NSURLAuthenticationMethodServerTrust"
        else { return completionHandler(.performDefaultHandling, nil) }
        lock.withLock {
            // No password is ever given: the reply's status is the answer.
            if let response = task.response as? HTTPURLResponse { note(response) }
            isStopping = true
        }
        completionHandler(.cancelAuthenticationChallenge, nil)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        lock.withLock { lastActivity = .now }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        lock.withLock {
            lastActivity = .now
            guard !isStopping, result.failure == nil else { return }
            do {
                try begin(dataTask.response)
                guard isAccepted else { return }
                try data.withUnsafeBytes { bytes in
                    if bytes.count > limitBytes - min(limitBytes, file.countBytes) {
                        throw DownloadError.wrongSize(
                            url: Transfer.text(request),
                            foundBytes: file.countBytes + bytes.count, expectedBytes: limitBytes)
                    }
                    try file.append(bytes)
                }
            } catch {
                result.failure = error
                lock.signal()
            }
        }
    }

    func urlSession(
        _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
    ) {
        lock.withLock {
            if result.failure == nil {
                do { try begin(task.response) } catch { result.failure = error }
            }
            if result.failure == nil, let error, result.head?.status != 401 {
                result.failure = error
            }
            isDone = true
            lock.signal()
        }
    }

    /// Takes the head of the last reply, once, and has a good reply accepted.
    private func begin(_ response: URLResponse?) throws {
        guard result.head == nil, let response = response as? HTTPURLResponse else { return }
        note(response)
        if response.statusCode == 200 || response.statusCode == 206 {
            try accept(result, file)
            isAccepted = true
        }
    }

    private func note(_ response: HTTPURLResponse) {
        let head = ReplyHead(response)
        result.head = head
        result.linkedETag = result.linkedETag ?? head.linkedETag
        result.linkedBytes = result.linkedBytes ?? head.linkedBytes
    }
}
