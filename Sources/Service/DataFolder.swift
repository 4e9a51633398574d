// The files of the service: a folder for each track, uploads, copies in other formats. Names of files never
// come from clients, and links in the folder are not followed.

import Runs
import System

/// The data folder, which only one service may use at a time.
final class DataFolder: Sendable {
    let path: String
    /// The tracks of all jobs, by the jobs' ids.
    let ledger: Ledger
    let sets: Ledger
    private let lock: Int32

    /// Request bodies that are being received.
    var uploads: String { "\(path)/uploads" }
    /// A folder of copies, mixes and waveforms for each finished job; they can be recreated.
    var cache: String { "\(path)/cache" }
    /// Files that are being written.
    var temporary: String { "\(path)/tmp" }

    private static let folders = ["tracks", "sets", "uploads", "cache", "tmp"]

    /// Creates and locks the folder, and removes unfinished files of an earlier run.
    init(_ path: String) throws(ServiceError) {
        let path = FilePath.absolute(path)
        self.path = path
        ledger = Ledger("\(path)/tracks")
        sets = Ledger("\(path)/sets", recordName: "set.json")
        func unusable(_ error: SystemError, at name: String? = nil) -> ServiceError {
            .folderUnusable(
                path: path,
                reason: DataFolder.text(
                    of: error, at: name.map { "\(path)/\($0)" } ?? path, in: path, repairing: path))
        }
        do { try FilePath.makeFolder(path) } catch { throw unusable(error) }
        // Only the owner may read the music, its stems and the names of the songs, also in a folder
        // that existed before.
        chmod(path, 0o700)
        do throws(SystemError) {
            lock = try OwnFile.descriptor(of: "\(path)/lock", O_RDWR | O_CREAT, mode: 0o600)
        } catch { throw unusable(error, at: "lock") }
        // From here on an error ends this object, whose end closes the lock.
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw .folderInUse(path: path) }
        do throws(SystemError) { _ = try OwnFile.read(clock, mostBytes: Self.clockBytes) } catch {
            throw unusable(error, at: "clock")
        }
        for name in DataFolder.folders {
            do throws(SystemError) { try makeFolder(name) } catch {
                throw unusable(error, at: name)
            }
        }
        // Others may use the folder too: only files and folders that are named by ids are removed.
        for folder in [uploads, temporary] {
            for name in DataFolder.ids(in: folder) { DataFolder.remove("\(folder)/\(name)") }
            TemporaryFiles.removeLeftovers(in: folder)
        }
        for id in DataFolder.ids(in: cache) { TemporaryFiles.removeLeftovers(in: cache(of: id)) }
    }

    deinit {
        unlock()
        close(lock)
    }

    /// Lets another service use the folder: at once, though a child process that is just being started has
    /// a copy of the descriptor.
    func unlock() { flock(lock, LOCK_UN) }

    /// The entries of a folder that are named by ids.
    static func ids(in folder: String) -> [String] {
        FilePath.entries(of: folder).filter(Job.isID)
    }

    private func makeFolder(_ name: String) throws(SystemError) {
        let folder = "\(path)/\(name)"
        try OwnFile.makeFolder(folder)
        chmod(folder, 0o700)
        guard access(folder, R_OK | W_OK | X_OK) == 0 else { throw .last }
    }

    /// Checks that files can be made in each folder, and that the disk has room for those of a short song.
    func probe() throws {
        for name in DataFolder.folders {
            let file = try TemporaryFiles.createUnnamed(in: "\(path)/\(name)")
            defer { close(file) }
            let bytes = [UInt8](repeating: 0, count: name == "tmp" ? 1 << 20 : 0)
            try bytes.withUnsafeBytes { try writeAll($0, to: file) }
        }
    }

    /// A refusal of the system. If the files are another user's, as after a backup was restored by root: whose,
    /// and the command that gives them back.
    ///
    /// - Parameters:
    ///   - path: the refused path, in the data folder `root`.
    ///   - folder: what the command is for.
    static func text(
        of error: SystemError, at path: String, in root: String, repairing folder: String
    ) -> String {
        func name(_ user: uid_t) -> String {
            getpwuid(user).map { String(cString: $0.pointee.pw_name) } ?? "\(user)"
        }
        let owned = FilePath.status(path) == nil ? FilePath.folder(of: path) : path
        let shown =
            owned == root
            ? "it" : "'\(owned.hasPrefix(root) ? String(owned.dropFirst(root.count + 1)) : owned)'"
        guard [EACCES, EPERM].contains(error.code), owned.hasPrefix(root),
            let owner = FilePath.status(owned)?.st_uid
        else { return "\(shown): \(error)" }
        return "\(shown): \(error), "
            + (owner == geteuid()
                ? "run chmod -R u+rwX '\(folder)'"
                : "belongs to user \(name(owner)), run chown -R \(name(geteuid())) '\(folder)'")
    }

    func newUpload() -> String { "\(uploads)/\(Job.newID())" }
    func newPart() -> String { "\(temporary)/\(Job.newID())" }
    func input(_ id: String) -> String { ledger[id].input }
    func results(of id: String) -> String { ledger[id].stems }
    /// The stems of a running job as far as they are finished.
    func growing(_ id: String) -> String { "\(temporary)/\(id)" }
    func unfinishedResults(of id: String) -> String { "\(ledger[id].path)/stems.part" }
    func cache(of id: String) -> String { "\(cache)/\(id)" }

    // MARK: - Tracks

    /// The folder of a track that is not complete yet, or is being removed.
    private func unfinished(_ id: String) -> LedgerEntry {
        ledger[DataFolder.unfinishedPrefix + id]
    }

    static let unfinishedPrefix = ".swift-demucs-"

    /// Adds the track of a job, as a whole or not at all.
    ///
    /// - Parameter addFiles: moves the sound or the stems into the track's folder.
    func add(_ job: Job, _ addFiles: (LedgerEntry) throws -> Void) throws {
        let entry = unfinished(job.id)
        do {
            try FilePath.makeFolder(ledger.folder)
            guard mkdir(entry.path, 0o700) == 0 else { throw SystemError.last }
            try addFiles(entry)
            try entry.write(job, isDurable: true)
            guard rename(entry.path, ledger[job.id].path) == 0 else { throw SystemError.last }
            synchronise(path: ledger.folder)
        } catch {
            DataFolder.remove(entry.path)
            throw error
        }
    }

    /// Removes a track: at once from the ledger, and then its files.
    func remove(_ id: String) throws(SystemError) {
        guard rename(ledger[id].path, unfinished(id).path) == 0 || errno == ENOENT else {
            throw .last
        }
        synchronise(path: ledger.folder)
        for folder in [unfinished(id).path, cache(of: id)] { DataFolder.remove(folder) }
    }

    /// - Throws: `Problem` if something is where a new set would be: what could not be used at the start.
    func checkNoSet(_ id: String) throws(Problem) {
        var status = stat()
        // An empty folder is no set: rmdir fails for one that has files.
        guard lstat(sets[id].path, &status) != 0 || rmdir(sets[id].path) == 0 else {
            throw Problem(
                .conflict,
                "There is a set '\(id)' that the service can't use and leaves as it is. Take another id."
            )
        }
    }

    /// Removes a set.
    func remove(_ set: SongSet) throws(SystemError) {
        let path = sets[set.id].path
        guard unlink(sets[set.id].record) == 0 || errno == ENOENT else { throw .last }
        synchronise(path: path)
        DataFolder.remove(path)
    }

    /// Stores the state of a job, and removes the files that it needs no more.
    func save(_ job: Job) throws(SystemError) {
        try ledger[job.id].write(job, isDurable: true)
        removeUnneeded(of: job)
    }

    /// A sound goes when its client has cancelled the job, or when the results are there; results stay until
    /// the job is removed.
    func removeUnneeded(of job: Job) {
        guard job.state.isFinal else { return }
        DataFolder.remove(unfinishedResults(of: job.id))
        if job.stems.isEmpty { DataFolder.remove(cache(of: job.id)) }
        // A client may cancel a job just before its end.
        if job.stems.isEmpty, job.state == .cancelled { DataFolder.remove(results(of: job.id)) }
        if job.state == .cancelled || job.state == .done && FilePath.isFolder(results(of: job.id)) {
            DataFolder.remove(input(job.id))
        }
    }

    // MARK: - The clock

    private var clock: String { "\(path)/clock" }
    private static let clockBytes = 1_000

    /// Seconds for which the service has run with this folder; 0 if the file is missing or impossible, so
    /// that no job looks old.
    func runSeconds() -> Double {
        let bytes = (try? OwnFile.read(clock, mostBytes: Self.clockBytes)).flatMap(\.self) ?? []
        let text = String(decoding: bytes, as: UTF8.self)
        let seconds = Double(text.split(separator: "\n").first ?? "") ?? 0
        return (0...1e10).contains(seconds) ? seconds : 0
    }

    func save(runSeconds seconds: Double) {
        try? OwnFile.replace(clock, with: "\(Int(seconds))\n".utf8)
    }

    // MARK: - Files

    /// Opens a file in a folder of a job without following links.
    ///
    /// - Returns: nil if there is no regular file of that name.
    /// - Throws: `Problem` if too many files are open.
    func open(_ folder: String, _ name: String) throws(Problem) -> OpenFile? {
        let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let outer = System.open(folder, flags | O_DIRECTORY)
        guard outer >= 0 else { return try OpenFile(outer) }
        defer { close(outer) }
        return try OpenFile(openat(outer, name, flags))
    }

    /// Bytes of all files; a file with several hard links counts once.
    func countBytes() -> Int {
        Int(DataFolder.folders.reduce(0) { $0 + DataFolder.bytes(below: "\(path)/\($1)") })
    }

    /// Bytes of each job's results.
    func resultBytes() -> [String: Int] {
        Dictionary(
            uniqueKeysWithValues: DataFolder.ids(in: ledger.folder).map {
                ($0, Int(DataFolder.bytes(below: results(of: $0))))
            })
    }

    /// A copy, a mix or the waveforms of a job.
    struct CachedFile {
        /// The job's id, `/` and the name of the file.
        let name: String
        let bytes: Int
        let usedNanoseconds: Int
    }

    /// Opens a file of the cache, and marks it as used now.
    ///
    /// - Returns: nil if there is no such file.
    /// - Throws: `Problem` if too many files are open.
    func openCached(_ id: String, _ name: String) throws(Problem) -> OpenFile? {
        let file = try open(cache(of: id), name)
        if let file { futimens(file.descriptor, nil) }
        return file
    }

    /// Complete files of the cache, the most recently used first.
    func cachedFiles() -> [CachedFile] {
        let names = DataFolder.ids(in: cache).filter { !DataFolder.isLink(cache(of: $0)) }
            .flatMap { id in FilePath.entries(of: cache(of: id)).map { "\(id)/\($0)" } }
        return names.compactMap { name in
            var status = stat()
            guard !name.contains("/."), lstat("\(cache)/\(name)", &status) == 0 else { return nil }
            return CachedFile(
                name: name, bytes: status.bytesOnDisk,
                usedNanoseconds: status.modifiedNanoseconds)
        }.sorted { $0.usedNanoseconds > $1.usedNanoseconds }
    }

    func removeCached(_ file: CachedFile) { unlink("\(cache)/\(file.name)") }

    private static func bytes(below folder: String) -> Double {
        FilePath.entries(of: folder).reduce(0) { sum, name in
            var status = stat()
            let path = "\(folder)/\(name)"
            guard lstat(path, &status) == 0 else { return sum }
            if status.st_mode & S_IFMT == S_IFDIR { return sum + bytes(below: path) }
            return sum + Double(status.bytesOnDisk) / Double(max(1, status.st_nlink))
        }
    }

    // MARK: - Removing

    static func isLink(_ path: String) -> Bool {
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
        for name in FilePath.entries(of: path) { remove("\(path)/\(name)") }
        rmdir(path)
    }
}

extension stat {
    /// The room that a file takes: a small one takes a whole block.
    fileprivate var bytesOnDisk: Int { max(Int(st_size), Int(st_blocks) * 512) }
}
