// Downloads a file: with a lock, resumed, retried, checked, and renamed when complete.
//
//     <file>                      complete and checked, or missing
//     <file>.origin.json          its origin: address, etag, size, SHA-256, the hub's SHA-256
//     <file>.part                 the bytes received so far
//     <file>.part.origin.json     the origin of these bytes
//     <file>.lock                 held while a process downloads it
//
// A `.part` file stays after a failure, because the next download goes on with it. So it is none of
// the `TemporaryFiles`, which are removed.

import ModelZoo
import System

package struct Download {
    private let source: Address
    /// Final path of the file.
    private let destination: String
    /// The first digits of the file's SHA-256, as many as are known beforehand.
    private let checksum: String?
    /// Largest size to accept, in bytes.
    private let limitBytes: Int
    /// Checks the content of the complete file, still under its temporary name, if no checksum is
    /// known; its errors become `DownloadError.wrongContent`.
    private let check: (_ path: String) throws -> Void

    /// - Throws: ``DownloadError/insecureAddress(url:)`` unless the address uses https or is on
    ///   this machine; ``DownloadError/libraryUnusable(reason:)``.
    package init(
        url: String, destination: String, checksum: String? = nil, limitBytes: Int,
        check: @escaping (_ path: String) throws -> Void = { _ in }
    ) throws(DownloadError) {
        source = try Address(url)
        self.destination = destination
        self.checksum = checksum
        self.limitBytes = limitBytes
        self.check = check
        guard source.isSecure else { throw DownloadError.insecureAddress(url: address) }
    }

    private var partPath: String { destination + ".part" }
    private var name: String { FilePath.name(of: destination) }
    private var address: String { source.text }

    /// Downloads the file unless it exists.
    ///
    /// - Throws: `DownloadError`, `CancellationError`.
    package func run(
        policy: DownloadPolicy, isCancelled: () -> Bool, report: (DownloadEvent) -> Void
    ) throws {
        if FilePath.isFile(destination) { return }
        do {
            try FilePath.makeFolder(FilePath.folder(of: destination))
            _ = try OutputTarget(destination)
        } catch {
            throw DownloadError(path: destination, error)
        }
        try withFileLock(
            destination + ".lock", waiting: { report(.waiting(file: name)) },
            isCancelled: isCancelled,
            body: {
                // The process that held the lock before may have downloaded the file.
                if FilePath.isFile(destination) { return }
                try transferUntilComplete(policy, isCancelled, report)
            })
    }

    private func transferUntilComplete(
        _ policy: DownloadPolicy, _ isCancelled: () -> Bool, _ report: (DownloadEvent) -> Void
    ) throws {
        let file = try PartialFile(partPath)
        var mayStartAfresh = true
        var fruitless = 0
        // Not the bytes before a try: a server that always sends the file from its start could
        // break off after more and after fewer bytes in turn.
        var most = 0
        while true {
            if !isResumable(file) { try file.truncate() }
            let before = file.countBytes
            most = max(most, before)
            do {
                let origin = try transfer(into: file, policy, isCancelled, report)
                try finish(file, origin, isCancelled, report)
                return
            } catch let error as DownloadError {
                switch error {
                case .wrongChecksum, .wrongSize, .wrongContent, .tooLarge, .refused(_, 416):
                    // Bytes of an earlier request may be wrong: one more try without them.
                    guard before > 0, mayStartAfresh else {
                        discardPart()
                        throw error
                    }
                    mayStartAfresh = false
                    most = 0
                    try file.truncate()
                    continue
                // The same request may succeed later.
                case .interrupted, .stalled, .tooSlow, .tooManyRequests, .refused(_, 500...599):
                    break
                // An unreachable server is not tried again, unless it has sent bytes before: then
                // the connection may come back.
                case .unreachable where before > 0: break
                default: throw error
                }
                fruitless = file.countBytes > most ? 1 : fruitless + 1
                most = max(most, file.countBytes)
                var delay = policy.delaySeconds(afterAttempts: fruitless)
                if case .tooManyRequests(_, let asked?) = error { delay = max(delay, asked) }
                guard fruitless < policy.attempts, delay <= policy.longestDelaySeconds
                else { throw error }
                report(.retrying(error, seconds: delay))
                try Download.wait(delay, isCancelled)
            }
        }
    }

    /// Whether the bytes are of this address, and need no others, or those of a later reply surely
    /// fit: an etag shows that they are of the same file, or a mixture is refused at the end.
    private func isResumable(_ file: PartialFile) -> Bool {
        guard let origin = FileOrigin(of: partPath), origin.url == address else { return false }
        return origin.etag != nil || isChecksumKnown(origin)
            || origin.countBytes == file.countBytes
    }

    private func isChecksumKnown(_ origin: FileOrigin?) -> Bool {
        checksum != nil || origin?.linkedSHA256 != nil
    }

    private func discardPart() {
        unlink(partPath)
        FileOrigin.remove(of: partPath)
    }

    private static func wait(_ seconds: Double, _ isCancelled: () -> Bool) throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if isCancelled() { throw CancellationError() }
            usleep(20_000)
        }
    }

    /// Requests the missing bytes.
    ///
    /// - Returns: the origin of the complete file.
    private func transfer(
        into file: PartialFile, _ policy: DownloadPolicy, _ isCancelled: () -> Bool,
        _ report: (DownloadEvent) -> Void
    ) throws -> FileOrigin {
        // The part is complete if an earlier run ended just before the last step.
        if let origin = FileOrigin(of: partPath), origin.countBytes == file.countBytes,
            file.countBytes > 0
        {
            return origin
        }
        let resumed = file.countBytes
        let transfer = Transfer(source, into: file, limitBytes: limitBytes) { result, file in
            try begin(file, result)
        }
        var hasStarted = false
        var totalBytes: Int?
        let result = transfer.run(stallSeconds: policy.stallSeconds, isCancelled: isCancelled) {
            received in
            guard received > 0 || hasStarted else { return }
            if !hasStarted {
                totalBytes = FileOrigin(of: partPath)?.countBytes
                report(
                    .started(
                        url: address, file: name, resumedBytes: min(resumed, received),
                        totalBytes: totalBytes))
                hasStarted = true
            }
            report(.progress(file: name, receivedBytes: received, totalBytes: totalBytes))
        }
        return try judge(result, file)
    }

    /// Accepts or refuses a good reply before its body is written.
    private func begin(_ file: PartialFile, _ result: TransferResult) throws {
        guard let head = result.head else { return }
        let old = FileOrigin(of: partPath)
        var origin = FileOrigin(url: address)
        origin.etag = result.linkedETag ?? head.etag
        origin.linkedSHA256 = result.linkedSHA256
        if head.status == 206 {
            // The range must belong to the file that the first bytes came from.
            let total = head.range?.total
            let hasBoth = old?.etag != nil && origin.etag != nil
            let isSame =
                head.range?.first == file.countBytes
                && (hasBoth ? old?.etag == origin.etag : isChecksumKnown(old))
                && (old?.countBytes == nil || total == nil || old?.countBytes == total)
            guard isSame else {
                throw DownloadError.wrongContent(
                    url: address, problem: "the part that came belongs to another file")
            }
            origin.countBytes = result.linkedBytes ?? total ?? old?.countBytes
            origin.linkedSHA256 = origin.linkedSHA256 ?? old?.linkedSHA256
        } else {
            try file.truncate()
            origin.countBytes = result.linkedBytes ?? head.bodyBytes
            if let body = head.bodyBytes, let linked = result.linkedBytes, body != linked {
                throw DownloadError.wrongSize(
                    url: address, foundBytes: body, expectedBytes: linked)
            }
        }
        if let total = origin.countBytes {
            if total > limitBytes {
                throw DownloadError.tooLarge(
                    url: address, foundBytes: total, limitBytes: limitBytes)
            }
            try file.reserve(total - file.countBytes)
        }
        try origin.write(beside: partPath)
    }

    /// The origin of the complete file; throws the error that ended the request.
    private func judge(_ result: TransferResult, _ file: PartialFile) throws -> FileOrigin {
        switch result.failure {
        case let error as DownloadError: throw error
        case let error as CancellationError: throw error
        default: break
        }
        guard let head = result.head else { throw withoutReply(result, file) }
        switch head.status {
        case 200, 206: break
        case 429:
            throw DownloadError.tooManyRequests(
                url: address, retryAfterSeconds: head.retryAfterSeconds)
        default: throw DownloadError.refused(url: address, status: head.status)
        }
        guard let origin = FileOrigin(of: partPath) else {
            throw DownloadError.unwritable(
                path: FileOrigin.recordPath(of: partPath), reason: "it can't be read back")
        }
        let isShort = origin.countBytes.map { file.countBytes < $0 } ?? false
        if isShort || result.failure != nil {
            throw DownloadError.interrupted(
                url: address, receivedBytes: file.countBytes, expectedBytes: origin.countBytes,
                reason: (result.failure as? ConnectionFailure)?.reason
                    ?? "the connection was closed")
        }
        if let expected = origin.countBytes, file.countBytes != expected {
            throw DownloadError.wrongSize(
                url: address, foundBytes: file.countBytes, expectedBytes: expected)
        }
        return origin
    }

    /// The error for a request without a reply: no server answered, or the connection broke too early.
    private func withoutReply(_ result: TransferResult, _ file: PartialFile) -> DownloadError {
        let failure = result.failure as? ConnectionFailure
        let reason = failure?.reason ?? "no reply came"
        if failure?.isInvalidReply == true {
            return .wrongContent(url: address, problem: "an invalid HTTP reply (\(reason))")
        }
        return failure?.isInterruption == true
            ? .interrupted(
                url: address, receivedBytes: file.countBytes, expectedBytes: nil, reason: reason)
            : .unreachable(url: address, reason: reason)
    }

    /// Checks the complete file and gives it its name.
    private func finish(
        _ file: PartialFile, _ origin: FileOrigin, _ isCancelled: () -> Bool,
        _ report: (DownloadEvent) -> Void
    ) throws {
        report(.verifying(file: name))
        var origin = origin
        let found = try file.checksum(isCancelled: isCancelled)
        // An etag that equals that of an earlier download means equal bytes.
        let first = FileOrigin(of: destination)
        let remembered =
            first?.etag != nil && first?.etag == origin.etag && first?.url == origin.url
            ? first?.sha256 : nil
        for expected in [checksum, origin.linkedSHA256, remembered] {
            if let expected, !found.hasPrefix(expected) {
                throw DownloadError.wrongChecksum(url: address, found: found, expected: expected)
            }
        }
        if !isChecksumKnown(origin) {
            do {
                try check(partPath)
            } catch {
                // The error names the temporary file; the address helps more.
                let text = "\(error)"
                let problem =
                    text.hasPrefix(partPath)
                    ? text.dropFirst(partPath.count).trimmed { ":, ".contains($0) } : text
                throw DownloadError.wrongContent(url: address, problem: problem)
            }
        }
        try file.synchronize()
        origin.sha256 = found
        try origin.write(beside: destination)
        guard rename(partPath, destination) == 0 else {
            throw DownloadError(path: destination, .last)
        }
        FileOrigin.remove(of: partPath)
        report(.finished(file: name, countBytes: file.countBytes))
    }
}

/// Runs `body` while this process holds an advisory lock on a file. The empty file is not removed.
///
/// - Parameter waiting: called once if another process has the lock.
/// - Throws: `DownloadError` if the file can't be locked, `CancellationError`, the errors of `body`.
func withFileLock(
    _ path: String, waiting: () -> Void, isCancelled: () -> Bool, body: () throws -> Void
) throws {
    let descriptor: Int32
    do throws(SystemError) {
        descriptor = try OwnFile.descriptor(of: path, O_RDWR | O_CREAT, mode: 0o644)
    } catch { throw DownloadError(path: path, error) }
    defer { close(descriptor) }
    var hasReported = false
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
        guard errno == EWOULDBLOCK || errno == EINTR else { throw DownloadError(path: path, .last) }
        if !hasReported { waiting() }
        hasReported = true
        if isCancelled() { throw CancellationError() }
        usleep(50_000)
    }
    try body()
}
