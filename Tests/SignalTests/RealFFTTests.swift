import CKernels
import Foundation
import Signal
import Tensor
import TestSupport
import Testing

/// The real FFT against its definition in double precision, with every set of kernels.
struct RealFFTTests {
    /// Twice the lengths of the complex transforms: every butterfly alone, and each as the last of
    /// one, two and three passes.
    static let lengths = (0...11).map { 2 << $0 }

    private static let sets = InstructionSet.available

    @Test(arguments: lengths)
    func forwardIsTheDefiningSum(length: Int) {
        let signals = noise(length)
        let expected = signals.map(dft)
        for set in Self.sets {
            let spectra = spectra(of: signals, set)
            for lane in signals.indices {
                let actual = spectra.map { ($0[2 * lane], $0[2 * lane + 1]) }
                // Float32 rounding errors grow with the logarithm of the length.
                #expect(snr(actual, expected[lane]) > 125, "\(set), \(length), lane \(lane)")
            }
        }
    }

    @Test(arguments: lengths)
    func inverseUndoesForwardTimesLength(length: Int) {
        // A signal without the Nyquist bin, which the transform leaves out.
        let signals = noise(length).map { signal in
            let signs = signal.indices.map { Float(1 - $0 % 2 * 2) }
            let nyquist = zip(signal, signs).reduce(0) { $0 + $1.0 * $1.1 } / Float(length)
            return zip(signal, signs).map { $0 - nyquist * $1 }
        }
        for set in Self.sets {
            let restored = self.signals(of: spectra(of: signals, set), length: length, set)
            for lane in signals.indices {
                let expected = signals[lane].map { (Double($0) * Double(length), 0.0) }
                // A signal of two samples may be nearly zero without its Nyquist bin.
                let bound = length == 2 ? 80.0 : 120
                #expect(
                    snr(restored.map { ($0[lane], 0) }, expected) > bound,
                    "\(set), \(length), lane \(lane)")
            }
        }
    }

    @Test(arguments: [2, 8, 16, 128, 4096])
    func inverseIgnoresTheImaginaryPartOfTheFirstBin(length: Int) {
        var spectra = (0..<length / 2).map { bin in
            (0..<2 * Int(FFT_SIGNALS)).map { Float($0 % 2 == 0 ? 1 : bin) }
        }
        for set in Self.sets {
            let expected = signals(of: spectra, length: length, set)
            for lane in 0..<Int(FFT_SIGNALS) { spectra[0][2 * lane + 1] = 7 }
            #expect(signals(of: spectra, length: length, set) == expected)
        }
    }

    /// Other values in the rows of spectra belong to the caller.
    @Test(arguments: 1...Int(FFT_SIGNALS))
    func otherLanesAreNeitherReadNorWritten(count: Int) {
        for set in Self.sets {
            let signals = noise(64)
            let whole = spectra(of: signals, set)
            let part = spectra(of: signals, count: count, untouched: 99, set)
            for (row, expected) in zip(part, whole) {
                #expect(row[..<(2 * count)] == expected[..<(2 * count)])
                #expect(row[(2 * count)...].allSatisfy { $0 == 99 })
            }
            let restored = self.signals(of: part, count: count, length: 64, set)
            for (samples, expected) in zip(
                restored, self.signals(of: whole, length: 64, set))
            {
                #expect(samples[..<count] == expected[..<count])
                #expect(samples[count...].allSatisfy { $0 == 0 })
            }
        }
    }

    // MARK: - The reference

    private func dft(_ signal: [Float]) -> [(Double, Double)] {
        let length = signal.count
        let roots = (0..<length).map { k in
            let angle = -2 * Double.pi * Double(k) / Double(length)
            return (cos(angle), sin(angle))
        }
        return (0..<length / 2).map { k in
            var (real, imaginary, index) = (0.0, 0.0, 0)
            for sample in signal {
                real += Double(sample) * roots[index].0
                imaginary += Double(sample) * roots[index].1
                index += k
                if index >= length { index -= length }
            }
            return (real, imaginary)
        }
    }

    /// SNR in dB. Rounding the exact sums to float32 adds noise at −150 dB, far below all bounds
    /// here.
    private func snr(_ actual: [(Float, Float)], _ expected: [(Double, Double)]) -> Double {
        Comparison(
            actual: actual.flatMap { [$0.0, $0.1] },
            expected: expected.flatMap { [Float($0.0), Float($0.1)] }
        ).snrDecibels
    }

    // MARK: - Calls

    /// `[lane][sample]`
    private func noise(_ length: Int) -> [[Float]] {
        var random = SplitMix64(seed: UInt64(length))
        return (0..<Int(FFT_SIGNALS)).map { _ in random.floats(length) }
    }

    /// `[bin][lane re, lane im, …]`
    private func spectra(
        of signals: [[Float]], count: Int = Int(FFT_SIGNALS), untouched: Float = 0,
        _ set: InstructionSet
    ) -> [[Float]] {
        let plan = RealFFT(length: signals[0].count)
        var first = [Float](repeating: 0, count: plan.bufferFloats)
        var second = first
        for sample in 0..<plan.length {
            for lane in signals.indices {
                first[sample * signals.count + lane] = signals[lane][sample]
            }
        }
        let rowLength = 2 * signals.count
        var rows = [Float](repeating: untouched, count: plan.bins * rowLength)
        plan.forward(
            &first, spare: &second, into: &rows, rowLength: rowLength, count: count,
            with: set.kernels)
        return (0..<plan.bins).map { Array(rows[$0 * rowLength..<($0 + 1) * rowLength]) }
    }

    /// `[sample][lane]`
    private func signals(
        of spectra: [[Float]], count: Int = Int(FFT_SIGNALS), length: Int, _ set: InstructionSet
    ) -> [[Float]] {
        let plan = RealFFT(length: length)
        let lanes = Int(FFT_SIGNALS)
        var first = [Float](repeating: 0, count: plan.bufferFloats)
        var second = first
        return first.withUnsafeMutableBufferPointer { first in
            second.withUnsafeMutableBufferPointer { second in
                let samples = plan.inverse(
                    spectra.flatMap { $0 }, rowLength: 2 * lanes, count: count,
                    first.baseAddress!, second.baseAddress!, with: set.kernels)
                return (0..<length).map { sample in
                    (0..<lanes).map { samples[sample * lanes + $0] }
                }
            }
        }
    }
}
