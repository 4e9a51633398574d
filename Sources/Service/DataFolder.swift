// The files of the service: uploads, results, copies in other formats. Names of files never come from
// clients, and links in the folder are not followed.

import System

/// The data folder, which only one service may use at a time.
final class DataFolder: Sendable {
    let path: String
    private let lock: Int32

    /// Request bodies that are being received.
    var uploads: String { "\(path)/uploads" }
    /// Sounds of queued, running and failed jobs, by the jobs' ids.
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
    init(_ path: String) throws(ServiceError) {
        let path = FilePath.absolute(path)
        self.path = path
        func unusable(_ error: SystemError) -> ServiceError {
            .folderUnusable(path: path, reason: error.description)
        }
        do { try FilePath.makeFolder(path) } catch { throw unusable(error) }
        // Only the owner may read the music, its stems and the names of the songs, also in a folder
        // that existed before.
        chmod(path, 0o700)
        lock = System.open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
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
        for id in FilePath.entries(of: cache) { TemporaryFiles.removeLeftovers(in: cache(of: id)) }
    }

    deinit { close(lock) }

    private func makeFolders() throws(SystemError) {
        for name in DataFolder.databaseFiles + DataFolder.folders
        where DataFolder.isLink("\(path)/\(name)") {
            throw SystemError(code: ELOOP)
        }
        for name in DataFolder.folders {
            let folder = "\(path)/\(name)"
            try FilePath.makeFolder(folder)
            chmod(folder, 0o700)
        }
    }

    /// Moves entries of the folder, by their paths in it, to another folder there.
    ///
    /// - Returns: that folder; also the one in a folder of entries that is another file system.
    func setAside(_ entries: [String]) throws(ServiceError) -> String {
        let first = "damaged-\(Int(Timestamp.now))"
        var (name, number) = (first, 1)
        // A second one may come within the same second.
        while [path, inputs, results].contains(where: { FilePath.status("\($0)/\(name)") != nil }) {
            number += 1
            name = "\(first)-\(number)"
        }
        do throws(SystemError) {
            var places: Set<String> = []
            for entry in entries { places.insert(try move(entry, to: name)) }
            return places.sorted().joined(separator: " and ")
        } catch {
            throw .folderUnusable(path: path, reason: error.description)
        }
    }

    /// - Returns: the folder that has the entry now; beside it if its own folder is mounted.
    private func move(_ entry: String, to name: String) throws(SystemError) -> String {
        let (own, last) = (FilePath.folder(of: "\(path)/\(entry)"), FilePath.name(of: entry))
        for (aside, target) in [("\(path)/\(name)", entry), ("\(own)/\(name)", last)] {
            let folder = FilePath.folder(of: "\(aside)/\(target)")
            try FilePath.makeFolder(folder)
            if rename("\(path)/\(entry)", "\(aside)/\(target)") == 0 || errno == ENOENT {
                return aside
            }
            guard errno == EXDEV else { throw .last }
            for empty in [folder, aside] { rmdir(empty) }
        }
        throw SystemError(code: EXDEV)
    }

    /// The sounds and results of all jobs, by their paths in the folder. Other entries, as the
    /// `lost+found` of a disk, stay where they are.
    var songs: [String] {
        ["inputs", "results"].flatMap { folder in
            FilePath.entries(of: "\(path)/\(folder)").filter(Job.isID).map { "\(folder)/\($0)" }
        }
    }

    /// The files of the database.
    static let databaseFiles = ["jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm"]

    func newUpload() -> String { "\(uploads)/\(Job.newID())" }
    func newPart() -> String { "\(temporary)/\(Job.newID())" }
    func input(_ id: String) -> String { "\(inputs)/\(id)" }
    func results(of id: String) -> String { "\(results)/\(id)" }
    /// The stems of a running job as far as they are finished.
    func growing(_ id: String) -> String { "\(temporary)/\(id)" }
    func unfinishedResults(of id: String) -> String { "\(results)/.\(id)" }
    func cache(of id: String) -> String { "\(cache)/\(id)" }

    /// Removes the files of a job that a client or the retention removes.
    func removeFiles(of id: String) {
        unlink(input(id))
        for folder in [results(of: id), unfinishedResults(of: id), cache(of: id)] {
            DataFolder.remove(folder)
        }
    }

    /// Removes the files that a stored job needs no more. A sound goes when its client has cancelled the
    /// job, or when the results are there; results stay until the job is removed.
    func removeUnneeded(of job: Job) {
        guard job.state.isFinal else { return }
        DataFolder.remove(unfinishedResults(of: job.id))
        if job.stems.isEmpty { DataFolder.remove(cache(of: job.id)) }
        if job.state == .cancelled || job.state == .done && FilePath.isFolder(results(of: job.id)) {
            DataFolder.remove(input(job.id))
        }
    }

