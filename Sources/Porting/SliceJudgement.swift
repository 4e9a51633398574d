// A value judged slice by slice, where rounding errors reach its slices unequally.

import Signal
import System

/// A value's slices along its axes, each against what rounding errors may change in it.
///
/// A norm that keeps an axis apart (bands, rows) raises the rounding errors of a quiet slice to the
/// level of a loud one. One bound for the whole value would hide a mistake in all others.
package struct SliceJudgement {
    /// A wrong slice, such as "in slice 10 along axis 1 2.1 dB, expected 83 dB".
    package private(set) var wrong: String?
    /// How many slices along which axis rounding errors leave below ``least``, such as
    /// ", 57 of 62 slices along axis 1"; empty for all of the value, nil if the others have nearly all
    /// of the energy.
    package private(set) var unjudged: String?

    /// A lower bound is none, in dB.
    static let least = 40.0
    /// Slices vary more than whole values.
    private static let marginDecibels = 20.0
    /// With fewer elements single rounding errors decide.
    private static let leastElements = 1_024
    private static let leastSamples = 32
    /// The part of the energy that slices without a bound may have.
    private static let silent = 0.01

    /// - Parameters:
    ///   - value: the port's value, and the engine's from the port's own inputs.
    ///   - noisy: the engine's value with rounding errors in its inputs, sampled as that in `value`.
    ///   - bound: the SNR in dB of a right slice without them.
    package init(_ value: ForcedValue, noisy: [Float], bound: Double) {
        var best = Double.infinity
        var worst = 1.0
        for (axis, count) in value.shape.enumerated()
        where count > 1 && count * Self.leastElements <= value.count
            && count * Self.leastSamples <= value.sample.count
        {
            let inner = value.shape[(axis + 1)...].reduce(1, *)
            var errors = [SignalToNoise](repeating: .init(), count: count)
            var rounding = errors
            for (index, own) in value.sample.enumerated() where own.isFinite {
                let slice = index * value.step / inner % count
                errors[slice].add(value.foundSample[index], reference: own)
                rounding[slice].add(noisy[index], reference: own)
            }
            let energy = errors.reduce(0) { $0 + $1.signal }
            let mean = energy / Double(count)
            var (judged, unjudged) = (0.0, 0)
            for slice in errors.indices {
                let signal = errors[slice].signal
                let allowed =
                    rounding[slice].noise * pow(10, Self.marginDecibels / 10)
                    + max(signal, mean) * pow(10, -bound / 10)
                guard signal >= allowed * pow(10, Self.least / 10) else {
                    unjudged += 1
                    continue
                }
                judged += signal
                if errors[slice].noise > worst * allowed {
                    worst = errors[slice].noise / allowed
                    let expected = SignalToNoise(signal: signal, noise: allowed).decibels
                    wrong =
                        "in slice \(slice) along axis \(axis) "
                        + "\(errors[slice].decibels.fixed(1)) dB, expected \(expected.fixed(0)) dB"
                }
            }
            let rest = energy > 0 ? 1 - judged / energy : 0
            if rest < best {
                best = rest
                self.unjudged =
                    rest > Self.silent ? ", \(unjudged) of \(count) slices along axis \(axis)" : nil
            }
        }
        if best == .infinity { unjudged = "" }
    }
}
