// Folders of stems for `eval` and `bench`: of one track, or of many.

import Files
import Foundation

/// Folders that can't be read, or don't match each other.
enum StemFolderError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    /// The folder holds neither stems nor folders with stems.
    case noStems(path: String)
    /// `drums.wav` beside `drums.flac`.
    case ambiguousStem(path: String, stem: String, files: [String])
    case missingStem(path: String, stem: String, found: [String])
    case missingTrack(path: String, track: String)
    /// One folder holds one track, the other several.
    case differentLayout(single: String, several: String)

    var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "\(path): can't be read as a folder (\(reason))"
        case .noStems(let path):
            "\(path): holds no audio files, nor folders with audio files; expected stems like "
                + "drums.wav, or a folder of them for each track"
        case .ambiguousStem(let path, let stem, let files):
            "\(path): the stem '\(stem)' has several files: \(files.joined(separator: ", ")); "
                + "keep one of them"
        case .missingStem(let path, let stem, let found):
            "\(path): the stem '\(stem)' is missing; found "
                + (found.isEmpty ? "none" : found.joined(separator: ", "))
        case .missingTrack(let path, let track):
            "\(path): no folder of stems for the track '\(track)'"
        case .differentLayout(let single, let several):
            "\(single) holds the stems of one track, \(several) folders of tracks; give two folders "
                + "of the same kind"
        }
    }
}

/// The stems of one track as files.
struct StemFolder {
    let path: String
    /// File names by stem.
    private let files: [String: String]

    /// Extensions of the audio files that are read without ffmpeg.
    private static let extensions: Set<String> = [
        "wav", "wave", "rf64", "aif", "aiff", "aifc", "flac", "ogg", "oga", "opus", "mp3",
    ]
    /// Names of the sum of all stems in data sets.
    private static let mixtures: Set<String> = ["mixture", "mix"]

    /// - Throws: `unreadable`, `ambiguousStem`.
    init(_ path: String) throws(StemFolderError) {
        self.path = path
        var files: [String: String] = [:]
        for file in try StemFolder.contents(of: path) {
            let name = file as NSString
            guard StemFolder.extensions.contains(name.pathExtension.lowercased()) else { continue }
            let stem = name.deletingPathExtension
            if let other = files.updateValue(file, forKey: stem) {
                throw .ambiguousStem(path: path, stem: stem, files: [other, file])
            }
        }
        self.files = files
    }

    /// Names of the stems, sorted, without the mixture.
    var stems: [String] { files.keys.filter { !StemFolder.mixtures.contains($0) }.sorted() }

    /// - Throws: `missingStem`.
    func file(of stem: String) throws(StemFolderError) -> String {
        guard let file = files[stem] else {
            throw .missingStem(path: path, stem: stem, found: stems)
        }
        return FilePath.joined(path, file)
    }

    fileprivate static func contents(of path: String) throws(StemFolderError) -> [String] {
        do {
            let names = try FileManager.default.contentsOfDirectory(atPath: path)
            return names.filter { !$0.hasPrefix(".") }.sorted()
        } catch {
            let reason = (error as NSError).localizedFailureReason ?? error.localizedDescription
            throw .unreadable(path: path, reason: reason)
        }
    }
}

/// The folder of one track's stems, or of several tracks.
enum StemCollection {
    case single(StemFolder)
    case several(path: String, tracks: [String])

    /// With stems directly in the folder it is one track; otherwise its folders with stems are tracks.
    ///
    /// - Throws: `unreadable`, `ambiguousStem`, `noStems`.
    init(_ path: String) throws(StemFolderError) {
        let folder = try StemFolder(path)
        if !folder.stems.isEmpty {
            self = .single(folder)
            return
        }
        var tracks: [String] = []
        for name in try StemFolder.contents(of: path) {
            let inner = FilePath.joined(path, name)
            guard FilePath.isFolder(inner) else { continue }
            if try !StemFolder(inner).stems.isEmpty { tracks.append(name) }
        }
        guard !tracks.isEmpty else { throw .noStems(path: path) }
        self = .several(path: path, tracks: tracks)
    }

    var path: String {
        switch self {
        case .single(let folder): folder.path
        case .several(let path, _): path
        }
    }

    /// Names of the tracks; a single track is named after its folder.
    var tracks: [String] {
        switch self {
        case .single(let folder): [URL(fileURLWithPath: folder.path).lastPathComponent]
        case .several(_, let tracks): tracks
        }
    }

    /// - Throws: `missingTrack`, `unreadable`, `ambiguousStem`.
    func folder(of track: String) throws(StemFolderError) -> StemFolder {
        switch self {
        case .single(let folder): return folder
        case .several(let path, let tracks):
            guard tracks.contains(track) else { throw .missingTrack(path: path, track: track) }
            return try StemFolder(FilePath.joined(path, track))
        }
    }

    /// - Throws: `differentLayout`.
    func checkLayout(like other: StemCollection) throws(StemFolderError) {
        switch (self, other) {
        case (.single, .several): throw .differentLayout(single: path, several: other.path)
        case (.several, .single): throw .differentLayout(single: other.path, several: path)
        case (.single, .single), (.several, .several): return
        }
    }
}
