// Paths as the system sees them: bytes between slashes. Swift's and Foundation's own notions of
// characters would take "é" in two spellings for one name, and "\r\n" for one letter.

import Checksum
import Demucs
import Foundation

enum FilePath {
    /// The longest name that common file systems take.
    static let longestNameBytes = 255

    /// What follows the last slash.
    static func name(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }

    /// What comes before the last slash: `.` where there is none, `/` for what lies in the root.
    static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// A path below a folder; one that begins at the root stays.
    static func joined(_ folder: String, _ path: String) -> String {
        if folder.isEmpty || path.utf8.first == UInt8(ascii: "/") { return path }
        return folder.utf8.last == UInt8(ascii: "/") ? folder + path : "\(folder)/\(path)"
    }

    /// The names that make up a path.
    static func names(in path: String) -> [String] {
        path.utf8.split(separator: UInt8(ascii: "/")).map { String($0) ?? "" }
    }

    /// A key that tells two paths apart exactly if the system does. Links are not looked through.
    static func key(_ path: String) -> [UInt8] {
        let isAbsolute = path.utf8.first == UInt8(ascii: "/")
        let names = path.utf8.split(separator: UInt8(ascii: "/")).filter {
            !$0.elementsEqual(".".utf8)
        }
        return Array((isAbsolute ? "/" : "").utf8) + Array(names.joined(separator: "/".utf8))
    }

    /// What is at a path, links followed.
    static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    static func isFolder(_ path: String) -> Bool {
        status(path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
    }
}

enum FileChecksum {
    /// In hexadecimal digits; nil if the file can't be read to its end, or not before the token is
    /// cancelled.
    static func of(_ path: String, _ cancellation: CancellationToken? = nil) -> String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        return try? SHA256.hexadecimal(
            of: file, isCancelled: { cancellation?.isCancelled ?? false })
    }

    static func of(text: String) -> String {
        var checksum = SHA256()
        checksum.update(Array(text.utf8))
        return checksum.hexadecimal
    }
}

struct OutputFolder {
    let path: String

    /// Folders that had to be made for this one, outermost first.
    private let made: [String]

    /// Makes the folder and those above it, unless they are there.
    ///
    /// - Throws: `AudioError.unwritable` if that fails or files can't be made in it.
    init(making path: String) throws(AudioError) {
        self.path = path
        made = try OutputFolder.make(path)
        if access(path, W_OK | X_OK) != 0 { throw OutputFolder.unwritable(path) }
    }

    /// Takes away what was made for nothing.
    func removeIfEmpty() {
        // rmdir leaves folders alone that hold anything.
        for folder in made.reversed() { rmdir(folder) }
    }

    private static func make(_ path: String) throws(AudioError) -> [String] {
        if mkdir(path, 0o777) == 0 { return [path] }
        if errno == ENOENT {
            let parent = (path as NSString).deletingLastPathComponent
            guard !parent.isEmpty, parent != path else { throw unwritable(path) }
            let parents = try make(parent)
            if mkdir(path, 0o777) == 0 { return parents + [path] }
        }
        guard errno == EEXIST else { throw unwritable(path) }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
            isFolder.boolValue
        else { throw .unwritable(path: path, reason: String(cString: strerror(ENOTDIR))) }
        return []
    }

    private static func unwritable(_ path: String) -> AudioError {
        .unwritable(path: path, reason: String(cString: strerror(errno)))
    }
}
