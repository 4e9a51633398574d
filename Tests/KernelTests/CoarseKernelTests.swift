// The kernels that serve products of rounded operands: coarse ones against the fine ones, and those
// that write bfloat16 against those that write float32.

import CKernels
import Tensor
import TestSupport
import Testing

@Suite struct CoarseKernelTests {
    /// What a coarse GELU and a coarse gate may err, as a part of their argument and of 1.
    private static let coarse: Float = 0x1p-13

    private typealias Affine = (
        Int, Int, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, Int,
        UnsafeMutablePointer<Float>, Int
    ) -> Void

    /// The result of a kernel onto a copy of `out`.
    private func result(
        _ kernel: Affine, _ x: GuardedMatrix, _ scale: [Float], _ shift: [Float],
        onto out: GuardedMatrix
    ) -> GuardedMatrix {
        var out = out
        let (rows, cols, ld) = (out.rows, out.cols, out.ld)
        x.withPointer { x in
            out.withMutablePointer { kernel(rows, cols, scale, shift, x, ld, $0, ld) }
        }
        return out
    }

    @Test(arguments: KernelCase.sets)
    func coarseGeluIsGeluWithinItsBound(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let x = test.matrix()
            let (scale, shift) = test.parameters()
            let fine = result(test.kernels.f32_affine_gelu, x, scale, shift, onto: x)
            let coarse = result(test.kernels.coarse_affine_gelu, x, scale, shift, onto: x)
            for row in 0..<x.rows {
                for col in 0..<x.cols {
                    let v = x[row, col] * scale[col] + shift[col]
                    let error = abs(coarse[row, col] - fine[row, col])
                    #expect(error <= Self.coarse * abs(v) + 1e-38, "\(test): gelu(\(v))")
                }
            }
            #expect(coarse.isIntactOutside, "\(test)")
        }
    }

    @Test(arguments: KernelCase.sets)
    func coarseGatesAreGatesWithinTheirBound(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let x = test.matrix(cols: 2 * test.cols)
            let (scale, shift) = test.parameters(cols: 2 * test.cols)
            let gamma = test.parameters(salt: 3).scale
            let start = test.matrix(salt: 1)
            func gated(_ kernel: Affine) -> GuardedMatrix {
                var out = start
                let (rows, cols, ld) = (start.rows, start.cols, start.ld)
                x.withPointer { x in
                    out.withMutablePointer {
                        kernel(rows, cols, scale, shift, x, 2 * cols + test.gap, $0, ld)
                    }
                }
                return out
            }
            let kernels = test.kernels
            let pairs = [
                (gated(kernels.coarse_affine_glu), gated(kernels.f32_affine_glu)),
                (
                    gated { kernels.coarse_affine_glu_add($0, $1, $2, $3, gamma, $4, $5, $6, $7) },
                    gated { kernels.f32_affine_glu_add($0, $1, $2, $3, gamma, $4, $5, $6, $7) }
                ),
            ]
            for (coarse, fine) in pairs {
                for row in 0..<fine.rows {
                    for col in 0..<fine.cols {
                        let value = x[row, col] * scale[col] + shift[col]
                        let error = abs(coarse[row, col] - fine[row, col])
                        let rounding = KernelCase.epsilon * Double(abs(fine[row, col]))
                        let bound =
                            Self.coarse * abs(value) * max(1, abs(gamma[col])) + Float(rounding)
                        #expect(error <= bound + 1e-37, "\(test): row \(row), column \(col)")
                    }
                }
                #expect(coarse.isIntactOutside, "\(test)")
            }
        }
    }

    /// x rounded to bfloat16; 0 is as good for a subnormal number.
    private func isRounded(_ half: UInt16, _ x: Float) -> Bool {
        if x.isSubnormal, half & 0x7FFF == 0 { return true }
        let bits = x.bitPattern
        return half == UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
    }

    @Test(arguments: KernelCase.sets)
    func geluAndLayerNormRoundWhatTheOthersWrite(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let x = test.matrix()
            let (rows, cols) = (x.rows, x.cols)
            let (scale, shift) = test.parameters()
            let kernels = test.kernels
            let ld = cols + 2
            let untouched: UInt16 = 0xABCD
            var halves = [UInt16](repeating: untouched, count: rows * ld + 1)
            func expect(_ floats: GuardedMatrix, _ kernel: String) {
                for row in 0..<rows {
                    let isRight = (0..<ld).allSatisfy { col in
                        let half = halves[row * ld + col]
                        return col < cols ? isRounded(half, floats[row, col]) : half == untouched
                    }
                    #expect(isRight, "\(test): \(kernel), row \(row)")
                }
            }
            x.withPointer {
                kernels.bf16_affine_gelu(rows, cols, scale, shift, $0, x.ld, &halves, ld)
            }
            expect(
                result(kernels.coarse_affine_gelu, x, scale, shift, onto: x), "bf16_affine_gelu")
            x.withPointer {
                kernels.bf16_layer_norm(rows, cols, scale, shift, 1e-5, $0, x.ld, &halves, ld)
            }
            expect(
                result(
                    { kernels.f32_layer_norm($0, $1, $2, $3, 1e-5, $4, $5, $6, $7) }, x, scale,
                    shift, onto: x), "bf16_layer_norm")
        }
    }

    /// Writing halves where the floats were read leaves the same as writing them elsewhere.
    @Test(arguments: KernelCase.sets)
    func roundedGeluMayTakeThePlaceOfItsInput(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let x = test.matrix()
            let (rows, cols, ld) = (x.rows, x.cols, x.ld)
            let (scale, shift) = test.parameters()
            var apart = [UInt16](repeating: 0, count: rows * ld)
            x.withPointer {
                test.kernels.bf16_affine_gelu(rows, cols, scale, shift, $0, ld, &apart, ld)
            }
            var inPlace = x
            let found = inPlace.withMutablePointer { pointer in
                let halves = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt16.self)
                test.kernels.bf16_affine_gelu(
                    rows, cols, scale, shift, UnsafePointer(pointer), ld, halves, ld)
                return (0..<rows).map { row in (0..<cols).map { halves[row * ld + $0] } }
            }
            let expected = (0..<rows).map { row in (0..<cols).map { apart[row * ld + $0] } }
            #expect(found == expected, "\(test)")
        }
    }

    @Test(arguments: KernelCase.sets)
    func winogradInputRoundsWhatTheOtherWrites(_ set: InstructionSet) {
        let kernels = set.kernels
        for cols in KernelCase.columns {
            for count in [1, 4, 9, 22] {
                var numbers = SeededNumbers(seed: cols + 31 * count)
                let x = numbers.floats(count * cols)
                let (tiles, ldo) = ((count + 3) / 4, cols + 2)
                let plane = tiles * ldo + 2
                var floats = [Float](repeating: 1, count: 6 * plane)
                var halves = [UInt16](repeating: 0x3F80, count: 6 * plane)
                kernels.f32_winograd_input(0, tiles, cols, x, count, &floats, plane, ldo)
                kernels.bf16_winograd_input(0, tiles, cols, x, count, &halves, plane, ldo)
                #expect(
                    zip(halves, floats).allSatisfy(isRounded), "\(set.rawValue), \(count) × \(cols)"
                )
            }
        }
    }

    @Test(arguments: KernelCase.sets)
    func gatheredTapsAreADilatedConvolutionsSum(_ set: InstructionSet) {
        for cols in [1, 6, 12, 15, 16, 17, 24, 48] {
            for (length, first, rows, dilation) in [
                (9, 0, 9, 1), (9, 0, 9, 2), (9, 3, 4, 2), (3, 0, 3, 4), (1, 0, 1, 1),
            ] {
                var numbers = SeededNumbers(seed: cols + 31 * length + first)
                let ld = 3 * cols + 5
                let x = numbers.floats(length * ld)
                let bias = numbers.floats(cols)
                var out = GuardedMatrix(rows: rows, cols: cols, gap: 2) { _, _ in 7 }
                let ldo = out.ld
                out.withMutablePointer {
                    set.kernels.f32_gather_taps(
                        first, rows, cols, dilation, bias, x, ld, length, $0, ldo)
                }
                for row in 0..<rows {
                    for col in 0..<cols {
                        let taps = (0..<3).map { tap -> Double in
                            let source = first + row + (tap - 1) * dilation
                            guard (0..<length).contains(source) else { return 0 }
                            return Double(x[source * ld + tap * cols + col])
                        }
                        let sum = taps.reduce(Double(bias[col]), +)
                        // Three roundings of sums of at most 4.
                        #expect(
                            abs(Double(out[row, col]) - sum) <= 3 * 4 * KernelCase.epsilon,
                            "\(set.rawValue): \(cols) columns, dilation \(dilation), row \(row)")
                    }
                }
                #expect(out.isIntactOutside)
            }
        }
    }
}
