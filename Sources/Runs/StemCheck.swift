// Whether the stems of a track are there, where no record tells it.

import Audio
import Demucs
import System

extension PlannedTrack {
    /// MP3 files have up to two frames more than their sound, and coders differ by their delay.
    private static let toleranceSeconds = 0.2

    /// Whether all files are there, whole, and as long as the track or its excerpt. The lengths are
    /// those of headers and frames.
    func hasWholeStems(_ request: SeparationRequest, _ settings: RunSettings) -> Bool {
        func length(_ path: String) -> (seconds: Double, isWhole: Bool)? {
            let spool = Spool(
                folder: settings.output.spoolFolder, allFormats: settings.takesAllFormats)
            return try? AudioInput(path: path, spool: spool).statedLength()
        }
        guard (paths + [input.path]).allSatisfy(FilePath.isRegularFile),
            let track = length(input.path)
        else { return false }
        let rest = track.seconds - (request.start ?? 0)
        let seconds = min(rest, request.duration ?? rest)
        return paths.allSatisfy { path in
            guard let stem = length(path) else { return false }
            return stem.isWhole && abs(stem.seconds - seconds) <= Self.toleranceSeconds
        }
    }
}
