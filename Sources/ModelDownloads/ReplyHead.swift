import CCurl
import System

/// The fields of a reply that a download uses; untrusted input.
struct ReplyHead {
    let status: Int
    /// Size of this reply's body.
    let bodyBytes: Int?
    /// First byte and total size of a reply with status 206.
    let range: (first: Int, total: Int?)?
    /// The etag if it is strong: only then equal etags mean equal bytes (RFC 9110, 8.8.3).
    let etag: String?
    /// The hub's own etag of the file, sent before the redirect to a storage server: the SHA-256 of
    /// large files.
    let linkedETag: String?
    let linkedBytes: Int?
    /// A date is measured against the server's own clock: this machine's may be wrong.
    let retryAfterSeconds: Double?

    /// - Parameter fields: header fields by lower-case name.
    init(status: Int, fields: [String: String], curl: Curl) {
        self.status = status
        // A compressed body's length is not the file's.
        let isPlain = (fields["content-encoding"] ?? "identity").lowercased() == "identity"
        bodyBytes = isPlain ? ReplyHead.count(fields["content-length"]) : nil
        range = fields["content-range"].flatMap(ReplyHead.range)
        etag = fields["etag"].flatMap(ReplyHead.strong)
        linkedETag = fields["x-linked-etag"].flatMap(ReplyHead.strong)
        linkedBytes = ReplyHead.count(fields["x-linked-size"])
        retryAfterSeconds = fields["retry-after"].flatMap {
            ReplyHead.delay($0, at: fields["date"] ?? "", curl)
        }
    }

    /// Whether a text is a complete SHA-256.
    static func isChecksum(_ text: String) -> Bool {
        text.utf8.count == 64 && text.allSatisfy { $0.isASCII && $0.isHexDigit }
    }

    private static func count(_ text: String?) -> Int? {
        guard let text, let value = Int(text), value >= 0 else { return nil }
        return value
    }

    /// Parses `bytes 100-199/200`, `bytes 100-199/*`.
    private static func range(_ text: String) -> (first: Int, total: Int?)? {
        let parts = text.split(whereSeparator: { " -/".contains($0) })
        guard parts.count == 4, parts[0] == "bytes", let first = count(String(parts[1])) else {
            return nil
        }
        return (first, count(String(parts[3])))
    }

    /// `abc` for `"abc"`; nil for the weak `W/"abc"`.
    private static func strong(_ text: String) -> String? {
        let value = text[...].trimmed { $0 == "\"" }
        return value.isEmpty || value.count > 512 || text.hasPrefix("W/") ? nil : value
    }

    /// Parses a number of seconds, or a date, from which the reply's own date is subtracted.
    private static func delay(_ text: String, at date: String, _ curl: Curl) -> Double? {
        if let seconds = Double(text) {
            return seconds.isFinite && seconds >= 0 ? seconds : nil
        }
        let (end, now) = (curl.pointee.getdate(text, nil), curl.pointee.getdate(date, nil))
        return end < 0 || now < 0 ? nil : max(0, Double(end - now))
    }
}

extension Substring {
    /// The text without the characters at both ends for which `isLeftOut` is true.
    func trimmed(of isLeftOut: (Character) -> Bool) -> String {
        let start = drop(while: isLeftOut)
        guard let last = start.lastIndex(where: { !isLeftOut($0) }) else { return "" }
        return String(start[...last])
    }
}
