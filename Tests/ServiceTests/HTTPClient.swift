// A client that sends exactly the bytes of a test, to this machine only.

import Foundation
import Testing

struct Answer {
    let status: Int
    /// Headers by lower-case name.
    let headers: [String: String]
    let body: Data

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The JSON object of the body.
    var object: [String: Any] {
        (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:]
    }

    /// A value of the JSON, by names and indices: `stems.0.name`. `*` stands for all elements of a list.
    subscript<Value>(path: String) -> Value? {
        Answer.value(object, path.split(separator: ".")[...]) as? Value
    }

    private static func value(_ value: Any?, _ path: ArraySlice<Substring>) -> Any? {
        guard let name = path.first else { return value }
        let rest = path.dropFirst()
        guard let list = value as? [Any] else {
            return Answer.value((value as? [String: Any])?[String(name)], rest)
        }
        if name == "*" { return list.compactMap { Answer.value($0, rest) } }
        return Int(name).flatMap { $0 < list.count ? Answer.value(list[$0], rest) : nil }
    }

    /// The text of a problem document.
    var detail: String { self["detail"] ?? "" }

    /// Expects a problem document of a kind, with some words in its text.
    func expectProblem(
        _ status: Int, _ kind: String, _ words: String...,
        at place: SourceLocation = #_sourceLocation
    ) {
        let found = Comment("\(self.status) \(text)")
        #expect(self.status == status, found, sourceLocation: place)
        #expect(self["type"] == "urn:swift-demucs:problem:\(kind)", found, sourceLocation: place)
        #expect(headers["content-type"] == "application/problem+json", sourceLocation: place)
        // Others do not pass by waiting.
        let passing = ["queue-full", "too-many-requests", "not-ready", "busy", "too-many-files"]
        let hasDelay = headers["retry-after"] != nil
        #expect(hasDelay == passing.contains(kind), found, sourceLocation: place)
        #expect(!detail.isEmpty, sourceLocation: place)
        for word in words { #expect(detail.contains(word), sourceLocation: place) }
    }

    /// Reads a complete reply; nil if there is none.
    init?(_ bytes: Data) {
        guard let end = bytes.range(of: Data("\r\n\r\n".utf8)) else { return nil }
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
        let rest = Data(bytes[end.upperBound...])
        guard let match = head.prefixMatch(of: /\S+ (\d+)/), let status = Int(match.1) else {
            return nil
        }
        if status == 100 {
            guard let next = Answer(rest) else { return nil }
            self = next
            return
        }
        let lines = head.matches(of: /\r\n([^:]*):[ \t]*([^\r]*)/)
        self.status = status
        headers = Dictionary(lines.map { ($0.1.lowercased(), String($0.2)) }) { $1 }
        body = headers["transfer-encoding"] == "chunked" ? Answer.joined(rest) : rest
    }

    private static func joined(_ chunks: Data) -> Data {
        var (body, rest) = (Data(), chunks)
        while let line = rest.range(of: Data("\r\n".utf8)) {
            let size =
                Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16) ?? 0
            if size == 0 { break }
            body += rest[line.upperBound..<min(rest.endIndex, line.upperBound + size)]
            rest = Data(rest[min(rest.endIndex, line.upperBound + size + 2)...])
        }
        return body
    }
}

/// A connection to a port of this machine.
final class Connection {
    private let descriptor: Int32

    /// - Parameters:
    ///   - source: the client's address; nil for the usual one.
    ///   - receivedBytes: size of the system's buffer of received bytes; nil for its default.
    init(port: Int, from source: String? = nil, receivedBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var receivedBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receivedBytes, 4)
        }
        func withAddress(
            _ host: String, _ port: Int,
            _ call: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32
        ) -> Int32 {
            let address = sockaddr_in(
                sin_family: sa_family_t(AF_INET), sin_port: in_port_t(port).bigEndian,
                sin_addr: in_addr(s_addr: inet_addr(host)), sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
            return withUnsafeBytes(of: address) {
                let pointer = $0.assumingMemoryBound(to: sockaddr.self).baseAddress
                return call(descriptor, pointer, socklen_t($0.count))
            }
        }
        if let source { try #require(withAddress(source, 0, bind) == 0) }
        try #require(withAddress("127.0.0.1", port, connect) == 0)
        // Against hangs only.
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Closes the connection for both sides.
    func shutDown() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Ends the sending side alone.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Sends the head of a request.
    func send(
        _ method: String, _ target: String, _ headers: [String] = [], host: String = "localhost"
    ) {
        let lines = ["\(method) \(target) HTTP/1.1", "Host: \(host)"] + headers
        send(Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
    }

    /// - Returns: false once the other side has closed.
    @discardableResult
    func send(_ data: Data) -> Bool {
        var sent = 0
        let bytes = [UInt8](data)
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// The next bytes; empty at the end.
    func receive() -> Data {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Data(buffer[..<count]) : Data()
    }

    /// All bytes until the other side closes the connection.
    func receiveAll() -> Data {
        var all = Data()
        while true {
            let piece = receive()
            if piece.isEmpty { return all }
            all += piece
        }
    }

    /// All bytes until one of some texts has arrived, which is expected.
    @discardableResult
    func receive(
        until texts: String..., at place: SourceLocation = #_sourceLocation
    ) -> String {
        let longest = texts.map(\.utf8.count).max() ?? 0
        var all = Data()
        var searched = 0
        // Against hangs only: comments keep a stream of events open.
        let end = ContinuousClock.now + .seconds(30)
        while !texts.contains(where: { all[searched...].range(of: Data($0.utf8)) != nil }) {
            searched = max(0, all.count - longest)
            let piece = receive()
            all += piece
            if piece.isEmpty || ContinuousClock.now > end {
                let rest = String(decoding: all.suffix(300), as: UTF8.self)
                Issue.record("none of \(texts) came: \(rest)", sourceLocation: place)
                break
            }
        }
        return String(decoding: all, as: UTF8.self)
    }
}
