// Temporary files: unfinished outputs, and leftovers of killed processes.

import Files
import LibC

/// Makes temporary files and finds abandoned ones.
///
/// A temporary file is named `.swift-demucs-….part` and locked (`flock`) by the process that writes
/// it. The lock ends with the process, even if that is killed, in another container or, on network
/// file systems, on another machine. So a file that can be locked is a leftover.
package enum TemporaryFiles {
    private static let prefix = ".swift-demucs-"
    private static let suffix = ".part"

    /// Makes and locks a file with a name of its own.
    ///
    /// - Parameters:
    ///   - folder: "" for the current one.
    ///   - path: the file's later name, for the message of an error.
    /// - Throws: ``AudioError/unwritable(path:reason:)``.
    static func create(
        in folder: String, for path: String
    ) throws(AudioError) -> (path: String, descriptor: Int32) {
        while true {
            // A short random name, because the final name may already be as long as the system
            // allows.
            let name = prefix + String(UInt64.random(in: .min ... .max), radix: 16) + suffix
            let temporaryPath = FilePath.joined(folder, name)
            let descriptor = open(temporaryPath, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else {
                throw .unwritable(path: path, reason: SystemError.last.description)
            }
            // Another process that removes leftovers may have found the file before it was locked:
            // then it is gone, or soon will be. On a file system without locks, no process can take
            // it for a leftover.
            let isLocked = flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
            var status = stat()
            if isLocked, fstat(descriptor, &status) == 0, status.st_nlink > 0 {
                return (temporaryPath, descriptor)
            }
            close(descriptor)
        }
    }

    /// Creates a file for reading and writing without a name. It is freed when its descriptor is
    /// closed, even if the process is killed.
    ///
    /// - Parameters:
    ///   - folder: nil for the system's folder of temporary files.
    ///   - name: the file's purpose, as the subject of an error's message.
    /// - Throws: ``AudioError/unwritable(path:reason:)``.
    package static func createUnnamed(
        in folder: String?, for name: String
    ) throws(AudioError) -> Int32 {
        let file = try create(in: folder ?? FilePath.temporaryFolder, for: name)
        unlink(file.path)
        return file.descriptor
    }

    /// Removes the temporary files that killed processes left in a folder, not in those inside it.
    ///
    /// - Returns: the number of removed files. Files that can't be opened or removed stay.
    @discardableResult
    package static func removeLeftovers(in folder: String) -> Int {
        FilePath.entries(of: folder).count { name in
            guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return false }
            let path = FilePath.joined(folder, name)
            let descriptor = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else { return false }
            defer { close(descriptor) }
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
                flock(descriptor, LOCK_EX | LOCK_NB) == 0
            else { return false }
            return unlink(path) == 0
        }
    }

    /// Free bytes for the user in a folder; nil if the system doesn't tell.
    package static func freeBytes(in folder: String) -> Int? {
        var status = statvfs()
        guard statvfs(folder.isEmpty ? "." : folder, &status) == 0 else { return nil }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(
            by: UInt64(status.f_frsize))
        return overflow ? .max : Int(clamping: bytes)
    }
}
