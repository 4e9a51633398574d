// From the words of a call to tracks: files as they are named, patterns that the shell left alone,
// folders with all sound files below them, standard input.

import Demucs
import Files
import Foundation

/// A track as it was found.
struct InputTrack: Equatable {
    /// What standard input is called, here and in names of files.
    static let standardInputName = "stdin"

    /// As given or found; for messages too.
    let path: String
    let isStandardInput: Bool
    /// The file's name, from which names of stems are made.
    let fileName: String
    /// Folders between the one that was named and the file, `disc 1/live`; empty for none.
    let relativeFolder: String

    init(path: String, relativeFolder: String = "") {
        self.path = path
        isStandardInput = false
        fileName = FilePath.name(of: path)
        self.relativeFolder = relativeFolder
    }

    private init() {
        path = "-"
        isStandardInput = true
        fileName = InputTrack.standardInputName
        relativeFolder = ""
    }

    static let standardInput = InputTrack()
}

/// What a call's operands name.
struct TrackDiscovery {
    /// In the order of the operands, those of a folder sorted.
    private(set) var tracks: [InputTrack] = []
    /// What names no track, and why; a message each, that begins with the operand.
    private(set) var problems: [(operand: String, text: String)] = []

    init(_ operands: [String]) {
        for operand in operands { add(operand) }
    }

    private mutating func add(_ operand: String) {
        if operand == "-" {
            tracks.append(.standardInput)
        } else if FilePath.isFolder(operand) {
            addFolder(operand, named: operand)
        } else if FilePath.status(operand) == nil, TrackDiscovery.isPattern(operand) {
            addMatches(operand)
        } else {
            // What is not there is told when its turn comes, as what can't be decoded.
            tracks.append(InputTrack(path: operand))
        }
    }

    private static func isPattern(_ text: String) -> Bool {
        text.utf8.contains {
            [UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "[")].contains($0)
        }
    }

    // MARK: - Patterns

    private mutating func addMatches(_ pattern: String) {
        let paths = TrackDiscovery.matches(pattern)
        if paths.isEmpty {
            problems.append((pattern, "\(pattern): there is no such file, and none matches it"))
        }
        for path in paths {
            if FilePath.isFolder(path) {
                addFolder(path, named: path)
            } else {
                tracks.append(InputTrack(path: path))
            }
        }
    }

    /// Paths that fit a pattern of the shell, sorted by their bytes.
    private static func matches(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, GLOB_NOSORT, nil, &found) == 0, let list = found.gl_pathv else {
            return []
        }
        return (0..<Int(found.gl_pathc)).compactMap {
            list[$0].flatMap { String(validatingCString: $0) }
        }
        .sorted(by: inByteOrder)
    }

    private static func inByteOrder(_ first: String, _ second: String) -> Bool {
        first.utf8.lexicographicallyPrecedes(second.utf8)
    }

    // MARK: - Folders

    private mutating func addFolder(_ folder: String, named operand: String) {
        let countBefore = tracks.count + problems.count
        var open: [FolderIdentity] = []
        walk(folder, relative: "", &open)
        if tracks.count + problems.count == countBefore {
            problems.append(
                (
                    operand,
                    "\(operand): holds no sound files; name files of other endings themselves"
                ))
        }
    }

    /// Which folder it is, however it was reached.
    private struct FolderIdentity: Equatable {
        let device: dev_t
        let inode: ino_t
    }

    /// Adds the sound files below a folder: by folder, those directly in it first.
    ///
    /// - Parameter open: the folders that this one is in, to leave out a link to one of them.
    private mutating func walk(_ folder: String, relative: String, _ open: inout [FolderIdentity]) {
        guard let status = FilePath.status(folder) else { return }
        let identity = FolderIdentity(device: status.st_dev, inode: status.st_ino)
        if open.contains(identity) { return }
        open.append(identity)
        defer { open.removeLast() }
        guard let entries = TrackDiscovery.entries(of: folder) else {
            problems.append(
                (folder, "\(folder): can't be read (\(String(cString: strerror(errno))))"))
            return
        }
        var folders: [String] = []
        for name in entries {
            let path = FilePath.joined(folder, name)
            if FilePath.isFolder(path) {
                folders.append(name)
            } else if AudioFileType(ofFile: name) != nil {
                tracks.append(InputTrack(path: path, relativeFolder: relative))
            }
        }
        for name in folders {
            walk(
                FilePath.joined(folder, name), relative: FilePath.joined(relative, name), &open)
        }
    }

    /// Names in a folder, sorted by their bytes, without hidden ones.
    ///
    /// - Returns: nil if the folder can't be read; `errno` tells why.
    private static func entries(of folder: String) -> [String]? {
        guard let stream = opendir(folder) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            // In place: an entry may be shorter than its declaration. What is not UTF-8 is repaired,
            // and found again by `AudioInput`.
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: FilePath.longestNameBytes + 1) {
                    String(cString: $0)
                }
            }
            if name.utf8.first != UInt8(ascii: ".") { names.append(name) }
        }
        return names.sorted(by: inByteOrder)
    }
}
