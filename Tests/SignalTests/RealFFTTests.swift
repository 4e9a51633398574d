import Foundation
import Signal
import Testing

/// The real transform against the defining sum in double precision.
struct RealFFTTests {
    /// Every butterfly, their products, odd and even lengths, and primes above 5 (Bluestein), as the
    /// whole length (17, 31, 127), as half of it (2 · 7, 4098 = 2 · 3 · 683) and within it (1023).
    static let lengths = [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 17, 20, 24, 25, 27, 30, 31, 33, 60, 63, 64,
        100,
        127, 128, 129, 1000, 1023, 4096, 4098,
    ]

    @Test(arguments: lengths)
    func forwardIsTheDefiningSum(length: Int) {
        let signals = noise(length)
        let plan = RealFFT(length: length)
        let spectra = run(plan) { first, second in
            let samples = RealFFT.lanes(of: first)
            for n in 0..<length {
                for lane in 0..<8 { samples[n][lane] = signals[lane][n] }
            }
            let result = plan.forward(first, second)
            return (0..<plan.bins).map { result[$0] }
        }
        for lane in 0..<8 {
            let expected = dft(signals[lane])
            let actual = spectra.map { (Double($0.real[lane]), Double($0.imaginary[lane])) }
            // Float32 rounding grows with the logarithm of the length; Bluestein's chirp is the
            // longest way round, and stays above 125 dB.
            #expect(snr(actual, expected) > 125, "length \(length), lane \(lane)")
        }
    }

    @Test(arguments: lengths)
    func inverseUndoesForwardTimesLength(length: Int) {
        let signals = noise(length)
        let plan = RealFFT(length: length)
        let restored = run(plan) { first, second in
            let samples = RealFFT.lanes(of: first)
            for n in 0..<length {
                for lane in 0..<8 { samples[n][lane] = signals[lane][n] }
            }
            let spectrum = plan.forward(first, second)
            let result = plan.inverse(spectrum, spectrum == first ? second : first)
            return (0..<length).map { result[$0] }
        }
        for lane in 0..<8 {
            let expected = signals[lane].map { (Double($0) * Double(length), 0.0) }
            let actual = restored.map { (Double($0[lane]), 0.0) }
            #expect(snr(actual, expected) > 120, "length \(length), lane \(lane)")
        }
    }

    @Test(arguments: [2, 8, 100, 4096])
    func inverseIgnoresImaginaryPartsOfTheEndBins(length: Int) {
        let plan = RealFFT(length: length)
        func inverse(ends: Float) -> [Lanes] {
            run(plan) { first, second in
                for k in 0..<plan.bins {
                    first[k] = ComplexLanes(Lanes(repeating: 1), Lanes(repeating: Float(k)))
                }
                first[0].imaginary = Lanes(repeating: ends)
                first[plan.bins - 1].imaginary = Lanes(repeating: -ends)
                let result = plan.inverse(first, second)
                return (0..<length).map { result[$0] }
            }
        }
        #expect(inverse(ends: 7) == inverse(ends: 0))
    }

    // MARK: - The reference

    private func dft(_ signal: [Float]) -> [(Double, Double)] {
        let length = signal.count
        return (0...length / 2).map { k in
            var (real, imaginary) = (0.0, 0.0)
            for n in 0..<length {
                let angle = -2 * Double.pi * Double(n * k % length) / Double(length)
                real += Double(signal[n]) * cos(angle)
                imaginary += Double(signal[n]) * sin(angle)
            }
            return (real, imaginary)
        }
    }

    private func snr(_ actual: [(Double, Double)], _ expected: [(Double, Double)]) -> Double {
        var (power, error) = (0.0, 0.0)
        for (a, e) in zip(actual, expected) {
            power += e.0 * e.0 + e.1 * e.1
            error += (a.0 - e.0) * (a.0 - e.0) + (a.1 - e.1) * (a.1 - e.1)
        }
        return actual.count == expected.count ? 10 * log10(power / error) : -.infinity
    }

    // MARK: - Inputs

    private func noise(_ length: Int) -> [[Float]] {
        var random = Noise(seed: UInt64(length))
        return (0..<8).map { _ in random.signal(length) }
    }

    private func run<Result>(
        _ plan: RealFFT,
        _ body: (UnsafeMutablePointer<ComplexLanes>, UnsafeMutablePointer<ComplexLanes>) -> Result
    ) -> Result {
        var first = [ComplexLanes](repeating: .zero, count: plan.capacity)
        var second = first
        return first.withUnsafeMutableBufferPointer { first in
            second.withUnsafeMutableBufferPointer { second in
                body(first.baseAddress!, second.baseAddress!)
            }
        }
    }
}
