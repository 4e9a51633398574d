// Access control: hosts, origins, tokens.

import System

/// The checks that run first for every request.
struct AccessRules: Sendable {
    /// Host names that browsers may use for the service, in lower case, without ports.
    let hosts: Set<String>
    /// Other origins whose pages may call the service, `https://example.org`.
    let origins: Set<String>
    /// The tokens of the users; nil if no token is needed.
    let tokens: UserTokens?
    /// Whether only this machine can reach the service.
    let isLoopback: Bool

    /// The names of the users. Without tokens there is one user, without a name.
    var users: Set<String?> { tokens?.users ?? [nil] }

    /// A user's part of a limit that all users share; at least one.
    func share(of limit: Int) -> Int { max(1, limit / max(1, users.count)) }

    /// - Returns: the name of the user by the token; nil for the user without a name.
    /// - Throws: `Problem` for a request that another site may have caused, or for a missing or
    ///   wrong token.
    @discardableResult
    func check(_ request: Request, needsToken: Bool) throws(Problem) -> String? {
        // libmicrohttpd keeps blanks at the end of a line.
        let field = (request.header("host") ?? "").split { $0 == " " || $0 == "\t" }
        let host = request.target.host ?? field.joined(separator: " ")
        // In a DNS rebinding attack, the page's own host name resolves to this service, and the
        // Host header has that name.
        guard request.version == "HTTP/1.0" && host.isEmpty || isAllowed(host: host) else {
            throw Problem(
                .wrongHost,
                "The Host '\(host.prefix(100))' is not a name of this service. Use its address, or "
                    + "have its owner allow the host.")
        }
        if let origin = request.header("origin"), !isAllowed(origin: origin, host: host) {
            throw Problem(
                .forbidden,
                "The origin '\(origin.prefix(100))' may not use the service. Have "
                    + "the owner of the service allow it if it is yours.")
        }
        if request.method != "GET", request.method != "HEAD", request.method != "OPTIONS",
            request.header("origin") == nil,
            ["cross-site", "same-site"].contains(request.header("sec-fetch-site") ?? "")
        {
            throw Problem(.forbidden, "The request comes from a page of another site.")
        }
        for name in ["token", "access_token"] where request.query(name) != nil {
            throw Problem(
                .badRequest,
                "A token in the address ends up in logs and is refused. Send it in the header "
                    + "'Authorization: Bearer'.")
        }
        guard needsToken, let tokens else { return nil }
        let parts = (request.header("authorization") ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Problem(
                .unauthorized, "The request has no token. Send 'Authorization: Bearer <token>'.")
        }
        return try tokens.user(
            with: parts[1], isMetrics: request.target.segments == ["metrics"])
    }

    private func isAllowed(host: String) -> Bool {
        let name = AccessRules.name(ofHost: host)
        if hosts.contains(name) { return true }
        // DNS rebinding needs a host name; an address must have been typed by the user.
        return !isLoopback && ServiceSettings.isAddress(name)
    }

    private func isAllowed(origin: String, host: String) -> Bool {
        if origins.contains(origin) { return true }
        return origin == "http://\(host)" || origin == "https://\(host)"
    }

    /// The host without port and brackets: `localhost` for `localhost:8765`, `::1` for
    /// `[::1]:8765`.
    fileprivate static func name(ofHost host: String) -> String {
        let host = host.lowercased()
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
            let port = host[host.index(after: end)...]
            guard port.isEmpty || port.wholeMatch(of: /:[0-9]*/) != nil else { return "" }
            return String(host[host.index(after: host.startIndex)..<end])
        }
        let parts = host.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, !parts[1].utf8.allSatisfy({ (48...57).contains($0) }) { return "" }
        return String(parts[0])
    }
}

extension ServiceSettings {
    /// Whether a text can be one of ``allowedHosts``: a name, or an address without brackets, and
    /// no port. The name in a request never equals any other text.
    package static func isHost(_ text: String) -> Bool {
        isWord(text) || isAddress(text)
    }

    /// Whether a text can be one of ``trustedProxies``.
    package static func isAddress(_ text: String) -> Bool { ClientAddress(text) != nil }

    /// Whether a text can be one of ``allowedOrigins``: `https://example.org:8443`, as browsers send
    /// it.
    package static func isOrigin(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].hasSuffix(":"), isWord(parts[0].dropLast()),
            parts[1].isEmpty, !parts[2].hasSuffix(":"), text == text.lowercased()
        else { return false }
        let host = parts[2]
        // Browsers leave out the scheme's own port.
        let ownPort = ["http:": ":80", "https:": ":443"][String(parts[0])]
        if let ownPort, host.hasSuffix(ownPort) { return false }
        if let end = host.lastIndex(of: "]") {
            let rest = host[host.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") && rest.dropFirst().allSatisfy(\.isNumber)
            else { return false }
        }
        return isHost(AccessRules.name(ofHost: String(host)))
    }

    /// Whether a text consists of letters, digits, '.', '_' and '-'.
    static func isWord(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }
    }
}
