// The files of the service: uploads, results, copies in other formats. Names of files never come from
// clients, and links in the folder are not followed.

import Files
import LibC

/// The data folder, which only one service may use at a time.
final class DataFolder: Sendable {
    let path: String
    private let lock: Int32

    /// Request bodies that are being received.
    var uploads: String { "\(path)/uploads" }
    /// Sounds of queued and running jobs, by the jobs' ids.
    var inputs: String { "\(path)/inputs" }
    /// A folder of stems for each finished job.
    var results: String { "\(path)/results" }
    /// A folder of copies, mixes and waveforms for each finished job; they can be recreated.
    var cache: String { "\(path)/cache" }
    /// Unnamed files that are being written.
    var temporary: String { "\(path)/tmp" }
    var database: String { "\(path)/jobs.sqlite" }

    private static let folders = ["uploads", "inputs", "results", "cache", "tmp"]

    /// Creates and locks the folder, and removes unfinished files of an earlier run.
    ///
    /// - Throws: ``ServiceError``.
    init(_ path: String) throws(ServiceError) {
        let path = FilePath.absolute(path)
        self.path = path
        func unusable(_ error: SystemError) -> ServiceError {
            .folderUnusable(path: path, reason: error.description)
        }
        do { try FilePath.makeFolder(path) } catch { throw unusable(error) }
        lock = LibC.open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw unusable(.last) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw .folderInUse(path: path)
        }
        do throws(SystemError) { try makeFolders() } catch {
            close(lock)
            throw unusable(error)
        }
        for folder in [uploads, temporary] { DataFolder.removeContents(of: folder) }
    }

    deinit { close(lock) }

    private func makeFolders() throws(SystemError) {
        for name in DataFolder.folders {
            let folder = "\(path)/\(name)"
            if DataFolder.isLink(folder) { throw SystemError(code: ELOOP) }
            try FilePath.makeFolder(folder)
            // Only the owner may read the music and its stems.
            chmod(folder, 0o700)
        }
    }

    /// Moves the database and all files that belong to it to another folder.
    ///
    /// - Returns: that folder.
    /// - Throws: ``ServiceError``.
    func setAside() throws(ServiceError) -> String {
        let aside = "\(path)/damaged-\(Int(Timestamp.now))"
        do throws(SystemError) {
            try FilePath.makeFolder(aside)
            for name in ["inputs", "results", "jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm"] {
                if rename("\(path)/\(name)", "\(aside)/\(name)") != 0, errno != ENOENT {
                    throw SystemError.last
                }
            }
            DataFolder.removeContents(of: cache)
            try makeFolders()
        } catch {
            throw .folderUnusable(path: path, reason: error.description)
        }
        return aside
    }

    func newUpload() -> String { "\(uploads)/\(Job.newID())" }
    func input(_ id: String) -> String { "\(inputs)/\(id)" }
    func results(of id: String) -> String { "\(results)/\(id)" }
    func unfinishedResults(of id: String) -> String { "\(results)/.\(id)" }
    func cache(of id: String) -> String { "\(cache)/\(id)" }

    /// Removes all files of a job.
    func removeFiles(of id: String) {
        unlink(input(id))
        for folder in [results(of: id), unfinishedResults(of: id), cache(of: id)] {
            DataFolder.remove(folder)
        }
    }

    /// Removes files that belong to no job.
    ///
    /// - Parameters:
    ///   - waiting: ids of jobs whose sounds are needed.
    ///   - done: ids of jobs with results.
    func removeOrphans(waiting: Set<String>, done: Set<String>) {
        for name in FilePath.entries(of: inputs) where !waiting.contains(name) {
            DataFolder.remove("\(inputs)/\(name)")
        }
        for folder in [results, cache] {
            for name in FilePath.entries(of: folder) where !done.contains(name) {
                DataFolder.remove("\(folder)/\(name)")
            }
        }
    }

    /// Opens a file of a job without following links.
    ///
    /// - Returns: nil if there is no regular file of that name.
    func open(_ folder: String, _ id: String, _ name: String) -> (descriptor: Int32, bytes: Int)? {
        let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let outer = LibC.open("\(folder)/\(id)", flags | O_DIRECTORY)
        guard outer >= 0 else { return nil }
        defer { close(outer) }
        return DataFolder.regularFile(openat(outer, name, flags))
    }

    /// A descriptor with its file's size; nil for anything but a regular file, and the descriptor
    /// is then closed.
    static func regularFile(_ descriptor: Int32) -> (descriptor: Int32, bytes: Int)? {
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return nil
        }
        return (descriptor, Int(status.st_size))
    }

    /// Bytes of all files; a file with several hard links counts once.
    func countBytes() -> Int {
        var bytes = 0.0
        for name in DataFolder.folders { DataFolder.add(&bytes, below: "\(path)/\(name)") }
        return Int(bytes)
    }

    /// Bytes of all results and of their copies, which the service may remove.
    func countRemovableBytes() -> Int {
        var bytes = 0.0
        for folder in [results, cache] { DataFolder.add(&bytes, below: folder) }
        return Int(bytes)
    }

    /// Bytes of a job's copies, mixes and waveforms.
    func countCacheBytes(of id: String) -> Int {
        var bytes = 0.0
        DataFolder.add(&bytes, below: cache(of: id))
        return Int(bytes)
    }

    /// Ids of jobs with a folder in the cache, the least recently changed folder first.
    func cachedJobs() -> [String] {
        FilePath.entries(of: cache)
            .map { ($0, FilePath.status(cache(of: $0))?.modifiedNanoseconds ?? 0) }
            .sorted { $0.1 < $1.1 }.map(\.0)
    }

    private static func add(_ bytes: inout Double, below folder: String) {
        for name in FilePath.entries(of: folder) {
            var status = stat()
            let path = "\(folder)/\(name)"
            guard lstat(path, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                add(&bytes, below: path)
            } else {
                bytes += Double(status.st_size) / Double(max(1, status.st_nlink))
            }
        }
    }

    // MARK: - Removing

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    /// Removes a file, a link (not its target), or a folder with its content.
    static func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            unlink(path)
            return
        }
        removeContents(of: path)
        rmdir(path)
    }

    private static func removeContents(of folder: String) {
        for name in FilePath.entries(of: folder) { remove("\(folder)/\(name)") }
    }

    /// Writes a folder's directory entries to the disk, so that they survive a crash of the
    /// machine.
    static func sync(_ path: String) {
        let descriptor = LibC.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
