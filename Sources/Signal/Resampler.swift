// Also Embedded Swift: typed throws, no key paths, no casts.
// Conversion of sample rates. Reference: julius.ResampleFrac (julius/resample.py), after Julius O.
// Smith's bandlimited interpolation.

/// Resamples by a ratio of two whole numbers, as `julius.resample_frac` does.
///
/// y[j] = Σᵢ x[i] · h(i / old − j / new), where h is a sinc under a cos² window that keeps 24 zero
/// crossings on each side and rolls off at 94.5 % of the lower Nyquist frequency. Output j = q·new
/// + p uses the filter of phase p at the input position q·old + p·old/new. The edge samples of the
/// input are repeated beyond its ends.
///
/// The filters are evaluated in float32 in the reference's order of operations, because rounding
/// matters: with exact filters the SNR against the reference is 105 dB at 48 kHz. The reference
/// stores the zeros outside the window (7.8 GB of them from 44,099 Hz to 44,100 Hz); here they are
/// left out.
///
/// An output sample depends on its position alone, so a signal can be resampled block by block, as
/// ``ResamplingStream`` does.
package struct Resampler: Sendable {
    /// The rates of the input and the output.
    package let oldHz: Int
    package let newHz: Int

    /// The two rates without their common factor.
    let oldRate: Int
    let newRate: Int

    /// Taps of each filter: a whole number of SIMD vectors, filled up with zeros.
    private let tapCount: Int

    /// The filters, `[phase, tap]`.
    private let taps: [Float]

    /// Input samples from the start of a filter to the position of its output, rounded down.
    private let reach: Int

    /// Zero crossings of the sinc on each side, and the cutoff as a fraction of the lower rate.
    private static let zeros = 24
    private static let rolloff = 0.945

    private typealias Vector = SIMD8<Float>

    /// - Parameters:
    ///   - oldHz: rate of the input, positive.
    ///   - newHz: rate of the output, positive.
    package init(from oldHz: Int, to newHz: Int) {
        precondition(oldHz > 0 && newHz > 0)
        let divisor = Self.greatestCommonDivisor(oldHz, newHz)
        let (oldRate, newRate) = (oldHz / divisor, newHz / divisor)
        self.oldHz = oldHz
        self.newHz = newHz
        self.oldRate = oldRate
        self.newRate = newRate
        guard oldRate != newRate else {
            (reach, tapCount, taps) = (0, 0, [])
            return
        }
        let cutoff = Double(min(oldRate, newRate)) * Self.rolloff
        let reach = Int((Double(Self.zeros * oldRate) / cutoff).rounded(.up))
        self.reach = reach
        let width = Vector.scalarCount
        let tapCount = (2 * reach + 2 + width - 1) / width * width
        self.tapCount = tapCount
        taps = [Float](unsafeUninitializedCapacity: newRate * tapCount) { taps, count in
            for phase in 0..<newRate {
                let filter = UnsafeMutableBufferPointer(
                    rebasing: taps[phase * tapCount..<(phase + 1) * tapCount])
                Self.evaluate(
                    filter, phase: phase,
                    firstInput: Self.scaled(phase, by: oldRate, over: newRate) - reach,
                    oldRate: oldRate, newRate: newRate, cutoff: Float(cutoff))
            }
            count = newRate * tapCount
        }
    }

    /// Number of output samples: new · count / old in double, rounded to float32, rounded down.
    ///
    /// Float32 holds whole numbers exactly up to 2²⁴, six minutes at 44.1 kHz; beyond, the length may
    /// differ from the exact one by a few samples, as in the reference.
    package static func outputCount(inputCount: Int, from oldHz: Int, to newHz: Int) -> Int {
        let divisor = greatestCommonDivisor(oldHz, newHz)
        let (oldRate, newRate) = (oldHz / divisor, newHz / divisor)
        guard oldRate != newRate else { return inputCount }
        let exact = Double(Int64(newRate) * Int64(inputCount)) / Double(oldRate)
        return min(Int(Float(exact).rounded(.down)), (inputCount / oldRate + 1) * newRate)
    }

    /// Number of output samples for `inputCount` input samples.
    func outputCount(inputCount: Int) -> Int {
        Self.outputCount(inputCount: inputCount, from: oldRate, to: newRate)
    }

    /// Number of output samples whose filters end within the first `inputCount` input samples.
    package func outputCount(reachingInto inputCount: Int) -> Int {
        guard oldRate != newRate else { return inputCount }
        // The largest ⌊(output − 1) · old / new⌋.
        let position = inputCount + reach - tapCount
        return position < 0
            ? 0 : Int((Int64(position + 1) * Int64(newRate) - 1) / Int64(oldRate)) + 1
    }

    /// The input positions that a range of output samples needs.
    ///
    /// They may be below 0 and past the end of the signal, where the edge samples are repeated.
    package func inputRange(for outputs: Range<Int>) -> Range<Int> {
        guard oldRate != newRate, let last = outputs.last else { return outputs }
        return firstInput(of: outputs.lowerBound)..<firstInput(of: last) + tapCount
    }

    /// Computes a range of output samples.
    ///
    /// - Parameters:
    ///   - input: at least the samples of ``inputRange(for:)``.
    ///   - start: the position of `input[0]` in the signal.
    ///   - outputs: positions in the resampled signal.
    ///   - target: room for `outputs.count` samples.
    package func resample(
        _ input: UnsafePointer<Float>, from start: Int, outputs: Range<Int>,
        into target: UnsafeMutablePointer<Float>
    ) {
        guard oldRate != newRate else {
            target.update(from: input + (outputs.lowerBound - start), count: outputs.count)
            return
        }
        taps.withUnsafeBytes { taps in
            for output in outputs {
                let x = UnsafeRawPointer(input + (firstInput(of: output) - start))
                let filterBytes = tapCount * MemoryLayout<Float>.stride
                let filter = taps.baseAddress! + output % newRate * filterBytes
                var sum = Vector.zero
                for byte in stride(from: 0, to: filterBytes, by: MemoryLayout<Vector>.stride) {
                    sum +=
                        x.loadUnaligned(fromByteOffset: byte, as: Vector.self)
                        * filter.loadUnaligned(fromByteOffset: byte, as: Vector.self)
                }
                target[output - outputs.lowerBound] = sum.sum()
            }
        }
    }

    /// The input position at which the filter of an output sample begins.
    @inline(__always)
    private func firstInput(of output: Int) -> Int {
        let (period, phase) = output.quotientAndRemainder(dividingBy: newRate)
        return period * oldRate + Self.scaled(phase, by: oldRate, over: newRate) - reach
    }

    /// `count · factor / divisor`, rounded down. On 32 bits the product may not fit an Int.
    @inline(__always)
    private static func scaled(_ count: Int, by factor: Int, over divisor: Int) -> Int {
        Int(Int64(count) * Int64(factor) / Int64(divisor))
    }

    /// Evaluates the filter of one phase, each operation rounded to float32 as in julius.
    private static func evaluate(
        _ filter: UnsafeMutableBufferPointer<Float>, phase: Int, firstInput: Int,
        oldRate: Int, newRate: Int, cutoff: Float
    ) {
        let zeros = Float(Self.zeros)
        let shift = Float(-Double(phase) / Double(newRate))
        var sum = 0.0
        for tap in filter.indices {
            let crossings = (Float(firstInput + tap) / Float(oldRate) + shift) * cutoff
            guard abs(crossings) < zeros else {
                filter[tap] = 0
                continue
            }
            let angle = crossings * Float.pi
            let window = cosine(angle / zeros / 2)
            let sinc = angle == 0 ? 1 : sine(angle) / angle
            filter[tap] = sinc * (window * window)
            sum += Double(filter[tap])
        }
        for tap in filter.indices { filter[tap] /= Float(sum) }
    }

    package static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
        b == 0 ? a : greatestCommonDivisor(b, a % b)
    }
}
