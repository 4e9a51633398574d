// How far a track is: a bar with rate and time left on a terminal, nothing elsewhere.

import Foundation
import Separation
import Synchronization

/// Draws one line over and over. Told by the thread that separates, and by the one that hears of a
/// terminal's new size.
final class ProgressDisplay: Sendable {
    private struct Track {
        /// `3/12`, empty for a single track.
        let label: String
        var progress: SeparationProgress?
        var estimate = TimeEstimate()
        var lastDrawn: ContinuousClock.Instant?
    }

    private let console: Console
    private let isShown: Bool
    /// nil between two tracks.
    private let track = Mutex<Track?>(nil)

    /// Between two drawings: fast enough for the eye.
    private static let interval = Duration.milliseconds(50)

    init(console: Console) {
        self.console = console
        isShown = console.isTerminal && !console.isQuiet
    }

    func begin(label: String) {
        track.withLock { $0 = Track(label: label) }
    }

    /// - Returns: seconds left, once that can be told.
    @discardableResult
    func update(_ progress: SeparationProgress) -> Double? {
        track.withLock { track in
            track?.progress = progress
            track?.estimate.note(segmentsDone: progress.segmentsDone)
            let now = ContinuousClock.now
            let isDue = track?.lastDrawn.map { now - $0 >= ProgressDisplay.interval } ?? true
            if isDue || progress.segmentsDone == progress.segmentsTotal {
                track?.lastDrawn = now
                draw(track)
            }
            return track?.estimate.seconds(
                forSegments: progress.segmentsTotal - progress.segmentsDone)
        }
    }

    /// Draws once more, for another width.
    func redraw() {
        track.withLock { draw($0) }
    }

    /// Takes the bar away.
    func end() {
        track.withLock { track in
            if isShown, track?.lastDrawn != nil { console.redraw("") }
            track = nil
        }
    }

    private func draw(_ track: Track?) {
        guard isShown, let track, let progress = track.progress else { return }
        console.redraw(ProgressDisplay.line(progress, track, columns: console.columns - 1))
    }

    /// ` 37 % [=====>        ] 3/12, 1:29 of 4:00, 5.2×, 0:29 left`; what there is no room for goes
    /// from the left.
    private static func line(
        _ progress: SeparationProgress, _ track: Track, columns: Int
    ) -> String {
        var parts = [String]()
        if !track.label.isEmpty { parts.append(track.label) }
        parts.append("\(clock(progress.audioSecondsDone)) of \(clock(progress.audioSecondsTotal))")
        let secondsAll = track.estimate.seconds(forSegments: progress.segmentsTotal)
        if let secondsAll, secondsAll > 0 {
            let rate = progress.audioSecondsTotal / secondsAll
            parts.append(String(format: rate < 10 ? "%.1f×" : "%.0f×", rate))
            let left = progress.segmentsTotal - progress.segmentsDone
            parts.append(
                "\(clock(secondsAll / Double(progress.segmentsTotal) * Double(left))) left")
        }
        return ProgressBar.line(
            share: Double(progress.segmentsDone) / Double(progress.segmentsTotal), parts,
            columns: columns)
    }

    /// `4:05`, `1:04:05`.
    static func clock(_ seconds: Double) -> String {
        let total = Int(min(seconds.rounded(), 1e9))
        let (hours, minutes) = (total / 3600, total / 60 % 60)
        return hours > 0
            ? String(format: "%d:%02d:%02d", hours, minutes, total % 60)
            : String(format: "%d:%02d", minutes, total % 60)
    }
}
