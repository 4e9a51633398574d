// Paths of existing files and folders.

extension FilePath {
    /// The absolute path, without `.` and `..`. Links are not resolved.
    package static func absolute(_ path: String) -> String {
        let current = getcwd(nil, 0)
        defer { free(current) }
        return normalised(joined(current.map { String(cString: $0) } ?? "/", path))
    }

    /// The absolute path of a file or folder, links resolved; nil if nothing is at the path.
    package static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The status of the file or folder at a path, links followed; nil if nothing is there.
    package static func status(_ path: String) -> stat? {
        var status = stat()
        return withCString(path) { stat($0, &status) } == 0 ? status : nil
    }

    /// Whether nothing is at a path. False also for a path that can't be looked at, as in a folder of another
    /// user: its file may be needed.
    package static func isMissing(_ path: String) -> Bool {
        status(path) == nil && [ENOENT, ENOTDIR].contains(errno)
    }

    package static func isFolder(_ path: String) -> Bool {
        status(path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
    }

    /// Whether anything but a folder is at a path.
    package static func isFile(_ path: String) -> Bool {
        status(path).map { $0.st_mode & S_IFMT != S_IFDIR } ?? false
    }

    /// Whether a regular file is at a path, which can be read more than once: no pipe or device.
    package static func isRegularFile(_ path: String) -> Bool {
        status(path).map { $0.st_mode & S_IFMT == S_IFREG } ?? false
    }

    /// Size of a file in bytes; 0 if it is missing.
    package static func countBytes(_ path: String) -> Int {
        status(path).map { Int(clamping: $0.st_size) } ?? 0
    }
}

/// A file or folder, equal for different paths to it.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let number: UInt64

    fileprivate init(_ status: stat) {
        device = UInt64(truncatingIfNeeded: status.st_dev)
        number = UInt64(truncatingIfNeeded: status.st_ino)
    }
}

extension stat {
    package var file: FileIdentity { FileIdentity(self) }

    /// Time of the last change of the content, in nanoseconds since 1970.
    package var modifiedNanoseconds: Int {
        #if canImport(Darwin)
            let time = st_mtimespec
        #else
            let time = st_mtim
        #endif
        // A damaged file system may give any number.
        return Int(time.tv_sec) &* 1_000_000_000 &+ Int(time.tv_nsec)
    }
}
