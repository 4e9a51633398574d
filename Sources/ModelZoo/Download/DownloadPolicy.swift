/// How patient a download is.
public struct DownloadPolicy: Sendable, Equatable {
    /// Tries in a row that bring no byte, before it is given up.
    public var attempts: Int
    /// Wait before the second try; each further one doubles it.
    public var firstDelaySeconds: Double
    /// The longest wait between two tries. A server that asks for more is not waited for.
    public var longestDelaySeconds: Double
    /// How long a connection may bring nothing.
    public var stallSeconds: Double

    public init(
        attempts: Int = 5, firstDelaySeconds: Double = 1, longestDelaySeconds: Double = 60,
        stallSeconds: Double = 30
    ) {
        self.attempts = attempts
        self.firstDelaySeconds = firstDelaySeconds
        self.longestDelaySeconds = longestDelaySeconds
        self.stallSeconds = stallSeconds
    }

    /// Wait after the given number of fruitless tries.
    func delaySeconds(afterAttempts attempts: Int) -> Double {
        var delay = firstDelaySeconds
        for _ in 1..<max(1, attempts) where delay < longestDelaySeconds { delay *= 2 }
        return min(delay, longestDelaySeconds)
    }
}

/// What happens during a download.
public enum DownloadEvent: Sendable, Equatable {
    /// Another process is at the same file; it is waited for.
    case waiting(file: String)
    /// The first bytes come; `resumedBytes` were there from an earlier try.
    case started(url: String, file: String, resumedBytes: Int, totalBytes: Int?)
    case progress(file: String, receivedBytes: Int, totalBytes: Int?)
    case retrying(DownloadError, seconds: Double)
    /// All bytes are there and their checksum is being computed.
    case verifying(file: String)
    case finished(file: String, countBytes: Int)
}
