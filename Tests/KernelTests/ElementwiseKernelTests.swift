// The elementwise kernels: affine maps, GELU, GLU, scaling and adding.

import CKernels
import Foundation
import Tensor
import Testing

@Suite struct ElementwiseKernelTests {
    private typealias Affine = (
        Int, Int, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, Int,
        UnsafeMutablePointer<Float>, Int
    ) -> Void

    private static let epsilon = KernelCase.epsilon

    /// y = x · scale + shift, and how far float32 may be from it: a rounding of the product and
    /// one of the sum.
    private static func affine(
        _ x: Float, _ scale: Float, _ shift: Float
    ) -> (value: Double, tolerance: Double) {
        let product = Double(x) * Double(scale)
        return (product + Double(shift), epsilon * (abs(product) + abs(Double(shift))))
    }

    private static func gelu(_ v: Double) -> Double { 0.5 * v * erfc(-v / 2.0.squareRoot()) }

    private static func sigmoid(_ v: Double) -> Double { 1 / (1 + exp(-v)) }

    /// The gated value of two affine maps, and its tolerance.
    private static func glu(
        _ value: (value: Double, tolerance: Double), _ gate: (value: Double, tolerance: Double)
    ) -> (value: Double, tolerance: Double) {
        let factor = sigmoid(gate.value)
        let result = value.value * factor
        // exp turns the gate's absolute error into a relative one, and has a few roundings of its
        // own. Below 1e-38 a float32 has no precision left, and the kernels clamp.
        let tolerance =
            factor * value.tolerance + abs(result) * (2 * gate.tolerance + 4 * epsilon)
            + abs(value.value) * 1e-37 + 1e-44
        return (result, tolerance)
    }

    private func run(
        _ kernel: Affine, _ x: GuardedMatrix, scale: [Float], shift: [Float],
        onto out: GuardedMatrix
    ) -> GuardedMatrix {
        var out = out
        let (rows, cols, ld) = (out.rows, out.cols, out.ld)
        out.withMutablePointer { target in
            x.withPointer { kernel(rows, cols, scale, shift, $0, x.ld, target, ld) }
        }
        return out
    }

    private func runInPlace(
        _ kernel: Affine, _ x: GuardedMatrix, scale: [Float], shift: [Float]
    ) -> GuardedMatrix {
        var out = x
        let (rows, cols, ld) = (x.rows, x.cols, x.ld)
        out.withMutablePointer { kernel(rows, cols, scale, shift, UnsafePointer($0), ld, $0, ld) }
        return out
    }

