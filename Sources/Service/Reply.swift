// Replies of the service.

import System

/// Bytes that are produced while they are sent. Used by one thread at a time.
protocol ByteStream: AnyObject {
    /// Longest time in seconds for which ``read(into:)`` may block.
    var silenceSeconds: Int { get }

    /// Fills a part of the buffer; blocks until there are bytes.
    ///
    /// - Returns: the number of bytes, or nil at the end.
    /// - Throws: an error that ends the reply early.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int?
}

struct Reply {
    enum Body {
        case bytes([UInt8])
        /// A range of an open file, which the reply closes.
        case file(descriptor: Int32, offset: Int, count: Int)
        /// - bytes: their number; nil if it is unknown.
        case stream(any ByteStream, bytes: Int? = nil)
    }

    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: Body = .bytes([])

    init(_ status: Int, headers: [(name: String, value: String)] = [], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    static func json(
        _ value: JSON, status: Int = 200, headers: [(name: String, value: String)] = []
    ) -> Reply {
        json(value.bytes, status: status, headers: headers)
    }

    /// - Parameter bytes: JSON in one line.
    static func json(
        _ bytes: [UInt8], status: Int = 200, headers: [(name: String, value: String)] = []
    ) -> Reply {
        Reply(
            status,
            headers: [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
                + headers,
            body: .bytes(bytes + Array("\n".utf8)))
    }

    static func text(_ text: String, status: Int = 200, type: String = "text/plain") -> Reply {
        Reply(
            status,
            headers: [("Content-Type", "\(type); charset=utf-8"), ("Cache-Control", "no-store")],
            body: .bytes(Array(text.utf8)))
    }

    /// - Parameter path: path of the request.
    static func problem(_ problem: Problem, path: String) -> Reply {
        var headers = [
            (name: "Content-Type", value: "application/problem+json"),
            ("Cache-Control", "no-store"),
        ]
        if let seconds = problem.retryAfterSeconds { headers.append(("Retry-After", "\(seconds)")) }
        if problem.kind == .unauthorized {
            headers.append(("WWW-Authenticate", "Bearer realm=\"swift-demucs\""))
        }
        return Reply(
            problem.kind.status, headers: headers,
            body: .bytes(problem.json(instance: path).bytes + Array("\n".utf8)))
    }

    /// Compresses a text, if it is long enough and the client takes gzip.
    mutating func compress(for request: Request, _ libraries: ServiceLibraries) {
        guard case .bytes(let bytes) = body, bytes.count >= Gzip.leastBytes,
            let type = headers.first(where: { $0.name == "Content-Type" })?.value,
            type.hasPrefix("text/") || type.hasPrefix("application/"),
            !headers.contains(where: { $0.name == "Vary" })
        else { return }
        headers.append(("Vary", "Accept-Encoding"))
        // The lowest level: the text is sent once.
        guard Gzip.isAccepted(request.header("accept-encoding")),
            let gzip = Gzip.compressed(bytes, level: 1, libraries)
        else { return }
        headers.append(("Content-Encoding", "gzip"))
        body = .bytes(gzip)
    }

    /// Releases the resources of a reply that is never sent.
    func discard() {
        if case .file(let descriptor, _, _) = body { close(descriptor) }
    }
}
