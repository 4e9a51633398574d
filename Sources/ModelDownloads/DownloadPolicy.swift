import ModelZoo

/// Retries and waits of a download.
public struct DownloadPolicy: Sendable, Equatable {
    /// The download fails after this many tries in a row that bring no byte.
    public var attempts: Int
    /// Wait before the second try; doubled before each further one.
    public var firstDelaySeconds: Double
    /// The longest wait between two tries. If a server asks for a longer one, the download fails.
    public var longestDelaySeconds: Double
    /// The download fails if a connection brings no bytes for this long.
    public var stallSeconds: Double

    /// The defaults suit a home line.
    public init(
        attempts: Int = 5, firstDelaySeconds: Double = 1, longestDelaySeconds: Double = 60,
        stallSeconds: Double = 30
    ) {
        self.attempts = attempts
        self.firstDelaySeconds = firstDelaySeconds
        self.longestDelaySeconds = longestDelaySeconds
        self.stallSeconds = stallSeconds
    }

    /// Wait in seconds after the given number of tries without bytes.
    func delaySeconds(afterAttempts attempts: Int) -> Double {
        var delay = firstDelaySeconds
        for _ in 1..<max(1, attempts) where delay < longestDelaySeconds { delay *= 2 }
        return min(delay, longestDelaySeconds)
    }
}

/// An event of a download.
public enum DownloadEvent: Sendable, Equatable {
    /// Waits for another process that downloads the same file.
    case waiting(file: String)
    /// The first bytes have arrived; `resumedBytes` are left from an earlier try.
    case started(url: String, file: String, resumedBytes: Int, totalBytes: Int?)
    /// So many bytes of the file have arrived, of an earlier try too.
    case progress(file: String, receivedBytes: Int, totalBytes: Int?)
    /// A try failed; the next one begins after some seconds.
    case retrying(DownloadError, seconds: Double)
    /// All bytes have arrived; their checksum is being computed.
    case verifying(file: String)
    /// The file is complete.
    case finished(file: String, countBytes: Int)

    /// The received share of the file, 0…1; `nil` for events without one.
    public var fractionCompleted: Double? {
        guard case .progress(_, let received, let total?) = self, total > 0 else { return nil }
        return Double(received) / Double(total)
    }
}
