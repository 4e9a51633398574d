// Replies of the service. Files as replies have ranges, entity tags, and file names for downloads. Reference: RFC
// 9110, sections 8.8, 13 and 14; RFC 6266.

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

    static func json(_ value: JSON) -> Reply { json(value.bytes) }

    /// - Parameter bytes: JSON in one line.
    static func json(_ bytes: [UInt8], cache: String = "no-store") -> Reply {
        Reply(
            200, headers: [("Content-Type", "application/json"), ("Cache-Control", cache)],
            body: .bytes(bytes + Array("\n".utf8)))
    }

    static func text(_ text: String, type: String = "text/plain") -> Reply {
        Reply(
            200,
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

extension Reply {
    /// A reply with a file or a part of it, or that it has not changed.
    ///
    /// - Parameters:
    ///   - file: open file, which the reply closes.
    ///   - tag: entity tag, which changes with the content.
    ///   - name: file name for saving.
    static func file(
        _ request: Request, _ file: OpenFile, type: String, tag: String, name: String
    ) -> Reply {
        let tag = "\"\(tag)\""
        var headers = [
            (name: "ETag", value: tag), ("Accept-Ranges", "bytes"),
            ("Cache-Control", "private, no-cache"),
        ]
        if let known = request.header("if-none-match"), matches(known, tag) {
            close(file.descriptor)
            return Reply(304, headers: headers)
        }
        headers.append(("Content-Type", type))
        headers.append(("Content-Disposition", disposition(name)))
        var reply = Reply(
            200, headers: headers,
            body: .file(descriptor: file.descriptor, offset: 0, count: file.bytes))
        guard let text = request.header("range"), request.count("range") == 1,
            request.header("if-range").map({ $0 == tag }) ?? true
        else { return reply }
        switch ByteRange(text, of: file.bytes) {
        case .whole: return reply
        case .part(let part):
            reply.status = 206
            reply.headers.append(
                ("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(file.bytes)"))
            reply.body = .file(
                descriptor: file.descriptor, offset: part.lowerBound, count: part.count)
            return reply
        case .outside:
            close(file.descriptor)
            reply = .problem(
                Problem(
                    .rangeNotSatisfiable, "The range begins after the file's \(file.bytes) bytes."),
                path: request.target.path)
            reply.headers.append(("Content-Range", "bytes */\(file.bytes)"))
            return reply
        }
    }

    /// Whether a list of tags names one, also as a weak one.
    static func matches(_ list: String, _ tag: String) -> Bool {
        list == "*"
            || list.split(separator: ",").contains { item in
                var item = item.drop { $0 == " " }
                while item.last == " " { item.removeLast() }
                return item == tag || item == "W/\(tag)"
            }
    }

    /// The header with a file name for saving: in ASCII for old clients, and complete in UTF-8.
    static func disposition(_ name: String) -> String {
        let plain = name.unicodeScalars.map { scalar -> Character in
            let isSafe =
                (0x20..<0x7F).contains(scalar.value) && !"\"\\/%".contains(Character(scalar))
            return isSafe ? Character(scalar) : "_"
        }
        return "attachment; filename=\"\(String(plain))\"; "
            + "filename*=UTF-8''\(RequestTarget.encoded(name))"
    }

    /// A name without slashes and control characters that doesn't begin with a dot.
    static func safeName(_ text: String) -> String {
        var name = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isUnsafe = scalar.isControl || "/\\:".unicodeScalars.contains(scalar)
            name.append(isUnsafe ? "_" : scalar)
        }
        let safe = String(name)
        return safe.hasPrefix(".") ? "_" + safe.dropFirst() : safe.isEmpty ? "untitled" : safe
    }
}

/// The range of a Range header.
enum ByteRange: Equatable {
    /// No range, or one that must be ignored: several ranges, other units.
    case whole
    case part(Range<Int>)
    case outside

    /// - Parameter bytes: size of the whole file.
    init(_ text: String, of bytes: Int) {
        self = .whole
        guard text.lowercased().hasPrefix("bytes=") else { return }
        let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        func number(_ text: Substring) -> Int? {
            text.utf8.allSatisfy { (48...57).contains($0) } && text.utf8.count < 19
                ? Int(text) : nil
        }
        guard ends.count == 2, !text.utf8.contains(UInt8(ascii: ",")) else { return }
        switch (ends[0].isEmpty, ends[1].isEmpty) {
        case (true, true): return
        case (true, false):
            guard let count = number(ends[1]) else { return }
            self = count == 0 || bytes == 0 ? .outside : .part(max(0, bytes - count)..<bytes)
        case (false, _):
            guard let first = number(ends[0]) else { return }
            var last = bytes - 1
            if !ends[1].isEmpty {
                guard let given = number(ends[1]), given >= first else { return }
                last = min(last, given)
            }
            self = first >= bytes ? .outside : .part(first..<last + 1)
        }
    }
}
