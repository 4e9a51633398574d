// Scores that compare whole signals sample by sample, all sums in double precision.

import Audio
import Foundation

/// A ratio of energies in decibels, 10·log10(signal / noise).
///
/// +∞ without noise, −∞ without signal.   museval: `metrics._safe_db`.
func decibels(_ signal: Double, over noise: Double) -> Double {
    noise == 0 ? .infinity : 10 * log10(signal / noise)
}

/// Scores of an estimate over all its channels and samples.
package enum EnergyRatios {
    /// The signal-to-distortion ratio of the MDX challenges, in dB:
    /// 10·log10((Σs² + 1e-7) / (Σ(s − ŝ)² + 1e-7)), one ratio for the whole track.
    ///
    /// Defined for silence too: a silent estimate of a silent stem has 0 dB.
    ///
    /// Mitsufuji et al. 2022, "Music Demixing Challenge 2021", arXiv:2108.13559. Demucs:
    /// `demucs.evaluate.new_sdr`.
    ///
    /// - Parameters: as long as each other, with as many channels.
    package static func sdr(reference: PlanarAudio, estimate: PlanarAudio) -> Double {
        let sums = Sums(reference, estimate)
        let delta = 1e-7
        return decibels(sums.reference + delta, over: sums.difference + delta)
    }

    /// The scale-invariant signal-to-distortion ratio in dB: 10·log10(‖αs‖² / ‖αs − ŝ‖²) with
    /// α = ⟨ŝ, s⟩ / ‖s‖², the scale that fits the reference to the estimate best.
    ///
    /// One scale for all channels, means not removed. NaN where the reference or the estimate is
    /// silent: there is nothing to fit.
    ///
    /// Le Roux et al. 2019, "SDR – half-baked or well done?", arXiv:1811.02508.
    package static func scaleInvariantSDR(reference: PlanarAudio, estimate: PlanarAudio) -> Double {
        let sums = Sums(reference, estimate)
        guard sums.reference > 0, sums.estimate > 0 else { return .nan }
        let scale = sums.product / sums.reference
        // ‖αs − ŝ‖² summed as such: the closed form cancels where the estimate is good.
        var residual = 0.0
        for (s, e) in Sums.pairs(reference, estimate) {
            for index in s.indices {
                let error = scale * Double(s[index]) - Double(e[index])
                residual += error * error
            }
        }
        return decibels(scale * scale * sums.reference, over: residual)
    }

    /// How far one signal is from another that is taken for the truth, in dB:
    /// 10·log10(Σs² / Σ(s − ŝ)²).
    ///
    /// +∞ where they are equal, two silences included.
    package static func snr(of signal: PlanarAudio, against truth: PlanarAudio) -> Double {
        let sums = Sums(truth, signal)
        return decibels(sums.reference, over: sums.difference)
    }
}

/// The energies that the ratios are made of.
private struct Sums {
    var reference = 0.0
    var estimate = 0.0
    var product = 0.0
    var difference = 0.0

    init(_ reference: PlanarAudio, _ estimate: PlanarAudio) {
        for (s, e) in Sums.pairs(reference, estimate) {
            for index in s.indices {
                let (s, e) = (Double(s[index]), Double(e[index]))
                self.reference += s * s
                self.estimate += e * e
                product += s * e
                difference += (s - e) * (s - e)
            }
        }
    }

    /// The channels of both, side by side.
    static func pairs(_ reference: PlanarAudio, _ estimate: PlanarAudio) -> [([Float], [Float])] {
        precondition(
            reference.channels.count == estimate.channels.count
                && reference.sampleCount == estimate.sampleCount)
        return Array(zip(reference.channels, estimate.channels))
    }
}