    /// Removes the files that the stored jobs need no more.
    ///
    /// - Parameter jobs: all jobs, as they were stored.
    /// - Returns: the sounds and results that may be of jobs that the database has lost.
    func removeUnneeded(_ jobs: [Job]) -> [String] {
        for job in jobs { removeUnneeded(of: job) }
        let jobs = Dictionary(jobs.map { ($0.id, $0) }) { $1 }
        for name in FilePath.entries(of: results)
        where name.hasPrefix(".") && Job.isID(String(name.dropFirst())) {
            DataFolder.remove(results(of: name))
        }
        for name in FilePath.entries(of: cache) where jobs[name]?.stems.isEmpty ?? true {
            DataFolder.remove(cache(of: name))
        }
        return songs.filter { entry in
            guard let job = jobs[FilePath.name(of: entry)] else { return true }
            if entry.hasPrefix("inputs/") || !job.stems.isEmpty { return false }
            // An older database takes a job for a waiting one that was done, and has no sound any more.
            return job.state.isFinal || !FilePath.isFile(input(job.id))
        }
    }

    /// Opens a file of a job without following links.
    ///
    /// - Returns: nil if there is no regular file of that name.
    /// - Throws: `Problem` if too many files are open.
    func open(
        _ folder: String, _ id: String, _ name: String
    ) throws(Problem) -> (descriptor: Int32, bytes: Int)? {
        let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let outer = try DataFolder.checked(System.open("\(folder)/\(id)", flags | O_DIRECTORY))
        guard outer >= 0 else { return nil }
        defer { close(outer) }
        return DataFolder.regularFile(try DataFolder.checked(openat(outer, name, flags)))
    }

    /// Returns the result of opening a file.
    ///
    /// - Throws: `Problem` if too many files are open.
    static func checked(_ descriptor: Int32) throws(Problem) -> Int32 {
        if descriptor < 0, SystemError.last.isTooManyFiles { throw Problem(SystemError.last) }
        return descriptor
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

    /// Bytes of each job's results.
    func resultBytes() -> [String: Int] {
        var sizes: [String: Int] = [:]
        for id in FilePath.entries(of: results) where Job.isID(id) {
            var bytes = 0.0
            DataFolder.add(&bytes, below: "\(results)/\(id)")
            sizes[id] = Int(bytes)
        }
        return sizes
    }

    /// A copy, a mix or the waveforms of a job.
    struct CachedFile {
        let id: String
        let name: String
        let bytes: Int
        let usedNanoseconds: Int
    }

    /// Opens a file of the cache, and marks it as used now.
    ///
    /// - Returns: nil if there is no such file.
    /// - Throws: `Problem` if too many files are open.
    func openCached(
        _ id: String, _ name: String
    ) throws(Problem) -> (descriptor: Int32, bytes: Int)? {
        let file = try open(cache, id, name)
        if let file { futimens(file.descriptor, nil) }
        return file
    }

    /// Complete files of the cache, the most recently used first.
    func cachedFiles() -> [CachedFile] {
        let names = FilePath.entries(of: cache).filter { !DataFolder.isLink(cache(of: $0)) }
            .flatMap { id in FilePath.entries(of: cache(of: id)).map { (id, $0) } }
        return names.compactMap { id, name in
            var status = stat()
            guard !name.hasPrefix("."), lstat("\(cache(of: id))/\(name)", &status) == 0 else {
                return nil
            }
            return CachedFile(
                id: id, name: name, bytes: status.bytesOnDisk,
                usedNanoseconds: status.modifiedNanoseconds)
        }.sorted { $0.usedNanoseconds > $1.usedNanoseconds }
    }

    func removeCached(_ file: CachedFile) { unlink("\(cache(of: file.id))/\(file.name)") }

    private static func add(_ bytes: inout Double, below folder: String) {
        for name in FilePath.entries(of: folder) {
            var status = stat()
            let path = "\(folder)/\(name)"
            guard lstat(path, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                add(&bytes, below: path)
            } else {
                bytes += Double(status.bytesOnDisk) / Double(max(1, status.st_nlink))
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
        let descriptor = System.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        synchronise(descriptor)
        close(descriptor)
    }
}

extension stat {
    /// The room that a file takes: a small one takes a whole block.
    fileprivate var bytesOnDisk: Int { max(Int(st_size), Int(st_blocks) * 512) }
}
