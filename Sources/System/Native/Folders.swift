// Folders: their entries, their creation, and the folder of temporary files.

extension FilePath {
    /// The system's folder of temporary files.
    package static var temporaryFolder: String {
        guard let folder = getenv("TMPDIR"), folder.pointee != 0 else { return "/tmp" }
        return String(cString: folder)
    }

    /// A folder of the system that is not there, as in a bare chroot: `/proc`, by which a program finds itself and its
    /// descriptors, or `/dev`; nil if both are.
    package static var missingOfSystem: String? {
        #if os(Linux)
            if status("/proc/self") == nil { return "/proc" }
        #endif
        var entry = stat()
        return lstat("/dev/stdin", &entry) == 0 ? nil : "/dev"
    }

    /// Names of a folder's entries, unsorted; those that aren't UTF-8 as ``text(ofBytes:)`` has them.
    package static func names(in folder: String) throws(SystemError) -> [String] {
        guard let stream = withCString(folder, { opendir($0) }) else { throw .last }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            // Read in place, not from a copy: an entry may be shorter than its declared type. The
            // name ends with its zero byte, inside the record that the system gave.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 1) {
                    text(ofBytes: UnsafeRawBufferPointer(start: $0, count: strlen($0)))
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Names of a folder's entries, sorted; empty if the folder can't be read.
    package static func entries(of folder: String) -> [String] {
        ((try? names(in: folder)) ?? []).sorted()
    }

    /// Makes a folder and its parents, unless they exist.
    package static func makeFolder(_ path: String) throws(SystemError) {
        // The system would make the folder of the part before it.
        if path.utf8.contains(0) { throw SystemError(code: EINVAL, "its path has a zero byte") }
        if isFolder(path) { return }
        let parent = folder(of: path)
        if status(parent) == nil, parent != path { try makeFolder(parent) }
        // Another process may make the same folder at the same time.
        guard mkdir(path, 0o777) == 0 || errno == EEXIST && isFolder(path) else { throw .last }
    }
}
