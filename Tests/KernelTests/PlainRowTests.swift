// The plain kernels with sums over rows: moments, layer normalisation, softmax.

import CKernels
import Foundation
import TestSupport
import Testing

@Suite struct PlainRowTests {
    @Test func momentsAddUp() {
        var numbers = SplitMix64(seed: 1)
        for (rows, cols) in Matrix.sizes {
            for offset: Float in [0, 1e5] {
                let x = Matrix(rows, cols, offset: offset, &numbers)
                let values = (0..<rows).flatMap { row in (0..<cols).map { x[row, $0] } }
                var sums = [12.5, -3.25]
                plain.f32_moments(rows, cols, x.floats, x.ld, &sums)
                // The double sums may be in any order.
                let exact = [
                    values.reduce(12.5, +), values.reduce(-3.25) { $0 + $1 * $1 },
                ]
                for (found, exact) in zip(sums, exact) {
                    #expect(abs(found - exact) <= 1e-13 * Double(values.count + 2) * abs(exact))
                }
            }
        }
    }

    @Test func layerNormNormalisesEachRow() {
        var numbers = SplitMix64(seed: 2)
        for (rows, cols) in Matrix.sizes {
            let (gain, bias) = (numbers.floats(cols, scale: 1, offset: 1), numbers.floats(cols))
            // Numbers around zero, far from zero, and equal ones, with only epsilon under the root.
            for (scale, offset) in [(3, 0), (1, -1000), (0, 0.1)] as [(Float, Float)] {
                let x = Matrix(rows, cols, scale: scale, offset: offset, &numbers)
                var out = x
                plain.f32_layer_norm(
                    rows, cols, gain, bias, 1e-5, x.floats, x.ld, &out.floats, out.ld)
                let count = Double(cols)
                let means = (0..<rows).map { row in
                    (0..<cols).reduce(0) { $0 + x[row, $1] } / count
                }
                let factors = (0..<rows).map { row in
                    let squares = (0..<cols).reduce(0) { $0 + pow(x[row, $1] - means[row], 2) }
                    return 1 / (squares / count + Double(Float(1e-5))).squareRoot()
                }
                out.expect { row, col in
                    let normal = (x[row, col] - means[row]) * factors[row]
                    let value = normal * Double(gain[col]) + Double(bias[col])
                    // Rounding errors: of the mean and of three products, then of the sum.
                    let mean = epsilon * abs(means[row]) * factors[row]
                    return (
                        value,
                        abs(Double(gain[col])) * (mean + 3 * epsilon * abs(normal))
                            + epsilon * (abs(value) + abs(Double(bias[col])))
                    )
                }
                var rounded = [UInt16](repeating: 7, count: max(1, rows * cols))
                plain.bf16_layer_norm(
                    rows, cols, gain, bias, 1e-5, x.floats, x.ld, &rounded, cols)
                for row in 0..<rows {
                    #expect(
                        rounded[row * cols..<(row + 1) * cols].elementsEqual(
                            (0..<cols).map { bfloat16(out.floats[row * out.ld + $0]) }))
                }
            }
        }
    }

    /// The state of a running softmax, for each row.
    private struct Running {
        var maxima: [Float]
        var sums: [Float]
        var correction: [Float]
        var rowScales: [Float]

        init(rows: Int) {
            maxima = Array(repeating: -.infinity, count: rows)
            sums = Array(repeating: 0, count: rows)
            (correction, rowScales) = (sums, sums)
        }
    }

    private enum Kind: CaseIterable {
        case float32, bfloat16, int8
    }

    /// Runs one step and returns the exponentials of the tile, relative to the maximum so far.
    private func step(
        _ kind: Kind, _ tile: Matrix, slope: Float, _ running: inout Running
    ) -> [[Double]] {
        var x = tile
        let (rows, cols, ld) = (x.rows, x.cols, x.ld)
        switch kind {
        case .float32:
            plain.f32_softmax_step(
                rows, cols, slope, &x.floats, ld, &running.maxima, &running.sums,
                &running.correction)
        case .bfloat16:
            plain.bf16_softmax_step(
                rows, cols, slope, &x.floats, ld, &running.maxima, &running.sums,
                &running.correction)
        case .int8:
            plain.q8_softmax_step(
                rows, cols, slope, &x.floats, ld, &running.maxima, &running.sums,
                &running.correction, &running.rowScales)
        }
        return x.floats.withUnsafeBytes { bytes in
            (0..<rows).map { row in
                (0..<cols).map { col -> Double in
                    switch kind {
                    case .float32: return x[row, col]
                    case .bfloat16:
                        return Double(
                            widened(
                                bytes.load(
                                    fromByteOffset: 4 * row * ld + 2 * col, as: UInt16.self)))
                    case .int8:
                        let quantized = bytes.load(
                            fromByteOffset: 4 * row * ld + col, as: Int8.self)
                        return Double(quantized) * Double(running.rowScales[row])
                    }
                }
            }
        }
    }

    /// Checks that steps over tiles give one softmax; earlier tiles are corrected like attention's
    /// sums.
    private func expectSoftmax(_ kind: Kind, _ tiles: [Matrix], slope: Float) {
        var running = Running(rows: tiles[0].rows)
        var rows = Array(repeating: [Double](), count: tiles[0].rows)
        for tile in tiles {
            let exponentials = step(kind, tile, slope: slope, &running)
            for row in rows.indices {
                rows[row] = rows[row].map { $0 * Double(running.correction[row]) }
                rows[row] += exponentials[row]
            }
        }
        for row in rows.indices {
            let scores = tiles.flatMap { tile in
                (0..<tile.cols).map { Double(slope) * tile[row, $0] }
            }
            let maximum = scores.max() ?? 0
            let sum = scores.reduce(0) { $0 + exp2($1 - maximum) }
            for (col, score) in scores.enumerated() {
                let exact = exp2(score - maximum) / sum
                // The rounding error of the exponent, which is relative in the power, and a few
                // more in each tile, of this exponential and of the sum, in which the largest terms
                // dominate.
                let error =
                    epsilon * (2 * (abs(score) + abs(maximum)) + 32 * Double(tiles.count))
                // Rounding to 8 bits: half a unit. INT8: half a step of 1/127, also of the sum's
                // terms.
                let rounding =
                    switch kind {
                    case .float32: 0.0
                    case .bfloat16: 0x1p-8 * exact
                    case .int8: (0.51 / 127) * (1 / sum + exact * Double(scores.count) / sum)
                    }
                let found = rows[row][col] / Double(running.sums[row])
                #expect(
                    abs(found - exact) <= exact * error + rounding + 1e-37,
                    "\(kind), row \(row), column \(col)")
            }
        }
    }

    @Test func stepsOverTilesMakeOneSoftmax() {
        for cols in [1, 2, 3, 17, 129] {
            var numbers = SplitMix64(seed: UInt64(cols))
            let tiles = (0..<4).map { tile in
                Matrix(3, cols, gap: tile) { row, _ in
                    // Maxima rise from tile to tile, fall, or do neither.
                    [Float(5 * tile), Float(-5 * tile), 0][row] + 4 * numbers.float()
                }
            }
            for kind in Kind.allCases { expectSoftmax(kind, tiles, slope: 0.37) }
        }
    }

    @Test func hugeAndEqualNumbersStayFinite() {
        var numbers = SplitMix64(seed: 11)
        // The rows: a first tile far below all others; equal numbers; numbers far below zero;
        // numbers far above zero, where exponentials overflow.
        let tiles = [
            Matrix(4, 19) { row, _ in
                [-1e30, 3, -1e4 + numbers.float(), 1e4 + numbers.float()][row]
            },
            Matrix(4, 19) { row, _ in
                [numbers.float(), 3, -1e4 + numbers.float(), 500 * numbers.float()][row]
            },
            Matrix(4, 19) { row, _ in [-1e30, 3, -1e30, -500][row] },
        ]
        expectSoftmax(.float32, tiles, slope: 1)
    }

    /// Zeros after a row fill up its last group.
    @Test func rowsArePadded() {
        for cols in 1...9 {
            let x = Matrix(1, cols, gap: 0) { _, col in Float(col) }
            var running = Running(rows: 1)
            var (quantized, rounded) = (x, x)
            plain.q8_softmax_step(
                1, cols, 1, &quantized.floats, cols, &running.maxima, &running.sums,
                &running.correction, &running.rowScales)
            plain.bf16_softmax_step(
                1, cols, 1, &rounded.floats, cols, &running.maxima, &running.sums,
                &running.correction)
            let padded = (cols + 3) / 4 * 4
            quantized.floats.withUnsafeBytes { #expect($0[cols..<padded].allSatisfy { $0 == 0 }) }
            rounded.floats.withUnsafeBytes { bytes in
                let behind = bytes[2 * cols..<2 * (cols + cols % 2)]
                #expect(behind.allSatisfy { $0 == 0 })
            }
        }
    }
}
