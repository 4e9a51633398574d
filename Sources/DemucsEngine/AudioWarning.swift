import System

/// A problem of a file that could still be read.
public enum AudioWarning: Equatable, Sendable, CustomStringConvertible {
    /// The file ends, or can't be decoded further, before its announced length.
    ///
    /// `announcedSeconds` is nil if the container doesn't announce a length but marks its end, and
    /// that mark is missing; `reason` is the decoder's own text, if there is one.
    case truncated(path: String, decodedSeconds: Double, announcedSeconds: Double?, reason: String?)
    /// ffmpeg reported an error and still decoded the file.
    case damaged(path: String, reason: String)

    /// One line.
    public var description: String {
        switch self {
        case .damaged(let path, let reason):
            return "\(path): is damaged (ffmpeg: \(reason)). Using what could be decoded."
        case .truncated(let path, let decoded, let announced, let reason):
            let detail = reason.map { " (\($0))" } ?? ""
            guard let announced else {
                return
                    "\(path): is cut short: its end is missing\(detail). "
                    + "Using the decoded \(Self.time(decoded))."
            }
            return
                "\(path): is cut short: \(Self.time(decoded)) of the announced "
                + "\(Self.time(announced)) could be decoded\(detail). Using the decoded part."
        }
    }

    private static func time(_ seconds: Double) -> String { "\(seconds.fixed(3)) s" }
}
