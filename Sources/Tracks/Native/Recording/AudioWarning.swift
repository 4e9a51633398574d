import System

/// A problem of a track that could still be separated.
public enum AudioWarning: Equatable, Sendable, Codable, CustomStringConvertible {
    /// The file ends, or can't be decoded further, before its announced length.
    ///
    /// `announcedSeconds` is nil if the container doesn't announce a length but marks its end, and
    /// that mark is missing; `reason` is the decoder's own text, if there is one.
    case truncated(path: String, decodedSeconds: Double, announcedSeconds: Double?, reason: String?)
    /// The file has more sound than its header announces; all of it is used.
    case longer(path: String, decodedSeconds: Double, announcedSeconds: Double)
    /// Bytes at the end of the file that don't belong to the sound that was read.
    case unread(path: String, bytes: Int, afterSeconds: Double)
    /// The file is damaged and could still be decoded, with silence of `filledSeconds` in the place of
    /// what is lost. `atSeconds` is nil where the place is unknown.
    case damaged(path: String, reason: String, atSeconds: Double?, filledSeconds: Double)
    /// The model takes fewer channels than the recording has.
    case channelsLeftOut(path: String, channelCount: Int, used: Int)
    /// The cover is no JPEG or PNG, or too large, and the stems are without it.
    case coverLeftOut(path: String, reason: String)
    /// Samples of an output, counted in all channels, were beyond ±1, and the clip mode is `none`.
    case limited(output: String, samples: Int)

    /// One line.
    public var description: String {
        switch self {
        case .damaged(let path, let reason, let place, let filled):
            let at = place.map { " at \(Self.time($0))" } ?? ""
            return "\(path): is damaged\(at) (\(reason)). "
                + (filled > 0
                    ? "Silence replaces the \(Self.time(filled)) that could not be decoded."
                    : "Using what could be decoded.")
        case .longer(let path, let decoded, let announced):
            return
                "\(path): announces \(Self.time(announced)), but has \(Self.time(decoded)) of sound. "
                + "Using all of it."
        case .unread(let path, let bytes, let seconds):
            return
                "\(path): \(bytes) bytes after the sound, which ends at \(Self.time(seconds)), are not "
                + "read. The file may consist of several."
        case .channelsLeftOut(let path, let count, let used):
            return
                "\(path): has \(count) channels; the first \(used) are used. "
                + "'layout' for 'downmix' mixes all of them."
        case .coverLeftOut(let path, let reason):
            return
                "\(path): its cover (\(reason)) is left out: stems hold JPEG and PNG of up to 16 MB."
        case .limited(let output, let samples):
            return
                "\(output): \(samples) samples beyond ±1 were limited. "
                + "'off' for 'clip-mode', with 'float32', keeps them."
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
