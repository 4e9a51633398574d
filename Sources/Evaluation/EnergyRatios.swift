// Scores that compare whole signals sample by sample, with sums in double precision.

import Audio
import Signal

/// Scores of an estimate over all its channels and samples.
package enum EnergyRatios {
    /// The signal-to-distortion ratio of the MDX challenges, in dB:
    /// 10·log10((Σs² + 1e-7) / (Σ(s − ŝ)² + 1e-7)), one ratio for the whole track.
    ///
    /// Also defined for silence: a silent estimate of a silent stem has 0 dB.
    ///
    /// Mitsufuji et al. 2022, "Music Demixing Challenge 2021", arXiv:2108.13559. Demucs:
    /// `demucs.evaluate.new_sdr`.
    ///
    /// Both signals must have the same length and number of channels.
    package static func sdr(reference: PlanarAudio, estimate: PlanarAudio) -> Double {
        let sums = Sums(reference, estimate)
        let delta = 1e-7
        return SignalToNoise(signal: sums.reference + delta, noise: sums.difference + delta)
            .decibels
    }

    /// The scale-invariant signal-to-distortion ratio in dB: 10·log10(‖αs‖² / ‖αs − ŝ‖²) with
    /// α = ⟨ŝ, s⟩ / ‖s‖², the scale that fits the reference to the estimate best.
    ///
    /// All channels have the same scale; means are not removed. NaN if the reference or the
    /// estimate is silent.
    ///
    /// Le Roux et al. 2019, "SDR – half-baked or well done?", arXiv:1811.02508.
    package static func scaleInvariantSDR(reference: PlanarAudio, estimate: PlanarAudio) -> Double {
        let sums = Sums(reference, estimate)
        guard sums.reference > 0, sums.estimate > 0 else { return .nan }
        let scale = sums.product / sums.reference
        // ‖αs − ŝ‖² is summed directly: the closed form loses digits for good estimates.
        var residual = 0.0
        for (s, e) in Sums.pairs(reference, estimate) {
            for index in s.indices {
                let error = scale * Double(s[index]) - Double(e[index])
                residual += error * error
            }
        }
        return SignalToNoise(signal: scale * scale * sums.reference, noise: residual).decibels
    }

    /// The signal-to-noise ratio of a signal against its reference in dB: 10·log10(Σs² / Σ(s − ŝ)²).
    ///
    /// +∞ for equal signals, even if both are silent.
    package static func snr(of signal: PlanarAudio, against reference: PlanarAudio) -> Double {
        let sums = Sums(reference, signal)
        return SignalToNoise(signal: sums.reference, noise: sums.difference).decibels
    }
}

/// Energies of two signals, of their difference, and their inner product.
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

    /// The channels of both signals in pairs.
    static func pairs(_ reference: PlanarAudio, _ estimate: PlanarAudio) -> [([Float], [Float])] {
        precondition(
            reference.channels.count == estimate.channels.count
                && reference.sampleCount == estimate.sampleCount)
        return Array(zip(reference.channels, estimate.channels))
    }
}
