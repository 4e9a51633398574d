// How far a track is: a bar with the time left on a terminal, nothing elsewhere.

import Foundation
import Separation

struct ProgressDisplay {
    private let console: Console
    private let start = ContinuousClock.now
    private let isShown: Bool

    init(console: Console) {
        self.console = console
        isShown = console.isTerminal && !console.isQuiet
    }

    func update(_ progress: SeparationProgress) {
        guard isShown else { return }
        let elapsed = ContinuousClock.now - start
        let remaining = progress.segmentsTotal - progress.segmentsDone
        // The first segment is slower than the others, but all that is known after it.
        let left =
            progress.segmentsDone > 0
            ? elapsed.seconds * Double(remaining) / Double(progress.segmentsDone) : nil
        console.redraw(
            ProgressDisplay.line(progress, secondsLeft: left, columns: console.columns - 1))
    }

    /// Takes the bar away.
    func end() {
        if isShown { console.redraw("") }
    }

    /// ` 37 % [=====>        ] 1:29 of 4:00, 2:10 left`
    private static func line(
        _ progress: SeparationProgress, secondsLeft: Double?, columns: Int
    ) -> String {
        ProgressBar.line(
            share: Double(progress.segmentsDone) / Double(progress.segmentsTotal),
            "\(clock(progress.audioSecondsDone)) of \(clock(progress.audioSecondsTotal))"
                + (secondsLeft.map { ", \(clock($0)) left" } ?? ""),
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

extension Duration {
    var seconds: Double { self / .seconds(1) }
}
