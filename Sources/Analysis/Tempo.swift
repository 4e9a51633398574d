// Also Embedded Swift: typed throws, no key paths, no casts.
import System

/// The autocorrelation of an onset envelope, and the tempo that it shows.
struct Tempogram {
    /// Allowed tempi, in beats per minute.
    private static let range = 40.0...240.0
    /// The tempo at which people tap most readily, half a second a beat, and how much an octave away
    /// from it must be stronger. (Ellis 2007, section 3, has the same centre.)
    private static let preferredBPM = 120.0
    private static let preference = 0.4
    /// Periods of up to four beats of 40 a minute, and of the refinement.
    private static let longestLag = 16 * OnsetStrength.framesPerSecond

    /// Correlation at each lag in frames, 1 at lag 0.
    private let correlation: [Double]

    /// - Returns: nil for a track that is too short to have a tempo.
    init?(_ envelope: OnsetEnvelope) {
        let values = envelope.values
        guard values.count >= 4 * OnsetStrength.framesPerSecond else { return nil }
        let mean = values.reduce(0, +) / Float(values.count)
        let centred = values.map { $0 - mean }
        let lags = min(Tempogram.longestLag, centred.count / 2)
        let sums = centred.withUnsafeBufferPointer { centred in
            (0...lags).map { lag -> Double in
                var sum: Float = 0
                for index in 0..<centred.count - lag {
                    sum += centred[index] * centred[index + lag]
                }
                return Double(sum) / Double(centred.count - lag)
            }
        }
        guard sums[0] > 0 else { return nil }
        correlation = sums.map { $0 / sums[0] }
    }

    /// The tempo in beats per minute: the one whose first four periods agree best, near 120; then its
    /// exact value from as many periods as fit.
    var beatsPerMinute: Double {
        let coarse = Tempogram.tempi(Tempogram.range, step: 0.002).max {
            score($0, periods: 4) < score($1, periods: 4)
        }!
        let fine = Tempogram.tempi(coarse * 0.96...coarse * 1.04, step: 0.0002).max {
            strength($0, periods: .max) < strength($1, periods: .max)
        }!
        return fine
    }

    private func score(_ tempo: Double, periods: Int) -> Double {
        let octaves = log2(tempo / Tempogram.preferredBPM)
        return strength(tempo, periods: periods)
            - Tempogram.preference * octaves * octaves
    }

    /// The mean correlation at the multiples of a beat.
    private func strength(_ tempo: Double, periods: Int) -> Double {
        let period = Double(60 * OnsetStrength.framesPerSecond) / tempo
        let count = max(1, min(periods, Int(Double(correlation.count - 2) / period)))
        return (1...count).reduce(0) { $0 + correlation(at: Double($1) * period) } / Double(count)
    }

    /// The correlation at a lag between frames.
    private func correlation(at lag: Double) -> Double {
        let below = min(Int(lag), correlation.count - 2)
        let part = lag - Double(below)
        return correlation[below] * (1 - part) + correlation[below + 1] * part
    }

    /// Tempi in equal ratios.
    private static func tempi(_ range: ClosedRange<Double>, step: Double) -> [Double] {
        stride(from: log(range.lowerBound), through: log(range.upperBound), by: step).map {
            exp($0)
        }
    }
}
