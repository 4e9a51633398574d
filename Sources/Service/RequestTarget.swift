// The target of a request: path and query, decoded strictly.

struct RequestTarget: Sendable, Equatable {
    /// Decoded segments of the path: `["v1", "separations"]`; empty for the root.
    let segments: [String]
    /// Fields of the query in their order; `a` and `a=` have empty values.
    let query: [(name: String, value: String)]
    /// The path as sent, for messages.
    let path: String

    /// Longest target: a quarter of the memory for a request's head.
    static let mostBytes = 8 << 10

    static let root = RequestTarget(segments: [], query: [], path: "/")

    private init(segments: [String], query: [(name: String, value: String)], path: String) {
        self.segments = segments
        self.query = query
        self.path = path
    }

    /// - Parameter text: the target as sent, `/v1/separations?limit=5`.
    /// - Throws: `Problem` unless the path is UTF-8 without control characters.
    init(_ text: String) throws(Problem) {
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
        var segments: [String] = []
        for part in parts[0].dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            let segment = try RequestTarget.decoded(part, plusIsSpace: false)
            if segment == "." || segment == ".." || segment.utf8.contains(UInt8(ascii: "/")) {
                throw Problem(.badRequest, "The path has '.', '..' or an encoded slash in it.")
            }
            segments.append(segment)
        }
        self.segments = segments == [""] ? [] : segments
        var query: [(name: String, value: String)] = []
        for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query.append(
                (
                    try RequestTarget.decoded(sides[0], plusIsSpace: true),
                    try RequestTarget.decoded(sides.count > 1 ? sides[1] : "", plusIsSpace: true)
                ))
        }
        self.query = query
    }

    static func == (one: RequestTarget, other: RequestTarget) -> Bool {
        one.segments == other.segments && one.query.elementsEqual(other.query, by: ==)
    }

    /// Decodes `%XX`.
    static func decoded(_ text: Substring, plusIsSpace: Bool) throws(Problem) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                let digits = rest.prefix(2)
                guard digits.count == 2, digits.allSatisfy(isHexadecimalDigit),
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

    private static func isHexadecimalDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
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
