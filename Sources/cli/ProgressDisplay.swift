// How far a track is: a bar with rate and time left on a terminal, nothing elsewhere.

import Demucs
import Foundation
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

enum ProgressBar {
    private static let longestLine = 100
    private static let shortestBar = 10

    /// ` 37 % [=====>        ] <parts>`, the bar as wide as there is room.
    ///
    /// - Parameter parts: shown with commas between them. In a narrow line the bar goes first, then
    ///   one part after the other, the last one at last.
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

/// Counts segments against a clock.
///
/// The first segment is left out: memory is mapped and weights are read in it, so it may take several
/// times as long as the others. Of the others the latest few count, so that a machine that was busy for
/// a moment, or is from now on, is not remembered or overlooked for long.
struct TimeEstimate {
    private struct Mark {
        let segments: Int
        let time: ContinuousClock.Instant
    }

    /// After a segment each, the latest last.
    private var marks: [Mark] = []

    private static let mostMarks = 9
    /// Enough that segments that end in pairs, side by side, make no difference.
    private static let fewestMarks = 3

    /// Takes note that so many segments are done.
    mutating func note(segmentsDone: Int, at time: ContinuousClock.Instant = .now) {
        guard segmentsDone > 0 else { return }
        marks.append(Mark(segments: segmentsDone, time: time))
        if marks.count > TimeEstimate.mostMarks { marks.removeFirst() }
    }

    /// Seconds for a number of segments; nil from too few of them.
    func seconds(forSegments count: Int) -> Double? {
        guard marks.count >= TimeEstimate.fewestMarks, let first = marks.first,
            let last = marks.last
        else { return nil }
        return (last.time - first.time).seconds / Double(last.segments - first.segments)
            * Double(count)
    }
}

extension Duration {
    var seconds: Double { self / .seconds(1) }
}

enum ProcessAge {
    /// Seconds since the process was started, to a hundredth; nil where /proc does not tell.
    static var seconds: Double? {
        #if os(Linux)
            return linuxSeconds
        #else
            return nil
        #endif
    }

    #if os(Linux)
        private static var linuxSeconds: Double? {
            // Field 22 of proc_pid_stat(5), in ticks since the system started. The second field, the
            // program's name in parentheses, may hold blanks.
            guard let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
                let end = stat.lastIndex(of: ")")
            else { return nil }
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            guard fields.count > 19, let ticks = Double(fields[19]) else { return nil }
            var now = timespec()
            guard clock_gettime(CLOCK_BOOTTIME, &now) == 0 else { return nil }
            let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
            return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9 - ticks / ticksPerSecond
        }
    #endif
}
