// Finds the tracks that the operands name: files, patterns that the shell left alone, folders with all
// audio files below them, standard input.

import Demucs
import System

package struct InputTrack: Equatable {
    /// The path as given or found; `-` for standard input.
    package let path: String
    package var isStandardInput = false
    /// Folders between the operand and the file, `disc 1/live`; empty for none.
    var relativeFolder = ""

    /// Id of a track in a manifest, which names the track's files instead of its file name.
    var id: String?
    /// The track's own request; nil for that of the command.
    var request: SeparationRequest?
    /// The outputs of the track's own request, where its stems differ.
    var outputs: [NamedSignal]?

    /// Name of the file, from which names of stems are made; `stdin` for standard input.
    var fileName: String { isStandardInput ? "stdin" : FilePath.name(of: path) }

    /// The values of `{track}` and `{trackext}`. An id has no extension, even if it has dots.
    var nameParts: (name: String, ending: String) {
        let parts = FileNameTemplate.split(fileName)
        return (id ?? parts.name, parts.ending)
    }

    /// Whether the file or stream exists.
    package var isThere: Bool { isStandardInput || file != nil }

    /// The file itself, whatever its path; nil for standard input and where no file is.
    var file: FileIdentity? { isStandardInput ? nil : FilePath.status(path)?.file }

    /// The name of the track in messages and reports about all tracks.
    var label: String { id ?? path }
}

extension InputTrack {
    /// - Parameter file: the path of a file, which is no pattern and no folder.
    package init(file: String) { self.init(path: file) }
}

package struct TrackDiscovery {
    /// Tracks in the order of the operands, each once; those of a folder are sorted.
    package private(set) var tracks: [InputTrack] = []
    /// Operands and folders without tracks, each with a message that begins with its name.
    package private(set) var problems: [(operand: String, text: String)] = []

    /// The parts of a track that decide its files, to find each track once.
    private struct Identity: Hashable {
        let file: FileIdentity?
        let folder: String
        let name: String
    }
    private var found: Set<Identity> = []
    /// Number of files that were found, also again.
    private var fileCount = 0

    /// Folders with files of this program, and the number of its stems elsewhere, that a search has left out.
    package private(set) var skippedFolders: [String] = []
    package private(set) var skippedStems = 0
    /// What a search has left out, in words.
    package var notes: [String] {
        var notes = skippedFolders.map { "Skipping \($0): it has files of swift-demucs" }
        if skippedStems > 0 {
            notes.append(
                "Skipping \(skippedStems) stem\(skippedStems == 1 ? "" : "s") that swift-demucs has "
                    + "written; name such a file to separate it")
        }
        return notes
    }
    private let outputFolders: [FileIdentity]

    /// - Parameter outputFolders: folders of the run's files, which a search leaves out.
    package init(_ operands: [String], outputFolders: [String] = []) {
        self.outputFolders = outputFolders.compactMap { FilePath.status($0)?.file }
        for operand in operands { add(operand) }
    }

    private mutating func add(_ track: InputTrack) {
        let identity = Identity(
            file: track.file, folder: track.relativeFolder,
            name: track.file == nil ? track.path : track.fileName)
        if found.insert(identity).inserted { tracks.append(track) }
        fileCount += 1
    }

    private mutating func add(_ operand: String) {
        if operand == "-" {
            add(InputTrack(path: operand, isStandardInput: true))
        } else if FilePath.status(operand) == nil, operand.utf8.contains(where: "*?[".utf8.contains)
        {
            addMatches(operand)
        } else {
            addPath(operand)
        }
    }

    private mutating func addPath(_ path: String) {
        if FilePath.isFolder(path) {
            addFolder(path)
        } else {
            // A missing file is reported when its turn comes, like an undecodable one.
            add(InputTrack(path: path))
        }
    }

    // MARK: - Patterns

    private mutating func addMatches(_ pattern: String) {
        let paths = TrackDiscovery.matches(pattern)
        if paths.isEmpty {
            problems.append((pattern, "\(pattern): no such file, and none matches the pattern"))
        }
        for path in paths { addPath(path) }
    }

    /// Paths that match a shell pattern, sorted by their bytes.
    private static func matches(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, GLOB_NOSORT, nil, &found) == 0, let list = found.gl_pathv else {
            return []
        }
        return (0..<Int(found.gl_pathc)).compactMap { index in
            list[index].map {
                FilePath.text(ofBytes: UnsafeRawBufferPointer(start: $0, count: strlen($0)))
            }
        }
        .sorted(by: inByteOrder)
    }

    private static func inByteOrder(_ first: String, _ second: String) -> Bool {
        first.utf8.lexicographicallyPrecedes(second.utf8)
    }

    // MARK: - Folders

    private mutating func addFolder(_ folder: String) {
        let countBefore = fileCount + problems.count
        let stemsBefore = skippedStems
        var open: [FileIdentity] = []
        // An output folder that is named itself is searched.
        let root = FilePath.status(folder)?.file
        walk(folder, relative: "", outputFolders.filter { $0 != root }, &open)
        if fileCount + problems.count == countBefore {
            let others = skippedStems == stemsBefore ? "files of other types" : "stems"
            problems.append(
                (folder, "\(folder): no audio files found; name \(others) themselves"))
        }
    }

    /// Adds the audio files of a folder, then those of its subfolders.
    ///
    /// - Parameters:
    ///   - skipped: folders that are left out.
    ///   - open: the folders that contain this one; links to them are not followed.
    private mutating func walk(
        _ folder: String, relative: String, _ skipped: [FileIdentity], _ open: inout [FileIdentity]
    ) {
        guard let file = FilePath.status(folder)?.file, !open.contains(file) else { return }
        open.append(file)
        defer { open.removeLast() }
        let entries: [String]
        do {
            entries = try FilePath.names(in: folder).sorted(by: TrackDiscovery.inByteOrder)
        } catch {
            problems.append((folder, "\(folder): can't be read (\(error))"))
            return
        }
        var folders: [String] = []
        for name in entries where name.utf8.first != UInt8(ascii: ".") {
            let path = FilePath.joined(folder, name)
            let status = FilePath.status(path)
            let kind = status.map { $0.st_mode & S_IFMT }
            // A pipe or a device that is not named itself would be waited for.
            if let kind, kind != S_IFDIR, kind != S_IFREG { continue }
            if let status, kind == S_IFDIR {
                // Stems are no songs. A folder that is named itself is searched.
                if skipped.contains(status.file) || Ledger(ofRun: path).exists {
                    skippedFolders.append(path)
                } else {
                    folders.append(name)
                }
            } else if !AudioFileType.isSound(name) {
                continue
            } else if StemMark.isIn(path) {
                skippedStems += 1
            } else {
                add(InputTrack(path: path, relativeFolder: relative))
            }
        }
        for name in folders {
            walk(
                FilePath.joined(folder, name), relative: FilePath.joined(relative, name), skipped,
                &open)
        }
    }
}
