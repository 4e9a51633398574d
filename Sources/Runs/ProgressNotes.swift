// What long runs say about their progress.

import System

/// The time of day.
enum RunClock {
    /// The local time of day, `14:32`.
    static func timeOfDay() -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        func digits(_ number: Int32) -> String { (number < 10 ? "0" : "") + "\(number)" }
        return "\(digits(parts.tm_hour)):\(digits(parts.tm_min))"
    }
}

/// Lines about the progress of a long run.
package struct ProgressNotes {
    private var lastSeconds = 0.0

    package init() {}

    /// Time between two lines.
    private static let interval = 600.0

    /// A line, if the last one was ten minutes ago: `14:32: 30 of 2,000, about 5 h left`.
    ///
    /// - Parameters:
    ///   - done: tracks that have been passed; `count` is nil for a manifest that is followed.
    ///   - separated: tracks of these that took time.
    ///   - seconds: time since the run began.
    package mutating func next(
        done: Int, of count: Int?, separated: Int, seconds: Double,
        timeOfDay: String = RunClock.timeOfDay()
    ) -> String? {
        guard seconds - lastSeconds >= Self.interval, separated > 0 else { return nil }
        lastSeconds = seconds
        guard let count else { return "\(timeOfDay): \(done) tracks" }
        let left = seconds / Double(separated) * Double(count - done)
        let time = left < 5_400 ? "\(Int(left / 60) + 1) min" : "\(Int((left / 3_600).rounded())) h"
        return "\(timeOfDay): \(Self.grouped(done)) of \(Self.grouped(count)), about \(time) left"
    }

    private static func grouped(_ number: Int) -> String {
        number < 1_000
            ? "\(number)" : grouped(number / 1_000) + "," + "\(number % 1_000 + 1_000)".dropFirst()
    }
}
