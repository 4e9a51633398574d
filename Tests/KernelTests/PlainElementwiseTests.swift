// The plain elementwise kernels: affine maps, GELU, GLU, rounding, scaling, adding.

import CKernels
import Foundation
import TestSupport
import Testing

@Suite struct PlainElementwiseTests {
    /// y = x · scale + shift, with the rounding errors of the product and of the sum.
    private static func affine(
        _ x: Double, _ scale: Float, _ shift: Float
    ) -> (value: Double, tolerance: Double) {
        let product = x * Double(scale)
        return (product + Double(shift), epsilon * (abs(product) + abs(Double(shift))))
    }

    /// GELU's slope is below 1.13. 1 + erf has the rounding error of 1 even where it cancels, and
    /// the argument multiplies this error.
    private static func gelu(
        _ y: (value: Double, tolerance: Double)
    ) -> (value: Double, tolerance: Double) {
        (
            0.5 * y.value * erfc(-y.value / 2.0.squareRoot()),
            1.13 * y.tolerance + 1.5 * epsilon * abs(y.value)
        )
    }

    /// exp turns the gate's absolute error into a relative one, and rounds a few times itself.
    private static func glu(
        _ y: (value: Double, tolerance: Double), _ gate: (value: Double, tolerance: Double)
    ) -> (value: Double, tolerance: Double) {
        let factor = 1 / (1 + exp(-gate.value))
        let result = y.value * factor
        return (
            result, factor * y.tolerance + abs(result) * (2 * gate.tolerance + 4 * epsilon)
        )
    }

    @Test func affineMapsAndWhatStandsOnThem() {
        var numbers = SplitMix64(seed: 1)
        for (rows, cols) in Matrix.sizes {
            let x = Matrix(rows, 2 * cols, &numbers)
            let before = Matrix(rows, cols, &numbers)
            let scale = numbers.floats(2 * cols, scale: 0.5, offset: 1)
            let (shift, gamma) = (numbers.floats(2 * cols), numbers.floats(cols))
            func run(_ body: (UnsafeMutablePointer<Float>) -> Void) -> Matrix {
                var out = before
                out.floats.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
                return out
            }
            let ld = before.ld
            func y(_ row: Int, _ col: Int) -> (value: Double, tolerance: Double) {
                Self.affine(x[row, col], scale[col], shift[col])
            }
            run { plain.f32_affine(rows, cols, scale, shift, x.floats, x.ld, $0, ld) }.expect(y)
            run { plain.f32_affine_add(rows, cols, scale, shift, x.floats, x.ld, $0, ld) }
                .expect { row, col in
                    let (old, added) = (before[row, col], y(row, col))
                    return (
                        old + added.value,
                        added.tolerance + epsilon * (abs(old) + abs(added.value))
                    )
                }
            run { plain.f32_affine_gelu(rows, cols, scale, shift, x.floats, x.ld, $0, ld) }
                .expect { Self.gelu(y($0, $1)) }
            run { plain.f32_affine_glu(rows, cols, scale, shift, x.floats, x.ld, $0, ld) }
                .expect { Self.glu(y($0, $1), y($0, cols + $1)) }
            run {
                plain.f32_affine_glu_add(rows, cols, scale, shift, gamma, x.floats, x.ld, $0, ld)
            }.expect { row, col in
                let gated = Self.glu(y(row, col), y(row, cols + col))
                let (old, added) = (before[row, col], Double(gamma[col]) * gated.value)
                return (
                    old + added,
                    abs(Double(gamma[col])) * gated.tolerance
                        + 2 * epsilon * (abs(old) + abs(added))
                )
            }
        }
    }

    /// Compares with the formulas of nn.LSTM in double.
    @Test func stepOfALongShortTermMemory() {
        var numbers = SplitMix64(seed: 9)
        func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
        for (rows, cols) in Matrix.sizes {
            let gates = Matrix(rows, 4 * cols, &numbers)
            let before = Matrix(rows, cols, &numbers)
            var (state, out) = (before, before)
            let (ldg, ld) = (gates.ld, before.ld)
            state.floats.withUnsafeMutableBufferPointer { state in
                out.floats.withUnsafeMutableBufferPointer { out in
                    plain.f32_lstm_cell(
                        rows, cols, gates.floats, ldg, state.baseAddress!, ld, out.baseAddress!,
                        ld)
                }
            }
            func next(_ row: Int, _ col: Int) -> Double {
                sigmoid(gates[row, cols + col]) * before[row, col]
                    + sigmoid(gates[row, col]) * tanh(gates[row, 2 * cols + col])
            }
            state.expect { (next($0, $1), 16 * epsilon) }
            out.expect { row, col in
                (sigmoid(gates[row, 3 * cols + col]) * tanh(next(row, col)), 16 * epsilon)
            }
        }
    }

    /// Where erf is ±1 in float32, the result has no rounding error; where an exponential
    /// overflows, the gate is closed.
    @Test func largeNumbersPassOrVanish() {
        let large: [Float] = [12, 88.5, 1e4, 1e30, .greatestFiniteMagnitude]
        let (ones, zeros) = (large.map { _ in Float(1) }, large.map { _ in Float(0) })
        var out = zeros
        plain.f32_affine_gelu(1, 5, ones, zeros, large, 5, &out, 5)
        #expect(out == large)
        plain.f32_affine_gelu(1, 5, ones, zeros, large.map { -$0 }, 5, &out, 5)
        #expect(out == zeros)
        plain.f32_affine_glu(
            1, 1, [1, 1], [0, 0], [2, -.greatestFiniteMagnitude], 2, &out, 1)
        #expect(out[0] == 0)
    }

