// The least-squares filters of BSSEval, which approximate an estimate by filtered true stems.

import Signal
import Tensor

/// Least-squares filters for each estimated signal: on the channels of its own true stem, and on
/// the channels of all true stems.
///
/// museval: `metrics._compute_reference_correlations`, `_compute_projection_filters`, `_project`.
struct DistortionFilters {
    private let channels: Int
    private let signals: Int
    private let taps: Int
    private let fft: OctetFFT
    private let backend: Backend

    /// Spectra of the filters on all stems, `[estimated signal, reference signal, 2, bins]`.
    private let all: [Double]
    /// Spectra of the filters on the own stem, `[estimated signal, channel of its stem, 2, bins]`.
    private let own: [Double]

    /// Whether rounding determines the filters on all stems: the equations are singular if
    /// references have no content at some frequencies.
    let isSingular: Bool

    /// - Parameters:
    ///   - references: `[stem × channel][sample]`
    ///   - estimates: `[stem × channel][sample]`
    ///   - channels: channels of a stem.
    ///   - taps: length of the filters.
    ///   - isRegularised: whether to solve as if the references had white noise 50 dB below them,
    ///     which keeps the equations regular. It limits scores to about 50 dB, and changes the
    ///     scores of other stems by a tenth of a decibel.
    init(
        references: [[Float]], estimates: [[Float]], channels: Int, taps: Int,
        isRegularised: Bool = false, on backend: Backend
    ) {
        self.channels = channels
        self.taps = taps
        self.backend = backend
        signals = references.count
        // With 512 taps the length is 4,096: seven eighths of a block are new samples.
        fft = OctetFFT(minimumLength: 8 * taps)

        let correlations = Correlations(
            references + estimates, delayedCount: signals, maximumLag: taps - 1, on: backend)
        let solver = Solver(
            correlations: correlations, signals: signals, taps: taps,
            noise: isRegularised ? 1e-5 : 0, fft: fft, backend: backend)
        let (all, residue) = solver.spectra(of: 0..<signals)
        self.all = all
        isSingular = residue > DistortionFilters.largestHarmlessResidue
        own = stride(from: 0, to: signals, by: channels).flatMap { first in
            solver.spectra(of: first..<first + channels).spectra
        }
    }

    /// Limit of a harmless ``Cholesky/residue``: with two equal channels it is a few units in the
    /// last place; with references without content at some frequencies it is 1e-10 or more.
    private static let largestHarmlessResidue = 1e-13

    /// The projections of the estimates on the filtered references.
    ///
    /// - Parameter references: `[stem × channel][sample]`, a piece of the true stems.
    /// - Returns: `[stem × channel][sample]`, `taps − 1` samples longer than the references: with
    ///   filters on the own stem, and with filters on all stems.
    func project(_ references: [[Float]]) -> (own: [[Double]], all: [[Double]]) {
        let count = references[0].count
        let silence = [Double](repeating: 0, count: count + taps - 1)
        var ownSignals = [[Double]](repeating: silence, count: signals)
        var allSignals = ownSignals
        let blockSamples = fft.length - taps + 1
        let input = BlockSpectra(signals: signals, fft: fft)
        let ownOutput = BlockSpectra(signals: signals, fft: fft)
        let allOutput = BlockSpectra(signals: signals, fft: fft)
        for start in stride(from: 0, to: count, by: blockSamples) {
            input.transform(references, from: start, count: blockSamples)
            ownOutput.clear()
            allOutput.clear()
            for signal in 0..<signals {
                let stem = signal / channels * channels
                add(all, row: signal, of: 0..<signals, input, to: allOutput)
                add(own, row: signal, of: stem..<stem + channels, input, to: ownOutput)
            }
            ownOutput.addSignals(to: &ownSignals, from: start)
            allOutput.addSignals(to: &allSignals, from: start)
        }
        return (ownSignals, allSignals)
    }

    /// output[row] += Σ filter[row, i] · input[i]
    ///
    /// - Parameter filters: `[signal, inputs, 2, bins]`
    private func add(
        _ filters: [Double], row: Int, of inputs: Range<Int>, _ input: BlockSpectra,
        to output: BlockSpectra
    ) {
        let bins = fft.bins
        let (y, yImaginary) = (output.spectrum(row), output.spectrum(row) + bins)
        filters.withUnsafeBufferPointer { filters in
            for (index, signal) in inputs.enumerated() {
                let h = filters.baseAddress! + (row * inputs.count + index) * 2 * bins
                let hImaginary = h + bins
                let (x, xImaginary) = (input.spectrum(signal), input.spectrum(signal) + bins)
                for k in 0..<bins {
                    y[k] += h[k] * x[k] - hImaginary[k] * xImaginary[k]
                    yImaginary[k] += h[k] * xImaginary[k] + hImaginary[k] * x[k]
                }
            }
        }
    }
}

/// Solves for the filters, from correlations.
private struct Solver {
    /// Correlations of the references, followed by the estimates.
    let correlations: Correlations
    /// Number of references.
    let signals: Int
    let taps: Int
    /// Power of the noise added to each reference, as a fraction of the reference's power.
    let noise: Double
    let fft: OctetFFT
    let backend: Backend

    /// The spectra of the least-squares filters on the references `range`, for the estimates
    /// `range`.
    ///
    /// Unknown i·taps + t is the coefficient of reference sᵢ delayed by t. The equations are G·c =
    /// d with G = Σₙ sᵢ[n − t]·sⱼ[n − u] and d = Σₙ e[n]·sᵢ[n − t].
    ///
    /// - Returns: `[estimate, reference, 2, bins]`, and ``Cholesky/residue``.
    func spectra(of range: Range<Int>) -> (spectra: [Double], residue: Double) {
        let order = range.count * taps
        let factor = Cholesky(order: order, on: backend) { row, column in
            let value = correlations.value(
                range.lowerBound + row / taps, range.lowerBound + column / taps,
                lag: column % taps - row % taps)
            // museval adds a unit in the last place to the diagonal.
            return row == column ? value * (1 + noise) + .ulpOfOne : value
        }
        let rowDoubles = range.count * 2 * fft.bins
        var result = [Double](repeating: 0, count: range.count * rowDoubles)
        result.withUnsafeMutableBufferPointer { result in
            let result = result.baseAddress!
            backend.parallelFor(range.count) { index in
                let right = (0..<order).map { row in
                    correlations.value(
                        signals + range.lowerBound + index, range.lowerBound + row / taps,
                        lag: row % taps)
                }
                let solution = factor.solution(of: right)
                let filters = (0..<range.count).map {
                    Array(solution[$0 * taps..<($0 + 1) * taps])
                }
                let spectra = BlockSpectra(signals: filters.count, fft: fft)
                spectra.transform(filters, from: 0, count: taps)
                (result + index * rowDoubles).update(
                    from: spectra.spectrum(0), count: rowDoubles)
            }
        }
        return (result, factor.residue)
    }
}
