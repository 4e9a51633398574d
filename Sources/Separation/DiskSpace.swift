// Whether what is going to be written fits on the disks, before hours of work.

import Foundation

/// Bytes that are needed in folders, added up by file system.
struct DiskSpace {
    private var needs: [dev_t: (folder: String, bytes: Int)] = [:]

    /// - Throws: `SeparationError.folderMissing` unless the folder is there.
    mutating func add(_ bytes: Int, in folder: String) throws(SeparationError) {
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
    func check() throws(SeparationError) {
        for (folder, bytes) in needs.values {
            var status = statvfs()
            guard statvfs(folder, &status) == 0, status.f_blocks > 0 else { continue }
            let (free, overflow) = Int(status.f_bavail)
                .multipliedReportingOverflow(by: Int(status.f_frsize))
            if !overflow, bytes > free {
                throw .notEnoughSpace(folder: folder, neededBytes: bytes, freeBytes: free)
            }
        }
    }
}
