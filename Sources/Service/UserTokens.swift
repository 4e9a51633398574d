import System

/// The tokens of a file: each line is a token, or `NAME:TOKEN` for a user who has jobs of their own.
/// The lines without a name belong to one user, who has no name. `/metrics:TOKEN` belongs to no user.
struct UserTokens: Sendable {
    private struct Entry {
        /// SHA-256 of the token.
        let digest: [UInt8]
        let user: String?
        /// Whether it is good for the metrics alone.
        let isForMetrics: Bool
    }

    private var entries: [Entry] = []

    /// - Throws: ``ServiceError/tokenUnusable(path:reason:)``, which never quotes a token.
    init(file path: String) throws(ServiceError) {
        let content: [UInt8]
        do { content = try readFile(path) } catch {
            throw .tokenUnusable(path: path, reason: "\(error)")
        }
        for (index, line) in content.split(separator: 10, omittingEmptySubsequences: false)
            .enumerated()
        {
            let line = line.last == 13 ? line.dropLast() : line
            if line.isEmpty { continue }
            if let fault = add(line) {
                throw .tokenUnusable(path: path, reason: "line \(index + 1) \(fault)")
            }
        }
        if entries.isEmpty { throw .tokenUnusable(path: path, reason: "it holds no token") }
    }

    /// - Returns: the fault of the line; nil if it has none.
    private mutating func add(_ line: ArraySlice<UInt8>) -> String? {
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        let name = colon.map { line[..<$0] }
        let token = colon.map { line[($0 + 1)...] } ?? line
        let isForMetrics = name.map { $0.elementsEqual("/metrics".utf8) } ?? false
        if let name, !isForMetrics,
            name.count > 64 || !ServiceSettings.isWord(String(decoding: name, as: UTF8.self))
        {
            return "has no valid name before ':', expected 1 to 64 letters, digits, '.', '_' or '-'"
        }
        guard (16...1024).contains(token.count) else {
            return "holds a token of \(token.count) characters"
        }
        guard token.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return "holds spaces or other characters"
        }
        let digest = UserTokens.digest(token)
        guard !entries.contains(where: { $0.digest == digest }) else {
            return "repeats the token of another line"
        }
        entries.append(
            Entry(
                digest: digest, user: name.map { String(decoding: $0, as: UTF8.self) },
                isForMetrics: isForMetrics))
        return nil
    }

    /// The names of the users; nil is the user without one.
    var users: Set<String?> { Set(entries.filter { !$0.isForMetrics }.map(\.user)) }

    /// The name of the user with a token; nil for the user without a name.
    ///
    /// - Throws: `Problem` for a token that is not in the file, or not for this request.
    func user(with token: Substring, isMetrics: Bool) throws(Problem) -> String? {
        let digest = UserTokens.digest(token.utf8)
        var found: Entry?
        // Digests are compared to the end, and all of them: the time doesn't depend on the content.
        for entry in entries {
            let difference = zip(entry.digest, digest).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
            if difference == 0 { found = entry }
        }
        guard let found else { throw Problem(.unauthorized, "The token is wrong.") }
        guard isMetrics || !found.isForMetrics else {
            throw Problem(.unauthorized, "The token is for /metrics alone.")
        }
        return found.user
    }

    private static func digest(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        SHA256(of: Array(bytes)).digest
    }

    /// Whether users of this machine other than the file's owner and group may read or change it.
    static func isOpenToOthers(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & 0o006 != 0
    }
}
