// Temporary copies of unseekable input.

import Files
import LibC

/// The folder of temporary copies, and a check for cancellation while they are made.
package struct Spool {
    let folder: String?
    /// ffmpeg decodes little more than this many seconds; nil for any length.
    let limitSeconds: Double?
    private let isCancelled: () -> Bool

    /// - Parameters:
    ///   - folder: nil for the system's folder of temporary files. The copy that ffmpeg makes of an
    ///     hour of stereo takes 1.3 GB.
    ///   - limitSeconds: the longest track that the caller takes; nil for any length. A small file may
    ///     hold days of silence, which would fill the disk.
    ///   - isCancelled: called while a copy is made; `true` ends it with `CancellationError`.
    package init(
        folder: String? = nil, limitSeconds: Double? = nil,
        isCancelled: @escaping () -> Bool = { false }
    ) {
        self.folder = folder
        self.limitSeconds = limitSeconds
        self.isCancelled = isCancelled
    }

    /// Makes a descriptor seekable: a file stays as it is, a pipe or a socket is copied to its end.
    ///
    /// The descriptor is taken over, and closed if this fails.
    ///
    /// - Throws: ``AudioError``; `CancellationError`.
    func file(_ descriptor: Int32, name: String) throws -> InputFile {
        var status = stat()
        let kind = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : S_IFREG
        guard kind == S_IFIFO || kind == S_IFSOCK else {
            return try InputFile(descriptor: descriptor, path: name)
        }
        defer { close(descriptor) }
        let copy = try TemporaryFiles.createUnnamed(in: folder, for: "the copy of \(name)")
        do {
            try transfer(from: descriptor, to: copy, name: name)
        } catch {
            close(copy)
            throw error
        }
        return try InputFile(descriptor: copy, path: name)
    }

    private func transfer(from source: Int32, to copy: Int32, name: String) throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            try checkCancellation()
            // For a named pipe without a writer, read() reports its end, but poll() waits.
            var request = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
            guard poll(&request, 1, Self.waitMilliseconds) > 0 else { continue }
            let count: Int
            do throws(SystemError) {
                count = try retryingInterrupted { read(source, &buffer, buffer.count) }
            } catch {
                if error.code == EAGAIN { continue }
                throw AudioError.unreadable(path: name, reason: error.description)
            }
            if count == 0 { return }
            do {
                try buffer.withUnsafeBytes {
                    try writeAll(UnsafeRawBufferPointer(rebasing: $0[..<count]), to: copy)
                }
            } catch {
                throw AudioError.writeFailed(path: "the copy of \(name)", reason: "\(error)")
            }
        }
    }

    /// - Throws: `CancellationError`.
    func checkCancellation() throws {
        if isCancelled() { throw CancellationError() }
    }

    /// Time to wait for data before the next check for cancellation.
    static let waitMilliseconds: Int32 = 50
}
