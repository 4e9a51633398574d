// A web server on this machine with replies, also faulty ones, that a test sets.

import Foundation

package struct Request: Sendable {
    package let method: String
    /// The target after the method: a path, or a whole address if the server is used as a proxy.
    package let target: String
    /// Headers by lower-case name.
    package let headers: [String: String]

    /// First byte of a `Range: bytes=N-`.
    package var firstByte: Int? {
        guard let text = headers["range"], text.hasPrefix("bytes="), text.hasSuffix("-") else {
            return nil
        }
        return Int(text.dropFirst("bytes=".count).dropLast())
    }
}

/// A reply and its faults.
package struct Reply: Sendable {
    package var status = 200
    package var headers: [(String, String)] = []
    package var body = Data()
    /// The announced length; `nil` announces the body's, a negative number announces none.
    package var announcedBytes: Int?
    /// The connection is closed after this number of bytes of the body.
    package var cutAfterBytes: Int?
    /// The connection stalls after this number of bytes of the body (0: after the head).
    package var stallAfterBytes: Int?
    /// Whether the body is sent byte by byte, 50 in a second.
    package var drips = false
    /// Bytes to send instead of an HTTP reply.
    package var rawBytes: Data?

    package init(
        status: Int = 200, headers: [(String, String)] = [], body: Data = Data(),
        announcedBytes: Int? = nil, rawBytes: Data? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.announcedBytes = announcedBytes
        self.rawBytes = rawBytes
    }

    package static func text(_ status: Int, _ headers: [(String, String)] = []) -> Reply {
        Reply(status: status, headers: headers, body: Data("status \(status)".utf8))
    }

    /// A file, served in ranges if they are requested.
    package static func file(
        _ data: Data, _ request: Request, headers: [(String, String)] = []
    ) -> Reply {
        guard let first = request.firstByte else { return Reply(headers: headers, body: data) }
        guard first < data.count else {
            return Reply(
                status: 416, headers: headers + [("Content-Range", "bytes */\(data.count)")])
        }
        let range = "bytes \(first)-\(data.count - 1)/\(data.count)"
        return Reply(
            status: 206, headers: headers + [("Content-Range", range)],
            body: data.subdata(in: first..<data.count))
    }
}

/// Listens on a free port of 127.0.0.1 until the object is freed.
package final class LoopbackServer: @unchecked Sendable {
    // @unchecked: `lock` guards the state that connections share.
    private let listener: Int32
    package let port: UInt16
    private let lock = NSLock()
    private var recorded: [Request] = []
    private var isClosed = false
    private let answer: @Sendable (Request, _ index: Int) -> Reply

    /// - Parameter answer: called for each request with the number of requests before it.
    package init(_ answer: @escaping @Sendable (Request, _ index: Int) -> Reply) throws {
        self.answer = answer
        #if canImport(Glibc)
            listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard listener >= 0, isListening else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [weak self] in
            // Not by `stop`: the number may be another server's before `accept` is called once more, which would then
            // take a connection of that server.
            defer { close(listener) }
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 { return }
                guard let server = self else {
                    close(connection)
                    return
                }
                Thread.detachNewThread { server.serve(connection) }
            }
        }
    }

    deinit { stop() }

    package func stop() {
        lock.withLock {
            guard !isClosed else { return }
            isClosed = true
            shutdown(listener, Int32(SHUT_RDWR))
        }
    }

    package var address: String { "http://127.0.0.1:\(port)" }

    package func url(_ path: String) -> URL {
        URL(string: address + path) ?? URL(fileURLWithPath: "/")
    }

    package var requests: [Request] { lock.withLock { recorded } }

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        guard let request = LoopbackServer.read(connection) else { return }
        let index = lock.withLock {
            recorded.append(request)
            return recorded.count - 1
        }
        let reply = answer(request, index)
        if let raw = reply.rawBytes {
            _ = LoopbackServer.send(raw, to: connection)
            return
        }
        var head = "HTTP/1.1 \(reply.status) Status\r\nConnection: close\r\n"
        let announced = reply.announcedBytes ?? reply.body.count
        if announced >= 0 { head += "Content-Length: \(announced)\r\n" }
        for (name, value) in reply.headers { head += "\(name): \(value)\r\n" }
        guard LoopbackServer.send(Data((head + "\r\n").utf8), to: connection) else { return }
        let end =
            [reply.cutAfterBytes, reply.stallAfterBytes, reply.body.count].compactMap { $0 }
            .min() ?? 0
        if reply.drips {
            for byte in reply.body.prefix(end) {
                guard LoopbackServer.send(Data([byte]), to: connection) else { return }
                usleep(20_000)
            }
        }
        guard LoopbackServer.send(reply.body.prefix(end), to: connection) else { return }
        if reply.stallAfterBytes != nil {
            // Waits until the other side closes the connection.
            var byte: UInt8 = 0
            _ = recv(connection, &byte, 1, 0)
        }
    }

    private static func read(_ connection: Int32) -> Request? {
        var bytes = Data()
        let end = Data("\r\n\r\n".utf8)
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.range(of: end) == nil {
            let count = recv(connection, &buffer, buffer.count, 0)
            if count <= 0 || bytes.count > 65_536 { return nil }
            bytes.append(contentsOf: buffer.prefix(count))
        }
        let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count == 3 else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...]
                .trimmingCharacters(in: .whitespaces)
        }
        return Request(method: String(words[0]), target: String(words[1]), headers: headers)
    }

    private static func send(_ data: Data, to connection: Int32) -> Bool {
        data.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = UnsafeRawBufferPointer(rebasing: rest)
                let sent = Foundation.send(
                    connection, piece.baseAddress, piece.count, Int32(MSG_NOSIGNAL))
                if sent <= 0 { return false }
                rest = rest.dropFirst(sent)
            }
            return true
        }
    }
}
