// The progress of a track: a bar with speed and time left on a terminal, lines of percent elsewhere,
// or demucs' bars for programs that read them.

import Demucs
import Synchronization
import System

/// Redraws one line, on the thread that separates and on the one that handles resized terminals.
final class ProgressDisplay: Sendable {
    enum Style: String {
        /// A bar on a terminal; elsewhere a line for each tenth of a track.
        case bar
        /// A bar for each model, as demucs draws it on a terminal or not.
        case tqdm
    }

    private struct Track {
        /// Position of the track, `3/12`; empty for a single track.
        let label: String
        var progress: SeparationProgress?
        var estimate = TimeEstimate()
        var lastDrawn: ContinuousClock.Instant?
        /// The tenths of which there are lines, or the models whose bars are full.
        var finished = 0
        let begin = ContinuousClock.now
    }

    private let console: Console
    private let style: Style
    /// The bars of a track in demucs' form.
    let modelCount = Mutex(1)
    /// The present track; nil between tracks.
    private let track = Mutex<Track?>(nil)

    /// The shortest time between two updates.
    private static let interval = Duration.milliseconds(50)

    init(console: Console, style: Style) {
        self.console = console
        self.style = style
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
                draw(&track)
            }
            return track?.estimate.seconds(
                forSegments: progress.segmentsTotal - progress.segmentsDone)
        }
    }

    /// Draws the bar again, after the terminal was resized.
    func redraw() {
        track.withLock { draw(&$0) }
    }

    /// Clears the bar.
    func end() {
        track.withLock { track in
            if isBar, track?.lastDrawn != nil { console.redraw("") }
            track = nil
        }
    }

    private var isBar: Bool { style == .bar && console.isTerminal && !console.isQuiet }

    private func draw(_ shown: inout Track?) {
        guard let track = shown, let progress = track.progress, !console.isQuiet else { return }
        let (done, total) = (progress.segmentsDone, max(1, progress.segmentsTotal))
        let parts = Self.parts(progress, track)
        if style == .tqdm {
            shown?.finished = drawMeters(progress, track)
        } else if isBar {
            let share = Double(done) / Double(total)
            console.redraw(ProgressBar.line(share: share, parts, columns: console.columns - 1))
        } else if done * 10 / total > track.finished {
            shown?.finished = done * 10 / total
            console.status("\(done * 100 / total) %, \(parts.joined(separator: ", "))")
        }
    }

    /// The bar of the present model, as if one came after the other; a full bar keeps its line.
    ///
    /// - Returns: how many are full.
    private func drawMeters(_ progress: SeparationProgress, _ track: Track) -> Int {
        let (full, part) = (progress.segmentsDone * modelCount.withLock { $0 })
            .quotientAndRemainder(dividingBy: max(1, progress.segmentsTotal))
        let elapsed = (ContinuousClock.now - track.begin).seconds
        func line(_ share: Double) -> String {
            TqdmMeter.line(share: share, of: progress.audioSecondsTotal, elapsed: elapsed)
        }
        for _ in track.finished..<max(track.finished, full) { console.overwrite(line(1) + "\n") }
        if part > 0 || progress.segmentsDone == 0 {
            console.overwrite(line(Double(part) / Double(max(1, progress.segmentsTotal))))
        }
        return full
    }

    /// The track, its time and the time left: `3/12`, `1:29 of 4:00`, `5.2×`, `0:29 left`.
    private static func parts(_ progress: SeparationProgress, _ track: Track) -> [String] {
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
        return parts
    }
}

/// A line of tqdm, the bar of demucs: ` 33%|███      | 3.00/9.00 [00:12<00:25,  4.17s/seconds]`, of 120
/// columns (`tqdm.format_meter` with `unit_scale` and the unit `seconds`).
enum TqdmMeter {
    private static let columns = 120

    /// - Parameter total: seconds of the track.
    static func line(share: Double, of total: Double, elapsed: Double) -> String {
        let done = share * total
        let left = share > 0 ? clock(elapsed / share - elapsed) : "?"
        let rate =
            done > 0 && elapsed > 0
            ? done > elapsed
                ? padded((done / elapsed).fixed(2), to: 5) + "seconds/s"
                : padded((elapsed / done).fixed(2), to: 5) + "s/seconds"
            : "?seconds/s"
        let start = padded("\(Int(share * 100))", to: 3) + "%|"
        let end = "| \(done.fixed(2))/\(total.fixed(2)) [\(clock(elapsed))<\(left), \(rate)]"
        let room = max(1, columns - start.count - end.count)
        let filled = Int(share * Double(room))
        let bar =
            String(repeating: "█", count: filled) + String(repeating: " ", count: room - filled)
        return start + bar + end
    }

    private static func padded(_ text: String, to count: Int) -> String {
        String(repeating: " ", count: max(0, count - text.count)) + text
    }

    /// `01:05`, and `1:01:05` from an hour on.
    private static func clock(_ seconds: Double) -> String {
        let whole = Int(seconds)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let minutes = "\(two(whole / 60 % 60)):\(two(whole % 60))"
        return whole < 3_600 ? minutes : "\(whole / 3_600):\(minutes)"
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