    @Test(arguments: KernelCase.sets)
    func affineScalesAndShiftsEachColumn(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let (x, blank) = (test.matrix(), test.matrix(salt: 1))
            let (scale, shift) = test.parameters()
            let kernel = test.kernels.f32_affine
            let plain = run(
                kernels_plain().pointee.f32_affine, x, scale: scale, shift: shift, onto: blank)
            for result in [
                run(kernel, x, scale: scale, shift: shift, onto: blank),
                runInPlace(kernel, x, scale: scale, shift: shift),
            ] {
                test.expect(result, plain: plain) { Self.affine(x[$0, $1], scale[$1], shift[$1]) }
            }
        }
    }

    @Test(arguments: KernelCase.sets)
    func affineAddAddsToWhatIsThere(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let (x, before) = (test.matrix(), test.matrix(salt: 1))
            let (scale, shift) = test.parameters()
            let plain = run(
                kernels_plain().pointee.f32_affine_add, x, scale: scale, shift: shift,
                onto: before)
            let result = run(
                test.kernels.f32_affine_add, x, scale: scale, shift: shift, onto: before)
            test.expect(result, plain: plain) { row, col in
                let y = Self.affine(x[row, col], scale[col], shift[col])
                let old = Double(before[row, col])
                return (
                    old + y.value, y.tolerance + Self.epsilon * (abs(old) + abs(y.value))
                )
            }
        }
    }

    @Test(arguments: KernelCase.sets)
    func affineGeluIsExactGelu(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let (x, blank) = (test.matrix(), test.matrix(salt: 1))
            let (scale, shift) = test.parameters()
            let kernel = test.kernels.f32_affine_gelu
            let plain = run(
                kernels_plain().pointee.f32_affine_gelu, x, scale: scale, shift: shift,
                onto: blank)
            for result in [
                run(kernel, x, scale: scale, shift: shift, onto: blank),
                runInPlace(kernel, x, scale: scale, shift: shift),
            ] {
                test.expect(result, plain: plain) { row, col in
                    let y = Self.affine(x[row, col], scale[col], shift[col])
                    // GELU's slope is below 1.13. 1 + erf has the rounding of 1 even where it
                    // cancels, and the argument multiplies that.
                    return (
                        Self.gelu(y.value),
                        1.13 * y.tolerance + 1.5 * Self.epsilon * abs(y.value) + 1e-44
                    )
                }
            }
        }
    }

    /// Where erf is ±1 in float32, nothing may be left of the rounding of the polynomials: it
    /// would be multiplied by the argument.
    @Test(arguments: KernelCase.sets)
    func geluOfLargeNumbersIsTheNumberOrZero(_ set: InstructionSet) {
        let magnitudes: [Float] = [12, 13.5, 30, 1e4, 1e15, 1e30, .greatestFiniteMagnitude]
        let x = GuardedMatrix(rows: 2, cols: magnitudes.count, gap: 3) { row, col in
            row == 0 ? magnitudes[col] : -magnitudes[col]
        }
        let result = runInPlace(
            set.kernels.f32_affine_gelu, x, scale: magnitudes.map { _ in 1 },
            shift: magnitudes.map { _ in 0 })
        for (col, magnitude) in magnitudes.enumerated() {
            #expect(result[0, col] == magnitude)
            #expect(result[1, col] == 0, "of \(-magnitude)")
        }
    }

    @Test(arguments: KernelCase.sets)
    func affineGluGatesTheFirstHalfWithTheSecond(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let cols = test.cols
            let (x, blank) = (test.matrix(cols: 2 * cols), test.matrix(salt: 1))
            let (scale, shift) = test.parameters(cols: 2 * cols)
            let plain = run(
                kernels_plain().pointee.f32_affine_glu, x, scale: scale, shift: shift,
                onto: blank)
            let result = run(
                test.kernels.f32_affine_glu, x, scale: scale, shift: shift, onto: blank)
            test.expect(result, plain: plain) { row, col in
                Self.glu(
                    Self.affine(x[row, col], scale[col], shift[col]),
                    Self.affine(x[row, cols + col], scale[cols + col], shift[cols + col]))
            }
        }
    }

    @Test(arguments: KernelCase.sets)
    func affineGluAddAddsTheScaledGate(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let cols = test.cols
            let (x, before) = (test.matrix(cols: 2 * cols), test.matrix(salt: 1))
            let (scale, shift) = test.parameters(cols: 2 * cols)
            let gamma = test.parameters(salt: 2).shift
            func result(_ kernels: kernel_table) -> GuardedMatrix {
                var out = before
                out.withMutablePointer { target in
                    x.withPointer {
                        kernels.f32_affine_glu_add(
                            test.rows, cols, scale, shift, gamma, $0, x.ld, target, before.ld)
                    }
                }
                return out
            }
            let plain = result(kernels_plain().pointee)
            test.expect(result(test.kernels), plain: plain) { row, col in
                let gated = Self.glu(
                    Self.affine(x[row, col], scale[col], shift[col]),
                    Self.affine(x[row, cols + col], scale[cols + col], shift[cols + col]))
                let (factor, old) = (Double(gamma[col]), Double(before[row, col]))
                let added = factor * gated.value
                return (
                    old + added,
                    abs(factor) * gated.tolerance + 2 * Self.epsilon * (abs(old) + abs(added))
                )
            }
        }
    }

    @Test(arguments: KernelCase.sets)
    func scaleRowsMultipliesEachRowByItsFactor(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let (x, blank) = (test.matrix(), test.matrix(salt: 1))
            // At least one, because a pointer to no elements may be any.
            let factor = test.parameters(cols: max(1, test.rows)).scale
            func result(_ kernels: kernel_table, inPlace: Bool) -> GuardedMatrix {
                var out = inPlace ? x : blank
                out.withMutablePointer { target in
                    x.withPointer { source in
                        kernels.f32_scale_rows(
                            test.rows, test.cols, factor, inPlace ? UnsafePointer(target) : source,
                            x.ld, target, blank.ld)
                    }
                }
                return out
            }
            let plain = result(kernels_plain().pointee, inPlace: false)
            for inPlace in [false, true] {
                test.expect(result(test.kernels, inPlace: inPlace), plain: plain) { row, col in
                    let value = Double(x[row, col]) * Double(factor[row])
                    return (value, Self.epsilon * abs(value) + 1e-44)
                }
            }
        }
    }

    @Test(arguments: KernelCase.sets)
    func addAddsAndMayWriteOntoEitherSide(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let (x, y) = (test.matrix(), test.matrix(salt: 1))
            func result(_ kernels: kernel_table, onto: Int) -> GuardedMatrix {
                var out = [test.matrix(salt: 2), x, y][onto]
                out.withMutablePointer { target in
                    x.withPointer { x in
                        y.withPointer { y in
                            kernels.f32_add(
                                test.rows, test.cols, onto == 1 ? UnsafePointer(target) : x,
                                test.cols + test.gap, onto == 2 ? UnsafePointer(target) : y,
                                test.cols + test.gap, target, test.cols + test.gap)
                        }
                    }
                }
                return out
            }
            let plain = result(kernels_plain().pointee, onto: 0)
            for onto in 0...2 {
                test.expect(result(test.kernels, onto: onto), plain: plain) { row, col in
                    let (a, b) = (Double(x[row, col]), Double(y[row, col]))
                    return (a + b, Self.epsilon * abs(a + b))
                }
            }
        }
    }
}
