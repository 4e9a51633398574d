// How long the rest of a track will take, from how fast its segments went by.

/// Counts segments against a clock.
///
/// The first segment is left out: memory is mapped and weights are read in it, so it may take several
/// times as long as the others.
struct TimeEstimate {
    private struct Mark {
        let segments: Int
        let time: ContinuousClock.Instant
    }

    private var first: Mark?
    private var latest: Mark?

    /// Segments after the first that are needed before anything is said.
    private static let segmentsNeeded = 2

    /// Takes note that so many segments are done.
    mutating func note(segmentsDone: Int, at time: ContinuousClock.Instant = .now) {
        guard segmentsDone > 0 else { return }
        let mark = Mark(segments: segmentsDone, time: time)
        if first == nil { first = mark }
        latest = mark
    }

    /// Seconds for a number of segments; nil from too few of them.
    func seconds(forSegments count: Int) -> Double? {
        guard let first, let latest, latest.segments - first.segments >= Self.segmentsNeeded else {
            return nil
        }
        let seconds = (latest.time - first.time).seconds
        return seconds / Double(latest.segments - first.segments) * Double(count)
    }
}

extension Duration {
    var seconds: Double { self / .seconds(1) }
}
