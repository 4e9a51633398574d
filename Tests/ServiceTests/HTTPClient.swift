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

    /// The text of a problem document.
    var detail: String { object["detail"] as? String ?? "" }

    /// Reads a complete reply; nil if there is none.
    init?(_ bytes: Data) {
        guard let end = bytes.range(of: Data("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
            .components(separatedBy: "\r\n")
        guard let status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") else {
            return nil
        }
        if status == 100 {
            guard let next = Answer(Data(bytes[end.upperBound...])) else { return nil }
            self = next
            return
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let sides = line.split(separator: ":", maxSplits: 1)
            guard sides.count == 2 else { continue }
            headers[sides[0].lowercased()] = sides[1].trimmingCharacters(in: .whitespaces)
        }
        var body = Data(bytes[end.upperBound...])
        if headers["transfer-encoding"] == "chunked" { body = Answer.joined(body) }
        self.status = status
        self.headers = headers
        self.body = body
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
            _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
        ) -> Int32 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = inet_addr(host)
            return withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    call(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        if let source { try #require(withAddress(source, 0) { bind($0, $1, $2) } == 0) }
        try #require(withAddress("127.0.0.1", port) { connect($0, $1, $2) } == 0)
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
    func send(_ method: String, _ target: String, _ headers: [String] = []) {
        let lines = ["\(method) \(target) HTTP/1.1", "Host: localhost"] + headers
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

    /// All bytes until one of some texts has arrived; for streams of events.
    func receive(until texts: String...) -> String { receive(untilOneOf: texts) }

    func receive(untilOneOf texts: [String]) -> String {
        let longest = texts.map(\.utf8.count).max() ?? 0
        var all = Data()
        var searched = 0
        // Against hangs only: comments keep a stream of events open.
        let end = ContinuousClock.now + .seconds(30)
        while !texts.contains(where: { all[searched...].range(of: Data($0.utf8)) != nil }) {
            if ContinuousClock.now > end {
                Issue.record("none of \(texts) came within 30 seconds")
                break
            }
            searched = max(0, all.count - longest)
            let piece = receive()
            if piece.isEmpty { break }
            all += piece
        }
        return String(decoding: all, as: UTF8.self)
    }
}
