// How long the rest of a track will take, from how fast its segments went by.

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
