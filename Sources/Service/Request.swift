// A request: its head, the handling of its body, and its reply.

import CServiceLibraries
import System

/// A request. Used only by the thread of its connection.
final class Request {
    let rawTarget: String
    /// The target in the library's memory, and its end.
    let targetStart, targetEnd: UnsafePointer<CChar>?
    let socket: Int32
    /// The library's object for the connection.
    let connection: OpaquePointer
    fileprivate(set) var method = ""
    fileprivate(set) var version = ""
    /// Headers in their order, names in lower case.
    fileprivate(set) var headers: [(name: String, value: String)] = []
    /// Whether all programs would find the same lines in the head.
    private var isPlain = true
    var target = RequestTarget.root
    /// Receiver of the body; nil if no body is expected.
    var upload: Upload?
    /// Values of the route's variable parts by name.
    var parameters: [String: String] = [:]
    var route: Route?
    /// Name of the user by the token; nil for the user without a name.
    var user: String?
    /// Whose turn the request takes where users take turns: the user's, or the address's in a service
    /// without tokens.
    var turnKey = ""
    /// Whether the head was read.
    var isBegun = false
    /// The reply to a request that was refused by its head. It is sent after the body was read: a
    /// client that is still sending would not see it.
    var refusal: Reply?
    /// Whether the end of the body is known.
    private(set) var isFramed = false
    /// Number of bytes of the body that no handler took.
    var ignoredBytes = 0
    /// The status of the reply; nil before the reply.
    var status: Int?
    let began = Timestamp.uptime

    init(
        rawTarget: String, targetStart: UnsafePointer<CChar>?, targetEnd: UnsafePointer<CChar>?,
        socket: Int32, connection: OpaquePointer
    ) {
        self.rawTarget = rawTarget
        self.targetStart = targetStart
        self.targetEnd = targetEnd
        self.socket = socket
        self.connection = connection
    }

    func setHead(
        method: String, version: String, headers: [(name: String, value: String)], isPlain: Bool
    ) {
        self.isPlain = isPlain
        self.method = method
        self.version = version
        self.headers = headers
    }

    /// The value of the first header with that name; the name is in lower case.
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    func count(_ name: String) -> Int { headers.count { $0.name == name } }

    /// The last value with that name in the query.
    func query(_ name: String) -> String? { target.query.last { $0.name == name }?.value }

    /// The body's length by its header; nil without one.
    var announcedBytes: Int? { header("content-length").flatMap { Int($0) } }

    var hasBody: Bool { (announcedBytes ?? 0) > 0 || count("transfer-encoding") > 0 }

    /// Whether the client has closed its connection.
    var isAbandoned: Bool {
        // POLLRDHUP: Linux reports a closed connection without reading from it.
        var request = pollfd(fd: socket, events: Int16(0x2000), revents: 0)
        guard poll(&request, 1, 0) > 0 else { return false }
        return Int32(request.revents) & (0x2000 | POLLHUP | POLLERR | POLLNVAL) != 0
    }

    /// Whether to read the body of a refused request. Not if the client waits for `100 Continue`,
    /// or if the body is very large.
    var isReadThough: Bool {
        isFramed && header("expect") == nil && (announcedBytes ?? 0) <= Request.mostIgnoredBytes
    }

    static let mostIgnoredBytes = 256 << 20

    /// - Throws: `Problem` for a head that two programs could parse differently.
    func checkHead() throws(Problem) {
        guard isPlain else {
            throw Problem(
                .badRequest,
                "The head of the request has a zero byte, a line that ends without CR or continues "
                    + "another, or a name with a space. End each line with CR and LF.")
        }
        if count("content-length") > 1 {
            throw Problem(.badRequest, "The request has several Content-Length headers.")
        }
        if count("transfer-encoding") > 0 {
            guard count("content-length") == 0 else {
                throw Problem(
                    .badRequest, "The request has both Content-Length and Transfer-Encoding.")
            }
            guard count("transfer-encoding") == 1,
                header("transfer-encoding")?.lowercased() == "chunked"
            else { throw Problem(.badRequest, "The only Transfer-Encoding here is 'chunked'.") }
        }
        if let length = header("content-length") {
            let isNumber = !length.isEmpty && length.utf8.allSatisfy { (48...57).contains($0) }
            guard isNumber, Int(length) != nil else {
                throw Problem(.badRequest, "The Content-Length is not a number.")
            }
        }
        isFramed = true
        if count("host") > 1 || version != "HTTP/1.0" && count("host") == 0 {
            throw Problem(.badRequest, "The request needs exactly one Host header.")
        }
    }
}
