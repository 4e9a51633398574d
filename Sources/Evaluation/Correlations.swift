// Inner products of signals with delayed signals: the coefficients of BSSEval's equations.

import Tensor

/// Σₘ x[m + lag]·y[m] for pairs of signals and every lag from −maximumLag to maximumLag; signals
/// are zero outside their samples.
///
/// Blocks of the signals are multiplied in the frequency domain, so the time of a pair depends on
/// the signals' length and not on the number of lags.
package struct Correlations {
    package let maximumLag: Int

    private let signalCount: Int
    /// `[y, x, lag]`; not computed for x < y.
    private let values: [Double]

    private var lags: Int { 2 * maximumLag + 1 }

    /// Number of partial sums, fixed so that the order of additions doesn't depend on the threads.
    private static let parts = 8

    /// - Parameters:
    ///   - signals: signals of equal length; each one is an x.
    ///   - delayedCount: number of signals, from the first one on, that are also a y.
    package init(_ signals: [[Float]], delayedCount: Int, maximumLag: Int, on backend: Backend) {
        self.maximumLag = maximumLag
        signalCount = signals.count
        let lags = 2 * maximumLag + 1
        // With this length at least three quarters of a block are new samples.
        let fft = OctetFFT(minimumLength: 4 * lags)
        let blockSamples = fft.length - 2 * maximumLag
        let sampleCount = signals.first?.count ?? 0
        let blocks = (sampleCount + blockSamples - 1) / blockSamples

        let pairCount = delayedCount * signals.count
        let pairDoubles = 2 * fft.bins
        var sums = [Double](repeating: 0, count: Correlations.parts * pairCount * pairDoubles)
        var values = [[Double]](repeating: [], count: pairCount)
        sums.withUnsafeMutableBufferPointer { sums in
            let sums = sums.baseAddress!
            backend.parallelFor(Correlations.parts) { part in
                let own = sums + part * pairCount * pairDoubles
                let range =
                    part * blocks / Correlations.parts..<(part + 1) * blocks / Correlations.parts
                let still = Array(signals[..<delayedCount])
                let extended = BlockSpectra(signals: signals.count, fft: fft)
                let delayed = BlockSpectra(signals: delayedCount, fft: fft)
                for block in range {
                    let start = block * blockSamples
                    extended.transform(signals, from: start - maximumLag, count: fft.length)
                    delayed.transform(still, from: start, count: blockSamples)
                    for y in 0..<delayedCount {
                        for x in y..<signals.count {
                            Correlations.addProduct(
                                extended.spectrum(x), delayed.spectrum(y),
                                to: own + (y * signals.count + x) * pairDoubles, bins: fft.bins)
                        }
                    }
                }
            }
            for index in 0..<pairCount * pairDoubles {
                for part in 1..<Correlations.parts {
                    sums[index] += sums[part * pairCount * pairDoubles + index]
                }
            }
            values.withUnsafeMutableBufferPointer { values in
                let values = values.baseAddress!
                backend.parallelFor((pairCount + Octet.count - 1) / Octet.count) { octet in
                    let first = octet * Octet.count
                    let count = min(Octet.count, pairCount - first)
                    let spectra = BlockSpectra(signals: count, fft: fft)
                    spectra.spectrum(0).update(
                        from: sums + first * pairDoubles, count: count * pairDoubles)
                    let zeros = [Double](repeating: 0, count: lags)
                    var correlations = [[Double]](repeating: zeros, count: count)
                    spectra.addSignals(to: &correlations, from: 0)
                    for index in 0..<count { values[first + index] = correlations[index] }
                }
            }
        }
        self.values = values.flatMap { $0 }
    }

    /// Σₘ x[m + lag]·y[m]
    ///
    /// - Parameters:
    ///   - x: index of a signal, at least `y`.
    ///   - y: index of a signal, less than `delayedCount`.
    @inline(__always)
    package func value(_ x: Int, _ y: Int, lag: Int) -> Double {
        values[(y * signalCount + x) * lags + maximumLag + lag]
    }

    /// sum += x · conj(y)
    private static func addProduct(
        _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>,
        to sum: UnsafeMutablePointer<Double>, bins: Int
    ) {
        let (xImaginary, yImaginary, sumImaginary) = (x + bins, y + bins, sum + bins)
        for k in 0..<bins {
            sum[k] += x[k] * y[k] + xImaginary[k] * yImaginary[k]
            sumImaginary[k] += xImaginary[k] * y[k] - x[k] * yImaginary[k]
        }
    }
}
