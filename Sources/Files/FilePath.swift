// Paths as the system sees them: bytes between slashes. Swift's and Foundation's own notions of
// characters would take "é" in two spellings for one name, and "\r\n" for one letter.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

package enum FilePath {
    /// The longest name that common file systems take.
    package static let longestNameBytes = 255

    /// What follows the last slash.
    package static func name(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }

    /// What comes before the last slash: `.` where there is none, `/` for what lies in the root.
    package static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// A path below a folder; one that begins at the root stays.
    package static func joined(_ folder: String, _ path: String) -> String {
        if folder.isEmpty || path.utf8.first == UInt8(ascii: "/") { return path }
        return folder.utf8.last == UInt8(ascii: "/") ? folder + path : "\(folder)/\(path)"
    }

    /// The names that make up a path.
    package static func names(in path: String) -> [String] {
        path.utf8.split(separator: UInt8(ascii: "/")).map { String($0) ?? "" }
    }

    /// A key that tells two paths apart exactly if the system does. Links are not looked through.
    package static func key(_ path: String) -> [UInt8] {
        let isAbsolute = path.utf8.first == UInt8(ascii: "/")
        let names = path.utf8.split(separator: UInt8(ascii: "/")).filter {
            !$0.elementsEqual(".".utf8)
        }
        return Array((isAbsolute ? "/" : "").utf8) + Array(names.joined(separator: "/".utf8))
    }

    /// What is at a path, links followed.
    package static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    package static func isFolder(_ path: String) -> Bool {
        status(path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
    }
}
