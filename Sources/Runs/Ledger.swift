// The ledger: the folders of tracks that must not be lost. The command keeps one in its output folder, the
// service in its data folder. The formats are described in docs/formats.md.

import Synchronization
import System

/// Where a track stands.
package enum TrackState: String, Codable, Sendable, CaseIterable {
    case queued, running, done, failed, cancelled

    /// False for a track that still has to be separated, by a run or service that goes on.
    package var isFinal: Bool { self != .queued && self != .running }
}

/// The record of a track.
package protocol LedgerRecord: Codable, Sendable {
    /// The version that this program writes. It reads no later one.
    static var currentVersion: Int { get }
    var version: Int { get }
}

/// A folder for each track, which has everything that is known of it: nothing else is kept about a track.
package struct Ledger: Sendable {
    package let folder: String
    private let recordName: String

    /// Disks answer several reads at once.
    private static let threads = 4

    package init(_ folder: String, recordName: String = "track.json") {
        self.folder = folder
        self.recordName = recordName
    }

    package subscript(name: String) -> LedgerEntry {
        let path = FilePath.joined(folder, name)
        return LedgerEntry(path: path, record: FilePath.joined(path, recordName))
    }

    /// Reads the records of all entries, on several threads.
    ///
    /// - Returns: the records of those entries that have one.
    package func records<Record: LedgerRecord>(
        _ type: Record.Type, of names: [String]
    ) -> [(name: String, result: Result<Record, LedgerError>)] {
        typealias Found = [(name: String, result: Result<Record, LedgerError>)]
        let parts = Mutex<[Int: Found]>([:])
        let size = max(1, (names.count + Self.threads - 1) / Self.threads)
        let workers = stride(from: 0, to: names.count, by: size).compactMap { start in
            let work = { @Sendable in
                var found: Found = []
                for name in names[start..<min(start + size, names.count)] {
                    do throws(LedgerError) {
                        let record = try self[name].read(Record.self)
                        if let record { found.append((name, .success(record))) }
                    } catch {
                        found.append((name, .failure(error)))
                    }
                }
                parts.withLock { $0[start] = found }
            }
            // The system may refuse to start a thread.
            let thread = SystemThread(work)
            if thread == nil { work() }
            return thread
        }
        for worker in workers { worker.join() }
        return parts.withLock { $0 }.sorted { $0.key < $1.key }.flatMap(\.value)
    }
}

/// The folder of a track in a ledger.
package struct LedgerEntry: Sendable {
    package let path: String

    /// The record, which is always complete: each change replaces the file.
    package let record: String
    /// The sound, if it is not a file of somebody else.
    package var input: String { FilePath.joined(path, "input") }
    /// The stems, if they are not in a folder of somebody else.
    package var stems: String { FilePath.joined(path, "stems") }

    /// - Returns: nil if there is no record.
    package func read<Record: LedgerRecord>(
        _ type: Record.Type
    ) throws(LedgerError) -> Record? {
        let bytes: [UInt8]
        do throws(SystemError) {
            guard let found = try OwnFile.read(record, mostBytes: Self.mostBytes) else {
                return nil
            }
            bytes = found
        } catch {
            let isDamaged = [OwnFile.notRegular, OwnFile.tooLarge].contains(error)
            throw isDamaged ? .damaged : .unreadable(error)
        }
        if let found: Record = JSONText.value(bytes), found.version <= Record.currentVersion {
            return found
        }
        if let head: Head = JSONText.value(bytes), head.version > Record.currentVersion {
            throw .laterVersion(head.version)
        }
        throw .damaged
    }

    /// Far more than the record of any track.
    private static let mostBytes = 1 << 24

    private struct Head: Decodable {
        let version: Int
    }

    /// Replaces the record, and makes the folder if it is missing, but no folder above the ledger.
    ///
    /// - Parameter isDurable: whether the record is on the disk when this returns.
    /// - Throws: ``SystemError``. A folder that this has made is gone then.
    package func write(_ record: some LedgerRecord, isDurable: Bool = false) throws(SystemError) {
        let isNew = try makeFolder()
        do {
            try OwnFile.replace(
                self.record, with: (JSONText.of(record) + "\n").utf8, isDurable: isDurable)
        } catch {
            if isNew { rmdir(path) }
            throw error
        }
        if isDurable { synchronise(path: path) }
    }

    /// Above the ledger there may be the place of a disk that was removed.
    ///
    /// - Returns: whether the folder of the track was made.
    @discardableResult
    private func makeFolder() throws(SystemError) -> Bool {
        try OwnFile.makeFolder(FilePath.folder(of: path))
        return try OwnFile.makeFolder(path)
    }

    // MARK: - Claims

    private static let claimName = "claim"

    /// Work on a track that no other process does. It ends with the process, even if that is killed.
    package struct Claim {
        fileprivate let claim: TemporaryFiles.Claim?
        fileprivate let folder: String

        fileprivate init(_ claim: TemporaryFiles.Claim?, of folder: String) {
            (self.claim, self.folder) = (claim, folder)
        }

        /// No claim, for work that leaves no record.
        package init() { self.init(nil, of: "") }

        package func end() {
            claim?.end()
            if folder.isEmpty { return }
            // rmdir fails for a folder that has files.
            if rmdir(folder) == 0 { rmdir(FilePath.folder(of: folder)) }
        }
    }

    /// Claims the track; nil if another process has claimed it.
    ///
    /// A folder in which no file can be made, or a file system without locks, makes no claims.
    package func claim() -> Claim? {
        var made: TemporaryFiles.Claim?
        // Another run may remove the folders, while they are empty, before the claim is in them.
        for _ in 0..<3 where made == nil {
            do throws(SystemError) {
                try makeFolder()
                made = try TemporaryFiles.claim(Self.claimName, in: path)
                if made == nil { return nil }
            } catch {}
        }
        return Claim(made, of: path)
    }

    /// Whether a process works on the track.
    package var isClaimed: Bool { TemporaryFiles.isClaimed(Self.claimName, in: path) }
}

/// A record that is there and can't be used. It stays where it is.
package enum LedgerError: Error, Equatable, CustomStringConvertible {
    case unreadable(SystemError)
    case laterVersion(Int)
    case damaged

    package var description: String {
        switch self {
        case .unreadable(let error): "can't be read (\(error))"
        case .laterVersion(let version):
            "is of a later version of swift-demucs, which writes version \(version)"
        case .damaged: "is damaged"
        }
    }
}
