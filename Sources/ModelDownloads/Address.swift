// Addresses of files. libcurl, which requests them, also parses and checks them: two parsers could
// take different parts of a text for the host.

import CCurl
import ModelZoo
import System

struct Address: Sendable {
    /// The address to request: without user and password, which are never sent.
    let request: String
    /// The address for messages and records: also without its query, which may hold a signature.
    let text: String
    /// Scheme in lower case; empty if the address can't be parsed.
    private let scheme: String
    private let host: String

    /// - Throws: ``DownloadError/libraryUnusable(reason:)``.
    init(_ address: String) throws(DownloadError) {
        let curl = try openCurl()
        let parts = curl.pointee.url()
        defer { curl.pointee.url_cleanup(parts) }
        func part(_ part: CURLUPart) -> String? {
            var text: UnsafeMutablePointer<CChar>?
            guard curl.pointee.url_get(parts, part, &text, 0) == CURLUE_OK else { return nil }
            defer { curl.pointee.free(text) }
            return text.map { String(cString: $0) }
        }
        func remove(_ part: CURLUPart) { _ = curl.pointee.url_set(parts, part, nil, 0) }

        let flags = UInt32(CURLU_NON_SUPPORT_SCHEME)
        guard curl.pointee.url_set(parts, CURLUPART_URL, address, flags) == CURLUE_OK else {
            request = address
            text = String(address.prefix { !"?#".contains($0) })
            scheme = ""
            host = ""
            return
        }
        let scheme = part(CURLUPART_SCHEME)?.lowercased() ?? ""
        // libcurl repairs "http:/host" and "http:///host".
        let start = "\(scheme)://"
        let isWhole =
            address.lowercased().hasPrefix(start) && !address.dropFirst(start.count).hasPrefix("/")
        self.scheme = isWhole ? scheme : ""
        host = part(CURLUPART_HOST)?.lowercased() ?? ""
        for each in [CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_FRAGMENT] {
            remove(each)
        }
        request = part(CURLUPART_URL) ?? ""
        remove(CURLUPART_QUERY)
        text = part(CURLUPART_URL) ?? ""
    }

    /// Whether the address may be requested: encrypted, or on this machine.
    var isSecure: Bool { isEncrypted || isLocal }

    var isEncrypted: Bool { scheme == "https" && !host.isEmpty }

    /// Whether it is an unencrypted address of this machine.
    var isLocal: Bool { scheme == "http" && isLoopback }

    private var isLoopback: Bool {
        if ["localhost", "[::1]"].contains(host) { return true }
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1
            && UInt32(bigEndian: address.s_addr) >> 24 == 127
    }
}
