// The progress of a track: a bar with speed and time left on a terminal, no output elsewhere.

import Demucs
import Synchronization
import System

/// Redraws one line, on the thread that separates and on the one that handles resized terminals.
final class ProgressDisplay: Sendable {
    private struct Track {
        /// Position of the track, `3/12`; empty for a single track.
        let label: String
        var progress: SeparationProgress?
        var estimate = TimeEstimate()
        var lastDrawn: ContinuousClock.Instant?
    }

    private let console: Console
    private let isShown: Bool
    /// The present track; nil between tracks.
    private let track = Mutex<Track?>(nil)

    /// The shortest time between two updates.
    private static let interval = Duration.milliseconds(50)

    init(console: Console) {
        self.console = console
        isShown = console.isTerminal && !console.isQuiet
    }

    func begin(label: String) {
        track.withLock { $0 = Track(label: label.withoutHiddenCharacters) }
    }

    /// - Returns: the seconds left; nil until there is an estimate.
    @discardableResult
    func update(_ progress: SeparationProgress) -> Double? {
        if progress.isBegin { return nil }
        return track.withLock { track in
            track?.progress = progress
            track?.estimate.add(segmentsDone: progress.segmentsDone)
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

    /// Draws the bar again, after the terminal was resized.
    func redraw() {
        track.withLock { draw($0) }
    }

    /// Clears the bar.
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

    /// The line of the bar: ` 37 % [=====>        ] 3/12, 1:29 of 4:00, 5.2×, 0:29 left`.
    private static func line(
        _ progress: SeparationProgress, _ track: Track, columns: Int
    ) -> String {
        var parts = [String]()
        if !track.label.isEmpty { parts.append(track.label) }
        parts.append(
            "\(progress.audioSecondsDone.clockText) of \(progress.audioSecondsTotal.clockText)")
        let secondsAll = track.estimate.seconds(forSegments: progress.segmentsTotal)
        if let secondsAll, secondsAll > 0 {
            let rate = progress.audioSecondsTotal / secondsAll
            parts.append("\(rate.fixed(rate < 10 ? 1 : 0))×")
            let left = progress.segmentsTotal - progress.segmentsDone
            parts.append(
                "\((secondsAll / Double(progress.segmentsTotal) * Double(left)).clockText) left")
        }
        return ProgressBar.line(
            share: Double(progress.segmentsDone) / Double(progress.segmentsTotal), parts,
            columns: columns)
    }
}

enum ProgressBar {
    private static let longestLine = 100
    private static let shortestBar = 10

    /// ` 37 % [=====>        ] <parts>`, with the bar filling the line.
    ///
    /// - Parameter parts: texts, joined by commas. A narrow line drops the bar, then parts from the
    ///   first on.
    static func line(share: Double, _ parts: [String], columns: Int) -> String {
        let share = min(max(share, 0), 1)
        let percent = "\(Int(share * 100)) %"
        let start = String(repeating: " ", count: max(0, 5 - percent.count)) + percent
        let text = parts.joined(separator: ", ")
        let room = min(columns, longestLine) - start.count - text.count - 4
        guard room >= shortestBar else {
            for first in parts.indices {
                let line = "\(start) \(parts[first...].joined(separator: ", "))"
                if line.count <= columns { return line }
            }
            return String(start.prefix(max(0, columns)))
        }
        let filled = Int(share * Double(room))
        let bar =
            String(repeating: "=", count: filled)
            + (filled < room ? ">" + String(repeating: " ", count: room - filled - 1) : "")
        return "\(start) [\(bar)] \(text)"
    }
}

/// Estimates the time of segments from the latest ones.
///
/// The first segment doesn't count: it also maps memory and reads weights, and may take several times as
/// long as the others. Only the latest few count, so that the estimate follows the load of the machine.
struct TimeEstimate {
    /// Number of finished segments and time, one after each segment, the latest last.
    private var marks: [(segments: Int, time: ContinuousClock.Instant)] = []

    private static let mostMarks = 9
    /// Enough for `--jobs`, where segments end in pairs.
    private static let fewestMarks = 3

    /// Records the number of finished segments.
    mutating func add(segmentsDone: Int) {
        guard segmentsDone > 0 else { return }
        marks.append((segmentsDone, .now))
        if marks.count > TimeEstimate.mostMarks { marks.removeFirst() }
    }

    /// Seconds for a number of segments; nil if too few are done.
    func seconds(forSegments count: Int) -> Double? {
        guard marks.count >= TimeEstimate.fewestMarks, let first = marks.first,
            let last = marks.last
        else { return nil }
        return (last.time - first.time).seconds / Double(last.segments - first.segments)
            * Double(count)
    }
}