    @Test func coarseKernelsAreTheOthers() {
        let (x, ones, zeros): ([Float], [Float], [Float]) = ([0.3, -2], [1, 1], [0, 0])
        var (fine, coarse): ([Float], [Float]) = ([0, 0], [0, 0])
        plain.f32_affine_gelu(1, 2, ones, zeros, x, 2, &fine, 2)
        plain.coarse_affine_gelu(1, 2, ones, zeros, x, 2, &coarse, 2)
        #expect(fine == coarse)
        var rounded: [UInt16] = [0, 0]
        plain.bf16_affine_gelu(1, 2, ones, zeros, x, 2, &rounded, 2)
        #expect(rounded == fine.map(bfloat16))
        plain.f32_affine_glu(1, 1, ones, zeros, x, 2, &fine, 1)
        plain.coarse_affine_glu(1, 1, ones, zeros, x, 2, &coarse, 1)
        #expect(fine[0] == coarse[0])
        plain.f32_affine_glu_add(1, 1, ones, zeros, [3], x, 2, &fine, 1)
        plain.coarse_affine_glu_add(1, 1, ones, zeros, [3], x, 2, &coarse, 1)
        #expect(fine[0] == coarse[0])
    }

    @Test func roundingIsToNearestAndEven() {
        var numbers = SplitMix64(seed: 2)
        let edges: [Float] = [1 + 0x1p-8, 1 + 0x3p-8, -0x1p-130, 0, -0.0]
        let x = edges + numbers.floats(96)
        var out = [UInt16](repeating: 7, count: x.count + 2)
        plain.bf16_round(1, x.count, x, x.count, &out, x.count)
        #expect(out.dropLast(2) == x.map(bfloat16)[...])
        #expect(out[0] == 0x3F80 && out[1] == 0x3F82, "ties")
        #expect(out.suffix(2) == [0, 7], "a zero behind an odd number")
        plain.bf16_round(1, 2, [.nan, Float(bitPattern: 0x7F80_0001)], 2, &out, 2)
        #expect(out.prefix(2).allSatisfy { widened($0).isNaN })
    }

    @Test func rowsInBFloat16AreAdded() {
        var numbers = SplitMix64(seed: 12)
        for (rows, cols) in Matrix.sizes {
            let (x, before) = (Matrix(rows, cols, &numbers), Matrix(rows, cols, gap: 1, &numbers))
            var rounded = [UInt16](repeating: 0, count: rows * cols)
            for row in 0..<rows {
                for col in 0..<cols { rounded[row * cols + col] = bfloat16(Float(x[row, col])) }
            }
            var out = before
            plain.bf16_add(rows, cols, rounded, cols, &out.floats, out.ld)
            out.expect { row, col in
                let value = before[row, col] + Double(widened(rounded[row * cols + col]))
                return (value, epsilon * abs(value))
            }
        }
    }

    @Test func rowsAreScaledAndAdded() {
        var numbers = SplitMix64(seed: 3)
        for (rows, cols) in Matrix.sizes {
            let (x, y) = (Matrix(rows, cols, &numbers), Matrix(rows, cols, gap: 1, &numbers))
            let factor = numbers.floats(max(1, rows))
            var out = x
            plain.f32_scale_rows(rows, cols, factor, x.floats, x.ld, &out.floats, out.ld)
            out.expect { row, col in
                let value = x[row, col] * Double(factor[row])
                return (value, epsilon * abs(value))
            }
            plain.f32_add(rows, cols, x.floats, x.ld, y.floats, y.ld, &out.floats, out.ld)
            out.expect { row, col in
                let value = x[row, col] + y[row, col]
                return (value, epsilon * abs(value))
            }
            var largest = [Float](repeating: 0.25, count: cols)
            plain.f32_column_magnitudes(rows, cols, x.floats, x.ld, &largest)
            for col in 0..<cols {
                let exact = (0..<rows).reduce(0.25) { max($0, abs(x[$1, col])) }
                #expect(Double(largest[col]) == exact)
            }
        }
        var largest: [Float] = [1, 1]
        plain.f32_column_magnitudes(2, 2, [.nan, 3, 2, -5], 2, &largest)
        #expect(largest[0].isNaN && largest[1] == 5)
    }

    @Test func gatheredTapsAreADilatedConvolutionsSum() {
        var numbers = SplitMix64(seed: 4)
        for (length, first, rows, dilation) in [
            (9, 0, 9, 1), (9, 0, 9, 2), (9, 3, 4, 2), (3, 0, 3, 4), (1, 0, 1, 1),
        ] {
            let (x, bias) = (Matrix(length, 3 * 5, scale: 1, &numbers), numbers.floats(5))
            var out = Matrix(rows, 5) { _, _ in .nan }
            plain.f32_gather_taps(
                first, rows, 5, dilation, bias, x.floats, x.ld, length, &out.floats, out.ld)
            out.expect { row, col in
                let taps = (0..<3).map { tap -> Double in
                    let source = first + row + (tap - 1) * dilation
                    return (0..<length).contains(source) ? x[source, tap * 5 + col] : 0
                }
                // Three sums of at most 4 are rounded.
                return (taps.reduce(Double(bias[col]), +), 3 * 4 * epsilon)
            }
        }
    }
}
