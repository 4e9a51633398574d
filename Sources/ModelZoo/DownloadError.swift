import System

/// A file could not be downloaded.
public enum DownloadError: Error, Equatable, Sendable {
    // The connection to the server
    /// libcurl, which all downloads use, is not installed or can't be used.
    case libraryUnusable(reason: String)
    /// No connection to the server.
    case unreachable(url: String, reason: String)
    /// In every try, fewer bytes arrived than announced, or the connection broke.
    case interrupted(url: String, receivedBytes: Int, expectedBytes: Int?, reason: String)
    /// No byte arrived for so long.
    case stalled(url: String, seconds: Double, receivedBytes: Int)
    /// The server sends a byte now and then, which is too slow for a model.
    case tooSlow(url: String, seconds: Double, receivedBytes: Int)
    /// The address is neither HTTPS nor of this machine.
    case insecureAddress(url: String)
    /// The server redirects to such an address.
    case insecureRedirect(url: String, target: String)

    // The server's answer
    /// The server replied with any status but 200, 206 and 429.
    case refused(url: String, status: Int)
    /// Status 429; the server may say when to try again.
    case tooManyRequests(url: String, retryAfterSeconds: Double?)

    // The received bytes
    /// More or fewer bytes arrived than announced.
    case wrongSize(url: String, foundBytes: Int, expectedBytes: Int)
    /// The server announces more bytes than any model has.
    case tooLarge(url: String, foundBytes: Int, limitBytes: Int)
    /// The SHA-256 is not the known one.
    case wrongChecksum(url: String, found: String, expected: String)
    /// The bytes are not a file of the expected kind.
    case wrongContent(url: String, problem: String)

    // The written file
    /// The disk has no room for the file.
    case diskFull(path: String, neededBytes: Int?)
    /// The file can't be written.
    case unwritable(path: String, reason: String)
}

extension DownloadError: DescribedError {
    public var description: String {
        switch self {
        case .libraryUnusable(let reason):
            "libcurl can't be used: \(reason); install it (Debian package libcurl4), or copy the "
                + "model's files to this machine and give their path"
        case .unreachable(let url, let reason):
            "\(url) can't be reached: \(reason); check the network, or use a model file"
        case .interrupted(let url, let received, let expected, let reason):
            "the download of \(url) broke off after \(received)"
                + (expected.map { " of \($0)" } ?? "")
                + " bytes (\(reason)); run it again to go on from there"
        case .stalled(let url, let seconds, let received):
            "\(url) sent nothing for \(Self.text(seconds)) s, after \(received) bytes; run it "
                + "again to go on from there"
        case .tooSlow(let url, let seconds, let received):
            "\(url) sent almost nothing for \(Self.text(seconds)) s, after \(received) bytes; run it "
                + "again to go on from there"
        case .insecureAddress(let url):
            "\(url) is not fetched: expected https://, or http:// of this machine alone"
        case .insecureRedirect(let url, let target):
            "\(url) redirects to \(target), which is not fetched: expected an https:// address"
        case .refused(let url, let status):
            switch status {
            case 404, 410:
                "\(url) is not there (\(status)); check the name of the model"
            case 401, 403:
                "\(url) is refused (\(status)): the model is private, or no model has that name"
            case 500...599:
                "the server of \(url) failed (\(status)); try again later"
            default:
                "\(url) was answered with status \(status); expected 200 or 206"
            }
        case .tooManyRequests(let url, let seconds):
            "\(url) is refused for now: too many requests (429); try again "
                + (seconds.map {
                    $0 <= 86_400 ? "in \(Self.text($0)) s" : "later than in a day"
                } ?? "later")
        case .wrongSize(let url, let found, let expected):
            "\(url) has \(found) bytes where \(expected) were expected; try again later"
        case .tooLarge(let url, let found, let limit):
            "\(url) has \(found) bytes or more; expected at most \(limit)"
        case .wrongChecksum(let url, let found, let expected):
            "\(url) arrived with the SHA-256 \(found) where \(expected) was expected; it was "
                + "discarded, try again later"
        case .wrongContent(let url, let problem):
            "\(url) did not send the file that was expected: \(problem); check what the network or "
                + "a proxy puts in its place"
        case .diskFull(let path, let needed):
            "\(path) can't be written: the disk is full"
                + (needed.map { ", \($0) more bytes are needed" } ?? "")
                + "; make room, or set XDG_CACHE_HOME to a folder on another disk"
        case .unwritable(let path, let reason):
            "\(path) can't be written: \(reason)"
        }
    }

    private static func text(_ seconds: Double) -> String {
        seconds == seconds.rounded() && seconds < 1e9
            ? "\(Int(seconds))" : seconds.fixed(1)
    }
}

extension DownloadError: CausedError {
    public var cause: ErrorCause {
        switch self {
        case .libraryUnusable: .engine
        case .unreachable, .interrupted, .stalled, .tooSlow, .insecureAddress, .insecureRedirect,
            .refused,
            .tooManyRequests, .wrongSize, .tooLarge, .wrongChecksum, .wrongContent:
            .modelMissing
        case .diskFull, .unwritable: .output
        }
    }
}
