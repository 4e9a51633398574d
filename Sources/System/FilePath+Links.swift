// Symbolic links in paths.

extension FilePath {
    /// The absolute path of a file or folder, links resolved; nil if nothing is at the path.
    package static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
