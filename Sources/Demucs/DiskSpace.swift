// Whether what is going to be written fits on the disks, before hours of work.

import Audio
import Foundation

/// Bytes that are needed in folders, added up by file system.
package struct DiskSpace {
    private var needs: [dev_t: (folder: String, bytes: Int)] = [:]

    package init() {}

    /// - Throws: `SeparationError.folderUnusable` unless files can be made there.
    package mutating func add(_ bytes: Int, in folder: String) throws(SeparationError) {
        var status = stat()
        guard stat(folder, &status) == 0 else {
            throw .folderUnusable(folder: folder, reason: String(cString: strerror(errno)))
        }
        guard access(folder, W_OK | X_OK) == 0 else {
            throw .folderUnusable(folder: folder, reason: String(cString: strerror(errno)))
        }
        needs[status.st_dev, default: (folder, 0)].bytes += bytes
    }

    /// - Throws: `SeparationError.notEnoughSpace`. A file system that doesn't tell is trusted.
    package func check() throws(SeparationError) {
        for (folder, bytes) in needs.values {
            if let free = TemporaryFiles.freeBytes(in: folder), bytes > free {
                throw .notEnoughSpace(folder: folder, neededBytes: bytes, freeBytes: free)
            }
        }
    }
}
