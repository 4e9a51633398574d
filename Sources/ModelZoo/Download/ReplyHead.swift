// The head of a server's reply.

import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The fields of a reply that a download uses; untrusted input.
struct ReplyHead {
    let status: Int
    /// Bytes of this reply's body.
    let bodyBytes: Int?
    /// First byte and total size of a 206.
    let range: (first: Int, total: Int?)?
    let etag: String?
    /// The hub's own etag of the file, from before it redirects to a storage server: the SHA-256 of
    /// large files.
    let linkedETag: String?
    let linkedBytes: Int?
    let retryAfterSeconds: Double?

    init(_ response: HTTPURLResponse) {
        func field(_ name: String) -> String? {
            response.value(forHTTPHeaderField: name)?.trimmingCharacters(in: .whitespaces)
        }
        status = response.statusCode
        // A compressed body's length is not the file's.
        let isPlain = (field("Content-Encoding") ?? "identity").lowercased() == "identity"
        bodyBytes = isPlain ? ReplyHead.count(field("Content-Length")) : nil
        range = field("Content-Range").flatMap(ReplyHead.range)
        etag = field("ETag").flatMap(ReplyHead.unquoted)
        linkedETag = field("X-Linked-ETag").flatMap(ReplyHead.unquoted)
        linkedBytes = ReplyHead.count(field("X-Linked-Size"))
        retryAfterSeconds = field("Retry-After").flatMap { ReplyHead.delay($0, now: Date()) }
    }

    /// Whether text is a SHA-256 in full.
    static func isChecksum(_ text: String) -> Bool {
        text.utf8.count == 64 && text.allSatisfy { $0.isASCII && $0.isHexDigit }
    }

    private static func count(_ text: String?) -> Int? {
        guard let text, let value = Int(text), value >= 0 else { return nil }
        return value
    }

    /// `bytes 100-199/200`, `bytes 100-199/*`.
    private static func range(_ text: String) -> (first: Int, total: Int?)? {
        let parts = text.split(whereSeparator: { " -/".contains($0) })
        guard parts.count == 4, parts[0] == "bytes", let first = count(String(parts[1])) else {
            return nil
        }
        return (first, count(String(parts[3])))
    }

    /// `abc` of `"abc"` and `W/"abc"`.
    private static func unquoted(_ text: String) -> String? {
        let strong = text.hasPrefix("W/") ? text.dropFirst(2) : text[...]
        let value = strong.trimmingCharacters(in: ["\""])
        return value.isEmpty || value.count > 512 ? nil : value
    }

    /// A number of seconds or a date.
    static func delay(_ text: String, now: Date) -> Double? {
        if let seconds = Double(text) {
            return seconds.isFinite && seconds >= 0 ? seconds : nil
        }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE',' dd MMM yyyy HH':'mm':'ss 'GMT'"
        return format.date(from: text).map { max(0, $0.timeIntervalSince(now)) }
    }
}
