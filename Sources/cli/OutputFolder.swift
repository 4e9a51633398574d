// A folder that files go to, made before the work so that they can.

import Demucs
import Files
import Foundation

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
