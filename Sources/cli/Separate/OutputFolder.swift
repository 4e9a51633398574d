// Where the stems of each track go, and making sure beforehand that they can.

import Foundation
import Separation

struct OutputFolder {
    let path: String

    /// `OUT/<model>/<track>`, the track's name without what follows its last dot.
    ///
    /// A name that would be empty or lead elsewhere (`.wav`, `..wav`, `...wav`) stays whole.
    static func path(ofTrack track: String, in modelFolder: String) -> String {
        let file = (track as NSString).lastPathComponent
        let name = file.lastIndex(of: ".").map { String(file[..<$0]) } ?? file
        let isUsable = !["", ".", ".."].contains(name)
        return (modelFolder as NSString).appendingPathComponent(isUsable ? name : file)
    }

    /// - Throws: `UsageError.sameOutput` if two tracks would share a folder.
    static func checkDistinct(_ tracks: [String], in modelFolder: String) throws(UsageError) {
        var owners: [String: String] = [:]
        for track in tracks {
            let folder = path(ofTrack: track, in: modelFolder)
            if let owner = owners.updateValue(track, forKey: folder) {
                throw .sameOutput(first: owner, second: track, folder: folder)
            }
        }
    }

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
