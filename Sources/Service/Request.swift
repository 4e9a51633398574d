// A request: its head, the handling of its body, and its reply. Its target, decoded strictly.

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
    var target = RequestTarget()
    /// Receiver of the body; nil if no body is expected.
    var upload: Upload?
    /// Values of the route's variable parts by name.
    var parameters: [String: String] = [:]
    var route: Route?
    /// Name of the user by the token; nil for the user without a name.
    var user: String?
    /// Nil if the system can't tell.
    var client: ClientAddress?
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
    /// The body of an address that takes a document; at most a piece longer than ``mostBodyBytes``.
    private(set) var body: [UInt8] = []
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

    /// The members of all headers with that name, in lower case and without parameters.
    private func words(_ name: String) -> [String] {
        headers.filter { $0.name == name }.flatMap { $0.value.split(separator: ",") }
            .compactMap { $0.split(separator: ";", omittingEmptySubsequences: false).first }
            .map { $0.filter { !$0.isWhitespace }.lowercased() }.filter { !$0.isEmpty }
    }

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
    /// The longest document.
    static let mostBodyBytes = 64 << 10

    /// - Throws: `Problem` for a body that would have to be decoded.
    func checkEncoding() throws(Problem) {
        if let coding = words("content-encoding").first(where: { $0 != "identity" }) {
            throw Problem(
                .unsupportedType,
                "The Content-Encoding is '\(coding.prefix(60))', expected none. Send the plain bytes."
            )
        }
    }

    /// The types of a document; clients of PATCH may use the second one.
    private static let documentTypes = ["application/json", "application/merge-patch+json"]

    /// - Throws: `Problem` for a document of another type. One without a type may be JSON.
    func checkDocumentType() throws(Problem) {
        if let type = words("content-type").first(where: { !Request.documentTypes.contains($0) }) {
            throw Problem(
                .unsupportedType,
                "The Content-Type is '\(type.prefix(60))', expected application/json.")
        }
    }

    /// - Throws: `Problem` for a document of too many bytes.
    func checkBodyBytes(_ count: Int) throws(Problem) {
        guard count <= Request.mostBodyBytes else {
            throw Problem(
                .tooLarge,
                "The body has more than the \(Request.mostBodyBytes) bytes that the address takes.")
        }
    }

    /// Takes the next bytes of the body.
    ///
    /// - Returns: false if the connection has to be closed.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if let upload { return upload.receive(bytes) }
        if refusal == nil, route?.body != nil, body.count <= Request.mostBodyBytes {
            body += bytes
        } else {
            ignoredBytes += bytes.count
        }
        return ignoredBytes <= Request.mostIgnoredBytes
    }

    /// The beginning of a form's `Content-Type`.
    static var form: Regex<Substring> { /multipart\/form-data(?=[ \t]*(?:;|$))/.ignoresCase() }

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
            guard count("transfer-encoding") == 1, version != "HTTP/1.0",
                let coding = header("transfer-encoding"), coding.utf8.allSatisfy({ $0 < 128 }),
                coding.lowercased() == "chunked"
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

/// The path and the query of a request.
struct RequestTarget: Sendable {
    /// Decoded segments of the path: `["v1", "separations"]`; empty for the root.
    private(set) var segments: [String] = []
    /// Fields of the query in their order; `a` and `a=` have empty values.
    private(set) var query: [(name: String, value: String)] = []
    /// The path as sent, for messages.
    private(set) var path = "/"

    /// Longest target: a quarter of the memory for a request's head.
    static let mostBytes = 8 << 10

    /// The host in a target in absolute form; nil without one.
    private(set) var host: String?

    /// The target of `OPTIONS` for the whole service.
    static let all = "*"

    /// The root.
    init() {}

    /// - Parameter text: the target as sent, `/v1/separations?limit=5`, or in absolute form
    ///   `http://localhost/v1/separations`, which counts in place of the Host (RFC 9112, section 3.2.2).
    /// - Throws: `Problem` unless the path is UTF-8 without control characters.
    init(_ text: String) throws(Problem) {
        var text = text
        if let absolute = text.wholeMatch(of: /(?i:https?):\/\/([^\/?]+)(.*)/) {
            host = String(absolute.output.1)
            text =
                absolute.output.2.hasPrefix("/")
                ? String(absolute.output.2) : "/\(absolute.output.2)"
        }
        guard text.utf8.first == UInt8(ascii: "/") else {
            throw Problem(.badRequest, "The target of the request does not begin with '/'.")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Problem(
                .badRequest, "The target of the request has characters that must be written as %XX."
            )
        }
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts[0])
        for part in parts[0].dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            let segment = try RequestTarget.decoded(part, plusIsSpace: false)
            if segment == "." || segment == ".." || segment.utf8.contains(UInt8(ascii: "/")) {
                throw Problem(.badRequest, "The path has '.', '..' or an encoded slash in it.")
            }
            segments.append(segment)
        }
        if segments == [""] { segments = [] }
        for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query.append(
                (
                    try RequestTarget.decoded(sides[0], plusIsSpace: true),
                    try RequestTarget.decoded(sides.count > 1 ? sides[1] : "", plusIsSpace: true)
                ))
        }
    }

    /// Decodes `%XX`.
    static func decoded(_ text: Substring, plusIsSpace: Bool) throws(Problem) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                let digits = rest.prefix(2)
                guard digits.count == 2,
                    digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                    let value = UInt8(String(Substring(digits)), radix: 16)
                else { throw Problem(.badRequest, "The target has a '%' without two digits.") }
                rest = rest.dropFirst(2)
                bytes.append(value)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        if bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw Problem(.badRequest, "The target has an encoded control character.")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem(.badRequest, "The target is not valid UTF-8.")
        }
        return text
    }
}

extension RequestTarget {
    /// Encodes a text as a segment of a path.
    static func encoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += byte < 16 ? "%0\(digits)" : "%\(digits)"
            }
        }
    }
}
