// The file that a download grows in, until it is complete and gets its final name.

import Files
import Foundation
import WeightsLoader

/// What is known about a file from the server that sent it.
struct FileOrigin: Codable, Equatable {
    /// The address that was asked, not one that it led on to.
    var url: String
    /// The server's name for exactly these bytes, without quotes.
    var etag: String?
    var countBytes: Int?
    /// Of the finished file.
    var sha256: String?

    private static let sizeLimitBytes = 65_536

    init(url: String) { self.url = url }

    /// Reads a record; `nil` if there is none that makes sense.
    init?(recordAt path: String) {
        guard let file = try? MappedFile(path), file.countBytes <= FileOrigin.sizeLimitBytes,
            let origin = try? JSONDecoder().decode(
                FileOrigin.self, from: file.withBytes(0..<file.countBytes) { Data($0) })
        else { return nil }
        self = origin
    }

    /// Where the record of a file is kept.
    static func recordPath(of file: String) -> String { file + ".origin.json" }

    /// Writes the record in one step.
    func write(to path: String) throws(DownloadError) {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try encoder.encode(self).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw .unwritable(path: path, reason: error.localizedDescription)
        }
    }
}

/// A file under a temporary name that bytes are appended to.
final class PartialFile: @unchecked Sendable {
    // @unchecked: used by one thread at a time: the downloading one, and while a transfer runs the
    // one that its session calls on.
    let path: String
    private let descriptor: Int32
    private(set) var countBytes: Int

    /// Opens or creates the file; its bytes of an earlier try are kept.
    init(_ path: String) throws(DownloadError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw PartialFile.failure(path, errno) }
        let end = lseek(descriptor, 0, SEEK_END)
        countBytes = max(0, Int(end))
    }

    deinit { close(descriptor) }

    /// Appends bytes.
    func append(_ bytes: UnsafeRawBufferPointer) throws(DownloadError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = write(
                descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw PartialFile.failure(path, errno) }
            rest = rest.dropFirst(written)
            countBytes += written
        }
    }

    /// Throws all bytes away.
    func truncate() throws(DownloadError) {
        guard countBytes > 0 else { return }
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw PartialFile.failure(path, errno)
        }
        countBytes = 0
    }

    /// Makes sure that the bytes are on the disk, so that the final name never stands for fewer.
    func synchronize() throws(DownloadError) {
        if fsync(descriptor) != 0 && errno != EINVAL { throw PartialFile.failure(path, errno) }
    }

    /// The SHA-256 of all its bytes.
    func checksum(isCancelled: () -> Bool) throws -> String {
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
        try handle.seek(toOffset: 0)
        return try SHA256.hexadecimal(of: handle, isCancelled: isCancelled)
    }

    /// Makes sure that the disk has room for that many more bytes.
    func reserve(_ countBytes: Int) throws(DownloadError) {
        var status = statvfs()
        guard countBytes > 0, fstatvfs(descriptor, &status) == 0 else { return }
        let (free, overflow) = UInt64(status.f_bavail)
            .multipliedReportingOverflow(by: UInt64(status.f_frsize))
        if !overflow && free < UInt64(countBytes) {
            throw .diskFull(path: path, neededBytes: countBytes)
        }
    }

    static func failure(_ path: String, _ code: Int32) -> DownloadError {
        switch code {
        case ENOSPC, EDQUOT: .diskFull(path: path, neededBytes: nil)
        default: .unwritable(path: path, reason: String(cString: strerror(code)))
        }
    }
}
