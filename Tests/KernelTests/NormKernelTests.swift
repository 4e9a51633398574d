// The kernels that sum up: moments and layer normalisation.

import CKernels
import Foundation
import Tensor
import Testing

@Suite struct NormKernelTests {
    private static let epsilon = KernelCase.epsilon

    private func moments(
        _ kernels: kernel_table, _ x: GuardedMatrix, from start: [Double] = [0, 0]
    ) -> [Double] {
        var sums = start
        x.withPointer { kernels.f32_moments(x.rows, x.cols, $0, x.ld, &sums) }
        return sums
    }

    @Test(arguments: KernelCase.sets)
    func momentsAddUp(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let x = test.matrix()
            let values = (0..<x.rows).flatMap { row in (0..<x.cols).map { Double(x[row, $0]) } }
            let start = [12.5, -3.25]
            let sums = moments(test.kernels, x, from: start)
            let exact = [
                values.reduce(start[0], +), values.reduce(start[1]) { $0 + $1 * $1 },
            ]
            // Differences from a pivot among the values, in float32 through chains of 20 additions;
            // the squares are put together from both sums.
            let (least, largest) = (values.min() ?? 0, values.max() ?? 0)
            let spread = largest - least
            let pivot = max(abs(least), abs(largest))
            let chain = 20 * 0x1p-24 * Double(values.count)
            let bounds = [chain * spread, chain * spread * (2 * pivot + spread)]
            for index in 0..<2 {
                let difference = abs(sums[index] - exact[index])
                let rounding = 1e-12 * (abs(exact[index]) + Double(values.count))
                #expect(difference <= bounds[index] + rounding, "\(test), sum \(index)")
            }
        }
    }

    /// The variance is a small difference of large numbers where the mean is far from 0, as it is
    /// in front of some norms.
    @Test(arguments: KernelCase.sets)
    func momentsKeepTheVarianceOfNumbersFarFromZero(_ set: InstructionSet) {
        var numbers = SeededNumbers(seed: 3)
        for mean: Float in [1e2, 1e4, -1e5] {
            let x = GuardedMatrix(rows: 37, cols: 129, gap: 2) { _, _ in mean + numbers.unit() }
            let values = (0..<37).flatMap { row in (0..<129).map { Double(x[row, $0]) } }
            let count = Double(values.count)
            let center = values.reduce(0, +) / count
            let variance = values.reduce(0) { $0 + ($1 - center) * ($1 - center) } / count
            let sums = moments(set.kernels, x)
            let found = sums[1] / count - (sums[0] / count) * (sums[0] / count)
            // A double's rounding of mean² for each addition, at the worst, and float32's of the
            // squares of differences.
            let tolerance =
                count * 1.2e-16 * Double(mean) * Double(mean) + 20 * 0x1p-24 * variance
            #expect(abs(found - variance) <= tolerance, "mean \(mean)")
        }
    }

    private func layerNorm(
        _ kernels: kernel_table, _ x: GuardedMatrix, gain: [Float], bias: [Float],
        inPlace: Bool
    ) -> GuardedMatrix {
        var out = inPlace ? x : GuardedMatrix(rows: x.rows, cols: x.cols, gap: 1) { _, _ in 7 }
        let ld = out.ld
        out.withMutablePointer { target in
            x.withPointer { source in
                kernels.f32_layer_norm(
                    x.rows, x.cols, gain, bias, 1e-5, inPlace ? UnsafePointer(target) : source,
                    x.ld, target, ld)
            }
        }
        return out
    }

    /// Checks a layer normalisation of any matrix.
    private func expectLayerNorm(_ test: KernelCase, of x: GuardedMatrix) {
        let (gain, bias) = test.parameters()
        let plain = layerNorm(
            kernels_plain().pointee, x, gain: gain, bias: bias, inPlace: false)
        let exact = (0..<x.rows).map { row in
            let values = (0..<x.cols).map { Double(x[row, $0]) }
            let count = Double(values.count)
            let mean = values.reduce(0, +) / count
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
            let factor = 1 / (variance + Double(Float(1e-5))).squareRoot()
            return (mean, factor, largest: values.map(abs).max() ?? 0)
        }
        for inPlace in [false, true] {
            let result = layerNorm(
                test.kernels, x, gain: gain, bias: bias, inPlace: inPlace)
            test.expect(result, plain: plain) { row, col in
                let (mean, factor, largest) = exact[row]
                let normal = (Double(x[row, col]) - mean) * factor
                let value = normal * Double(gain[col]) + Double(bias[col])
                // The mean is a float32 sum over partial sums: of at most 1,023 / 4 steps each,
                // which err by a few units of the largest number, seldom in the same direction.
                let offset = 8 * Self.epsilon * largest * factor
                let tolerance =
                    abs(Double(gain[col])) * (offset + 8 * Self.epsilon * abs(normal))
                    + Self.epsilon * (abs(Double(bias[col])) + abs(value))
                return (value, tolerance)
            }
        }
    }

    @Test(arguments: KernelCase.sets)
    func layerNormNormalisesEachRow(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) where test.magnitude != .special {
            expectLayerNorm(test, of: test.matrix())
        }
    }

    @Test(arguments: KernelCase.sets)
    func layerNormOfRowsFarFromZero(_ set: InstructionSet) {
        for cols in KernelCase.columns {
            let test = KernelCase(instructions: set, rows: 3, cols: cols, gap: 4, magnitude: .usual)
            var numbers = SeededNumbers(seed: cols)
            let x = GuardedMatrix(rows: 3, cols: cols, gap: 4) { row, _ in
                [10, -100, 1000][row] + numbers.unit()
            }
            expectLayerNorm(test, of: x)
        }
    }

    /// No variance: only epsilon stands under the root.
    @Test(arguments: KernelCase.sets)
    func layerNormOfEqualNumbersIsTheBias(_ set: InstructionSet) {
        for cols in KernelCase.columns {
            let test = KernelCase(instructions: set, rows: 3, cols: cols, gap: 4, magnitude: .usual)
            let x = GuardedMatrix(rows: 3, cols: cols, gap: 4) { row, _ in [0, 0.1, -2][row] }
            expectLayerNorm(test, of: x)
        }
    }
}
