// Stores jobs on the disk with SQLite.

import CServiceLibraries
import System

/// The table of jobs. Used by one thread at a time.
final class JobDatabase: @unchecked Sendable {
    // @unchecked: a lock of the ``JobQueue`` guards it.
    private let sql: sql_library
    private let path: String
    private var handle: OpaquePointer?

    /// Opens the database, or creates it.
    ///
    /// - Throws: ``ServiceError/database(path:reason:)``,
    ///   ``ServiceError/databaseDamaged(path:reason:)``.
    init(_ libraries: ServiceLibraries, path: String) throws(ServiceError) {
        sql = libraries.sql
        self.path = path
        JobDatabase.makePrivate(path)
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX
        let result = sql.open_v2(path, &handle, flags, nil)
        do throws(ServiceError) {
            if result != SQLITE_OK { throw failure() }
            // A commit is on the disk when the statement returns.
            try run("PRAGMA journal_mode = WAL")
            try run("PRAGMA synchronous = FULL")
            guard try texts("PRAGMA quick_check(1)") == ["ok"] else {
                throw .databaseDamaged(path: path, reason: "it is damaged")
            }
            try run(
                "CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, "
                    + "state TEXT NOT NULL, record TEXT NOT NULL) STRICT")
            try run(
                "CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY CHECK (id = 1), "
                    + "seconds INTEGER NOT NULL) STRICT")
        } catch {
            close()
            throw error
        }
    }

    deinit { close() }

    /// Lets only the owner read the database, which has the names of all songs. SQLite gives new
    /// files beside it the same permissions.
    private static func makePrivate(_ path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        if descriptor >= 0 { System.close(descriptor) }
        for ending in ["", "-wal", "-shm"] { chmod(path + ending, 0o600) }
    }

    func close() {
        if let handle { _ = sql.close_v2(handle) }
        handle = nil
    }

    /// All jobs, in the order of the queue.
    ///
    /// - Throws: ``ServiceError/databaseDamaged(path:reason:)`` for a record that can't be read.
    func jobs() throws(ServiceError) -> [Job] {
        var jobs: [Job] = []
        for text in try texts("SELECT record FROM jobs ORDER BY sequence") {
            guard let job = JSON.value(Job.self, from: text), Job.isID(job.id),
                job.isPlausible
            else {
                throw .databaseDamaged(path: path, reason: "a record can't be read")
            }
            jobs.append(job)
        }
        return jobs
    }

    /// Inserts or updates a job.
    ///
    /// - Throws: ``ServiceError/database(path:reason:)``.
    func save(_ job: Job) throws(ServiceError) {
        let record = String(decoding: JSON.bytes(of: job), as: UTF8.self)
        // An empty record could not be read at the next start.
        guard !record.isEmpty else {
            throw .database(path: path, reason: "a number of job \(job.id) is not finite")
        }
        try run(
            "INSERT INTO jobs (id, sequence, state, record) VALUES (?1, ?2, ?3, ?4) "
                + "ON CONFLICT (id) DO UPDATE SET state = ?3, record = ?4",
            .text(job.id), .number(job.sequence), .text(job.state.rawValue), .text(record))
        // So that a copy of the one file has all jobs that have ended. If it fails, the next one does it.
        if job.state.isFinal { try? run("PRAGMA wal_checkpoint(PASSIVE)") }
    }

    /// - Throws: ``ServiceError/database(path:reason:)``.
    func remove(_ id: String) throws(ServiceError) {
        try run("DELETE FROM jobs WHERE id = ?1", .text(id))
    }

    /// Seconds for which the service has run with this database; 0 if the value is impossible, so that no
    /// job looks old.
    ///
    /// - Throws: ``ServiceError/database(path:reason:)``.
    func runSeconds() throws(ServiceError) -> Double {
        let seconds = try texts("SELECT seconds FROM clock").first.flatMap(Double.init) ?? 0
        return (0...1e10).contains(seconds) ? seconds : 0
    }

    /// - Throws: ``ServiceError/database(path:reason:)``.
    func save(runSeconds seconds: Double) throws(ServiceError) {
        try run(
            "INSERT INTO clock (id, seconds) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET "
                + "seconds = ?1", .number(Int(seconds)))
    }

    // MARK: - Statements

    private enum Value {
        case text(String)
        case number(Int)
    }

    private func run(_ statement: String, _ values: Value...) throws(ServiceError) {
        _ = try rows(statement, values)
    }

    /// The first column of all rows.
    private func texts(_ statement: String) throws(ServiceError) -> [String] {
        try rows(statement, [])
    }

    private func rows(_ text: String, _ values: [Value]) throws(ServiceError) -> [String] {
        var statement: OpaquePointer?
        guard sql.prepare_v2(handle, text, -1, &statement, nil) == SQLITE_OK else {
            throw failure()
        }
        defer { _ = sql.finalize(statement) }
        for (index, value) in values.enumerated() {
            let result =
                switch value {
                case .text(let text):
                    withUnsafePointer(to: sql) {
                        sql_bind_copy($0, statement, Int32(index + 1), text)
                    }
                case .number(let number): sql.bind_int64(statement, Int32(index + 1), Int64(number))
                }
            guard result == SQLITE_OK else { throw failure() }
        }
        var rows: [String] = []
        while true {
            switch sql.step(statement) {
            case SQLITE_ROW:
                rows.append(sql.column_text(statement, 0).map { String(cString: $0) } ?? "")
            case SQLITE_DONE: return rows
            default: throw failure()
            }
        }
    }

    private func failure() -> ServiceError {
        guard let handle else { return .database(path: path, reason: "no memory") }
        let reason = sql.errmsg(handle).map { String(cString: $0) } ?? "unknown"
        // All other codes tell of the machine, such as a full disk or too many open files.
        return [SQLITE_ERROR, SQLITE_CORRUPT, SQLITE_NOTADB].contains(sql.errcode(handle))
            || FilePath.isFolder(path)
            ? .databaseDamaged(path: path, reason: reason) : .database(path: path, reason: reason)
    }
}
