// The temporary file of a download, and the record of its origin.

import ModelZoo
import System

/// The origin of a file, as its server stated it; stored beside the file in `<file>.origin.json`.
struct FileOrigin: Codable, Equatable {
    /// The requested address, before redirects.
    var url: String
    /// The server's etag of these bytes, without quotes.
    var etag: String?
    var countBytes: Int?
    /// The file's SHA-256 as the hub states it, in lower case.
    var linkedSHA256: String?
    var sha256: String?

    private static let sizeLimitBytes = 65_536

    init(url: String) { self.url = url }

    /// Reads the record of a file; `nil` if it is missing or damaged.
    init?(of file: String) {
        let path = FileOrigin.recordPath(of: file)
        guard let bytes = try? OwnFile.read(path, mostBytes: FileOrigin.sizeLimitBytes),
            let origin: FileOrigin = JSONText.value(bytes)
        else { return nil }
        self = origin
    }

    static func remove(of file: String) { unlink(recordPath(of: file)) }

    static func recordPath(of file: String) -> String { file + ".origin.json" }

    /// Writes the record of a file, atomically.
    func write(beside file: String) throws(DownloadError) {
        let path = FileOrigin.recordPath(of: file)
        do throws(SystemError) {
            try OwnFile.replace(path, with: JSONText.of(self, keys: .useDefaultKeys).utf8)
        } catch {
            throw DownloadError(path: path, error)
        }
    }
}

/// A file under a temporary name, to which received bytes are appended.
final class PartialFile {
    let path: String
    private let descriptor: Int32
    private(set) var countBytes: Int

    /// Opens or creates the file; bytes of an earlier try are kept.
    init(_ path: String) throws(DownloadError) {
        self.path = path
        do throws(SystemError) {
            descriptor = try OwnFile.descriptor(of: path, O_RDWR | O_CREAT, mode: 0o644)
        } catch { throw DownloadError(path: path, error) }
        let end = lseek(descriptor, 0, SEEK_END)
        countBytes = max(0, Int(end))
    }

    deinit { close(descriptor) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(DownloadError) {
        do { try writeAll(bytes, to: descriptor) } catch { throw DownloadError(path: path, error) }
        countBytes += bytes.count
    }

    func truncate() throws(DownloadError) {
        guard countBytes > 0 else { return }
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw DownloadError(path: path, .last)
        }
        countBytes = 0
    }

    /// Waits until all bytes are on the disk, so that the file is never shorter under its final name.
    func synchronize() throws(DownloadError) {
        if synchronise(descriptor) != 0 && errno != EINVAL {
            throw DownloadError(path: path, .last)
        }
    }

    func checksum(isCancelled: () -> Bool) throws -> String {
        do {
            guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw SystemError.last }
            return try SHA256.hexadecimal(of: descriptor, isCancelled: isCancelled)
        } catch let error as SystemError {
            throw DownloadError(path: path, error)
        }
    }

    /// Checks that the disk has room for `countBytes` more bytes.
    func reserve(_ countBytes: Int) throws(DownloadError) {
        var status = statvfs()
        guard countBytes > 0, fstatvfs(descriptor, &status) == 0 else { return }
        let (free, overflow) = UInt64(status.f_bavail)
            .multipliedReportingOverflow(by: UInt64(status.f_frsize))
        if !overflow && free < UInt64(countBytes) {
            throw .diskFull(path: path, neededBytes: countBytes)
        }
    }
}

extension DownloadError {
    /// The error for a failed call on a file of the download.
    package init(path: String, _ error: SystemError) {
        switch error.code {
        case ENOSPC, EDQUOT: self = .diskFull(path: path, neededBytes: nil)
        default: self = .unwritable(path: path, reason: "\(error)")
        }
    }
}
