// Writes encoded bytes to a file that gets its name when it is complete, or to a given descriptor.

import System

/// Takes bytes in order; if the destination is a file, some of them can be replaced later.
///
/// The first failure stays: nothing is written after it, and ``complete()`` throws it.
package final class OutputSink {
    /// Name of the destination in messages.
    let name: String

    /// Whether bytes that were written can be replaced.
    let canReplace: Bool

    /// Number of bytes written, without those that replaced others.
    private(set) var countBytes = 0

    package private(set) var failure: AudioError?
    private let descriptor: Int32

    /// nil for a given descriptor.
    private let file: UnfinishedFile?

    /// The checksum of all bytes, as long as they come in order.
    private var hash: SHA256? = SHA256()
    private(set) var isOpen = true

    /// - Throws: ``AudioError/unwritable(path:reason:)``.
    package init(_ destination: OutputDestination) throws(AudioError) {
        name = destination.name
        switch destination {
        case .file(let path):
            do {
                let file = try UnfinishedFile(path)
                descriptor = file.descriptor
                self.file = file
            } catch {
                throw .unwritable(path: path, error)
            }
            canReplace = true
        case .descriptor(let number):
            guard fcntl(number, F_GETFL) >= 0 else {
                throw .unwritable(path: destination.name, .last)
            }
            descriptor = number
            file = nil
            canReplace = false
        }
    }

    deinit {
        discard()
    }

    package func append(_ bytes: UnsafeRawBufferPointer) {
        hash?.update(bytes)
        transfer(bytes) { System.write(descriptor, $0, $1) }
        if failure == nil { countBytes += bytes.count }
    }

    package func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    func replace(at offset: Int, _ bytes: UnsafeRawBufferPointer) {
        precondition(canReplace && offset >= 0 && offset + bytes.count <= countBytes)
        hash = nil
        transfer(bytes) { [descriptor] in
            pwrite(descriptor, $0, $1, off_t(offset + bytes.count - $1))
        }
    }

    func replace(at offset: Int, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { replace(at: offset, $0) }
    }

    /// Gives the file its final name.
    ///
    /// - Returns: length of the file or the stream, and its checksum in 64 hexadecimal digits.
    /// - Throws: ``AudioError/writeFailed(path:reason:)`` or ``AudioError/readerGone(path:)``; the file
    ///   is gone then.
    package func complete() throws(AudioError) -> (count: Int, sha256: String) {
        precondition(isOpen)
        var sha256 = hash?.hexadecimal ?? ""
        if failure == nil && hash == nil {
            // Bytes were replaced.
            lseek(descriptor, 0, SEEK_SET)
            do {
                sha256 = try SHA256.hexadecimal(of: descriptor)
            } catch {
                failure = .writeFailed(path: name, reason: "\(error)")
            }
        }
        guard let file, failure == nil else {
            discard()
            if let failure { throw failure }
            return (countBytes, sha256)
        }
        isOpen = false
        do { try file.complete() } catch { fail(error) }
        if let failure { throw failure }
        return (countBytes, sha256)
    }

    /// Removes an unfinished file. A given descriptor stays open.
    package func discard() {
        isOpen = false
        file?.discard()
    }

    /// Writes all bytes with a system call that may take only a part of them at a time.
    private func transfer(
        _ bytes: UnsafeRawBufferPointer, by call: (UnsafeRawPointer, Int) -> Int
    ) {
        // A discarded encoder may still write when it is closed, after the descriptor.
        guard let base = bytes.baseAddress, failure == nil, isOpen else { return }
        var done = 0
        while done < bytes.count {
            do throws(SystemError) {
                done += try retryingInterrupted { call(base + done, bytes.count - done) }
            } catch {
                guard error.code == EAGAIN else { return fail(error) }
                waitForRoom()
            }
        }
    }

    /// Waits until a non-blocking descriptor takes more bytes.
    private func waitForRoom() {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&request, 1, -1)
    }

    private func fail(_ error: SystemError) {
        failure =
            error.code == EPIPE
            ? .readerGone(path: name) : .writeFailed(path: name, reason: error.description)
    }
}

/// Destination of encoded bytes.
public enum OutputDestination: Sendable, Equatable {
    /// A file, which appears under this name only when it is complete. Its folder must exist.
    case file(String)
    /// An open descriptor, such as that of standard output (1), which stays open. The process must
    /// ignore SIGPIPE, or a reader that closes the stream ends the process.
    case descriptor(Int32)

    /// Name of the destination in messages.
    package var name: String {
        switch self {
        case .file(let path): path
        case .descriptor(1): "standard output"
        case .descriptor(let number): "descriptor \(number)"
        }
    }
}
