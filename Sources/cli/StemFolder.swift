// Folders of stems for `eval` and `bench`: those of one track, or of many.

import Audio
import System

/// A folder that can't be read, or doesn't match another.
struct StemFolderError: CausedError, CustomStringConvertible {
    var cause: ErrorCause { .input }
    let description: String

    /// The folder holds neither stems nor folders with stems.
    static func noStems(_ path: String) -> StemFolderError {
        StemFolderError(
            description: "\(path): holds no audio files, nor folders with audio files; expected "
                + "stems like drums.wav, or a folder of them for each track")
    }
}

/// The stems of one track as files.
struct StemFolder {
    let path: String
    private let files: [String: String]

    /// Stem names that data sets use for the sum of all stems.
    private static let mixtures: Set<String> = ["mixture", "mix"]

    /// - Throws: `StemFolderError` for an unreadable folder, or `drums.wav` beside `drums.flac`.
    init(_ path: String) throws(StemFolderError) {
        self.path = path
        var files: [String: String] = [:]
        for file in try StemFolder.contents(of: path) {
            let ending = FilePath.pathExtension(of: file).lowercased()
            guard AudioFileType.decoded.contains(ending) else { continue }
            let stem = FilePath.stem(of: file)
            if let other = files.updateValue(file, forKey: stem) {
                throw StemFolderError(
                    description:
                        "\(path): the stem '\(stem)' has several files: \(other), \(file); "
                        + "keep one of them")
            }
        }
        self.files = files
    }

    /// Names of the stems, sorted, without the mixture.
    var stems: [String] { files.keys.filter { !StemFolder.mixtures.contains($0) }.sorted() }

    /// - Throws: `StemFolderError` for a missing stem.
    func file(of stem: String) throws(StemFolderError) -> String {
        guard let file = files[stem] else {
            throw StemFolderError(
                description: "\(path): the stem '\(stem)' is missing; found "
                    + (stems.isEmpty ? "none" : stems.joined(separator: ", ")))
        }
        return FilePath.joined(path, file)
    }

    fileprivate static func contents(of path: String) throws(StemFolderError) -> [String] {
        do {
            return try FilePath.names(in: path).filter { !$0.hasPrefix(".") }.sorted()
        } catch {
            throw StemFolderError(description: "\(path): can't be read as a folder (\(error))")
        }
    }
}

/// The folder of one track's stems, or of several tracks.
struct StemCollection {
    let path: String
    /// Names of the tracks; a single track is named after its folder.
    let tracks: [String]
    /// The stems directly in the folder; nil for several tracks.
    private let single: StemFolder?

    /// Stems directly in the folder make it one track; otherwise its subfolders with stems are the
    /// tracks.
    ///
    /// - Throws: the errors of `StemFolder`, and an error for a folder without stems.
    init(_ path: String) throws(StemFolderError) {
        self.path = path
        let folder = try StemFolder(path)
        if !folder.stems.isEmpty {
            single = folder
            tracks = [FilePath.name(of: FilePath.absolute(path))]
            return
        }
        single = nil
        var tracks: [String] = []
        for name in try StemFolder.contents(of: path) {
            let inner = FilePath.joined(path, name)
            guard FilePath.isFolder(inner) else { continue }
            if try !StemFolder(inner).stems.isEmpty { tracks.append(name) }
        }
        guard !tracks.isEmpty else { throw .noStems(path) }
        self.tracks = tracks
    }

    /// - Throws: the errors of `StemFolder`, and an error for a missing track.
    func folder(of track: String) throws(StemFolderError) -> StemFolder {
        if let single { return single }
        guard tracks.contains(track) else {
            throw StemFolderError(
                description: "\(path): no folder of stems for the track '\(track)'")
        }
        return try StemFolder(FilePath.joined(path, track))
    }

    /// - Throws: `StemFolderError` if one folder holds one track, the other several.
    func checkLayout(like other: StemCollection) throws(StemFolderError) {
        if (single == nil) == (other.single == nil) { return }
        let (one, several) = single == nil ? (other.path, path) : (path, other.path)
        throw StemFolderError(
            description: "\(one) holds the stems of one track, \(several) folders of tracks; give "
                + "two folders of the same kind")
    }
}
