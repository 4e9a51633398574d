// Files that no output of a run may replace.

import System

/// Files that a run reads or has made, each with what it is. Links, and disks that ignore case, give
/// a file several paths.
struct TakenFiles {
    private var files: [FileIdentity: (path: String, what: String)] = [:]

    /// - Parameter what: completes "it is …".
    mutating func add(_ file: FileIdentity?, _ path: String, _ what: String) {
        if let file, files[file] == nil { files[file] = (path, what) }
    }

    mutating func add(_ path: String, _ what: String) {
        add(FilePath.status(path)?.file, path, what)
    }

    /// The taken file at a path; nil if there is none.
    func file(at path: String) -> (path: String, what: String)? {
        FilePath.status(path).flatMap { files[$0.file] }
    }
}
