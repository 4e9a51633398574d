// Also Embedded Swift: typed throws, no key paths, no casts.
// The bars of a track: how many beats they have, and where they begin.

import System

struct Bars {
    let beatsPerBar: Int
    /// The index of the half beat that begins the first bar; odd if the beats that were found lie
    /// between those of the bars, as where a hi-hat on the off-beat is louder than the kick.
    let first: Int
    /// How clearly bars begin there and nowhere else, 0 to 1.
    let confidence: Double

    /// Beats of a bar that are tried, and how much better than four the others must fit.
    private static let metres: [(beats: Int, handicap: Float)] = [(4, 0), (3, 0.5)]
    /// How much better a half beat between beats must fit.
    private static let offBeatHandicap: Float = 1
    /// Bars without evidence that are counted in, because few bars may agree by chance.
    private static let neutralBars: Float = 2
    /// The lead over the second best half beat that has a confidence of 63 %.
    private static let clearLead: Float = 1.5

    /// - Parameter evidence: how much each half beat looks like the first of a bar, with a mean of 0;
    ///   the beats are those with an even index.
    init(_ evidence: [Float]) {
        let fits = Bars.metres.map { metre in
            (0..<2 * metre.beats).map { first -> Float in
                let bars = stride(from: first, to: evidence.count, by: 2 * metre.beats)
                let count = Float(evidence.count) / Float(2 * metre.beats) + Bars.neutralBars
                let handicap = metre.handicap + Float(first % 2) * Bars.offBeatHandicap
                return bars.reduce(0) { $0 + evidence[$1] } / count - handicap
            }
        }
        let best = fits.indices.max { (fits[$0].max() ?? 0) < (fits[$1].max() ?? 0) } ?? 0
        let fit = fits[best]
        let first = fit.indices.max { fit[$0] < fit[$1] } ?? 0
        let second = fit.indices.map { $0 == first ? -.infinity : fit[$0] }.max() ?? 0
        let lead = fit[first] - second
        beatsPerBar = Bars.metres[best].beats
        self.first = first
        confidence = Double(((1 - expf(-lead / Bars.clearLead)) * 100).rounded()) / 100
    }
}

extension [Float] {
    /// The largest value within 40 ms of each place, of the values of frames of ``OnsetStrength``.
    func strongest(near places: [Int]) -> [Float] {
        places.map { self[Swift.max(0, $0 - 4)..<Swift.min($0 + 5, count)].max() ?? 0 }
    }

    /// The values with a mean of 0 and a standard deviation of 1; less if they hardly differ.
    var standardized: [Float] {
        let mean = reduce(0, +) / Float(Swift.max(1, count))
        let variance = reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(Swift.max(1, count))
        return map { ($0 - mean) / (variance.squareRoot() + 0.02) }
    }
}
