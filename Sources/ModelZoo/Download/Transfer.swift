// One request and its reply, streamed into a file: URLSession with libcurl under it, which honours
// the proxy variables (http_proxy, https_proxy, all_proxy, no_proxy).

import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// How a request ended.
struct TransferResult {
    /// The head of the last reply; `nil` if none came.
    var head: ReplyHead?
    /// The hub's word on the file, from whichever reply had it.
    var linkedETag: String?
    var linkedBytes: Int?
    /// Bytes that were appended to the file.
    var receivedBytes = 0
    /// Why it ended early.
    var failure: (any Error)?
}

/// Runs one request on the calling thread and writes the body of a good reply to a file.
///
/// The session calls on a queue of its own, one call at a time; that queue alone uses the file
/// while the transfer runs.
final class Transfer: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    // @unchecked: what both the caller and the session's queue touch is behind `lock`.
    private let request: URLRequest
    private let file: PartialFile
    /// Decides about a good reply before its body is taken: throws, or says how many bytes more
    /// will be written.
    private let accept: (TransferResult, PartialFile) throws -> Void
    /// Beyond this many bytes in the file nobody reads on.
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
    ///   - stallSeconds: ends it when nothing comes for that long.
    ///   - tick: called a few times a second, and at the end, on this thread with the bytes that
    ///     the file has.
    func run(
        stallSeconds: Double, isCancelled: () -> Bool, tick: (Int) -> Void
    ) -> TransferResult {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.httpCookieStorage = nil
        // Whole seconds, and reset by every byte; the watch below is the exact one.
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
                // On the session's queue, so that it can't come between a question and its answer,
                // which FoundationNetworking does not survive.
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

    /// Whether an address may be asked: encrypted, or this machine itself.
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

// MARK: - What the session tells

extension Transfer {
    func urlSession(
        _ session: URLSession, task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        let origin = self.request
        let next: URLRequest? = lock.withLock {
            lastActivity = .now
            // A task that is being cancelled must not be answered any more.
            if isStopping { return nil }
            let head = ReplyHead(response)
            result.linkedETag = result.linkedETag ?? head.linkedETag
            result.linkedBytes = result.linkedBytes ?? head.linkedBytes
            // This machine may lead to itself; nobody else is led from an encrypted address to a
            // plain one.
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
            // Nobody has a password to give: the reply's status is the answer.
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
                    result.receivedBytes += bytes.count
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

    /// Looks at the head of the last reply once, and lets a good one be judged.
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
