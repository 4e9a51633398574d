// The running softmax, step by step and over whole rows.

import CKernels
import Foundation
import Tensor
import Testing

@Suite struct SoftmaxKernelTests {
    private static let epsilon = KernelCase.epsilon
    /// The fast kernels give 2^−126 = 1.2e-38 for everything below it, instead of subnormal numbers
    /// or zero: nothing that a sum of exponentials, at least 1, could see.
    private static let least = 1.2e-38

    /// What a row has seen so far.
    private struct Running {
        var maxima: [Float]
        var sums: [Float]
        var correction: [Float]

        init(rows: Int) {
            // At least one, because a pointer to no elements may be any.
            maxima = Array(repeating: -.infinity, count: max(1, rows))
            sums = Array(repeating: 0, count: max(1, rows))
            correction = Array(repeating: .nan, count: max(1, rows))
        }

        mutating func step(_ kernels: kernel_table, slope: Float, _ x: inout GuardedMatrix) {
            let (rows, cols, ld) = (x.rows, x.cols, x.ld)
            x.withMutablePointer {
                kernels.f32_softmax_step(
                    rows, cols, slope, $0, ld, &maxima, &sums, &correction)
            }
        }
    }

    /// 2^argument for an argument that is off by `error`, which becomes a relative error of the
    /// result beside a few roundings of the power itself.
    private static func exponential(
        _ argument: Double, error: Double
    ) -> (value: Double, tolerance: Double) {
        let value = exp2(argument)
        return (value, value * (2 * error + 4 * epsilon) + least)
    }

    @Test(arguments: KernelCase.sets)
    func stepGivesExponentialsBelowTheMaximum(_ set: InstructionSet) {
        for test in KernelCase.all(of: set) {
            let x = test.matrix()
            for slope: Float in [1, 0.125, 0.37] {
                expectStep(test, x, slope: slope)
            }
        }
    }

    private func expectStep(_ test: KernelCase, _ x: GuardedMatrix, slope: Float) {
        var (result, plain) = (x, x)
        var (running, plainRunning) = (Running(rows: x.rows), Running(rows: x.rows))
        running.step(test.kernels, slope: slope, &result)
        plainRunning.step(kernels_plain().pointee, slope: slope, &plain)
        test.expect(result, plain: plain) { row, col in
            let sloped = Double(slope) * Double(x[row, col])
            let maximum = Double(plainRunning.maxima[row])
            return Self.exponential(
                sloped - maximum, error: Self.epsilon * (abs(sloped) + abs(maximum)))
        }
        for row in 0..<x.rows {
            let maximum = (0..<x.cols).map { slope * x[row, $0] }.max()
            #expect(running.maxima[row] == maximum, "\(test)")
            // What was summed are the rounded exponentials.
            let sum = (0..<x.cols).reduce(0.0) { $0 + Double(result[row, $1]) }
            #expect(abs(Double(running.sums[row]) - sum) <= 16 * Self.epsilon * sum, "\(test)")
            #expect(running.correction[row] <= Float(Self.least), "\(test): nothing came before")
        }
    }

    /// Softmax of whole rows in tiles, the earlier ones corrected as attention corrects its sums.
    private func softmax(
        _ kernels: kernel_table, _ tiles: [GuardedMatrix], slope: Float
    ) -> [[Double]] {
        var running = Running(rows: tiles[0].rows)
        var rows = Array(repeating: [Double](), count: tiles[0].rows)
        for tile in tiles {
            var tile = tile
            running.step(kernels, slope: slope, &tile)
            for row in rows.indices {
                rows[row] = rows[row].map { $0 * Double(running.correction[row]) }
                rows[row] += (0..<tile.cols).map { Double(tile[row, $0]) }
            }
        }
        return rows.enumerated().map { row, values in
            values.map { $0 / Double(running.sums[row]) }
        }
    }

    private func expectSoftmax(_ set: InstructionSet, _ tiles: [GuardedMatrix], slope: Float) {
        let found = softmax(set.kernels, tiles, slope: slope)
        for row in 0..<tiles[0].rows {
            let values = tiles.flatMap { tile in
                (0..<tile.cols).map { Double(slope) * Double(tile[row, $0]) }
            }
            let maximum = values.max() ?? 0
            let sum = values.reduce(0) { $0 + exp2($1 - maximum) }
            for (col, value) in values.enumerated() {
                // Each step of the maximum adds the rounding of one exponential.
                let exact = Self.exponential(
                    value - maximum,
                    error: Self.epsilon * (abs(value) + abs(maximum) + 8 * Double(tiles.count)))
                let difference = abs(found[row][col] - exact.value / sum)
                // The error of the sum, dominated by its largest terms.
                let sumError = 16 * Self.epsilon * (abs(maximum) + Double(tiles.count))
                #expect(
                    difference <= exact.tolerance / sum + exact.value / sum * sumError,
                    "\(set.rawValue), row \(row), column \(col)")
            }
        }
    }

    @Test(arguments: KernelCase.sets)
    func stepsOverTilesMakeOneSoftmax(_ set: InstructionSet) {
        for cols in KernelCase.columns {
            var numbers = SeededNumbers(seed: cols)
            let tiles = (0..<4).map { tile in
                GuardedMatrix(rows: 3, cols: cols, gap: tile) { row, _ in
                    // Maxima that rise from tile to tile, that fall, and neither.
                    [Float(5 * tile), Float(-5 * tile), 0][row] + 4 * numbers.unit()
                }
            }
            expectSoftmax(set, tiles, slope: 0.37)
        }
    }

    @Test(arguments: KernelCase.sets)
    func hugeAndEqualNumbersStayFinite(_ set: InstructionSet) {
        var numbers = SeededNumbers(seed: 11)
        let cols = 19
        // Row by row: a first tile far below everything, equal numbers, numbers far below zero,
        // and far above, where exponentials overflow.
        let first = GuardedMatrix(rows: 4, cols: cols, gap: 2) { row, _ in
            [-1e30, 3, -1e4 + numbers.unit(), 1e4 + numbers.unit()][row]
        }
        let second = GuardedMatrix(rows: 4, cols: cols, gap: 2) { row, _ in
            [numbers.unit(), 3, -1e4 + numbers.unit(), 500 * numbers.unit()][row]
        }
        let third = GuardedMatrix(rows: 4, cols: cols, gap: 2) { row, _ in
            [-1e30, 3, -1e30, -500][row]
        }
        expectSoftmax(set, [first, second, third], slope: 1)

        let rows = softmax(set.kernels, [first, second, third], slope: 1)
        #expect(rows[0][0] < 1e-30, "the first tile counts no more")
        for value in rows[1] { #expect(abs(value - 1 / Double(3 * cols)) < 1e-8) }
        #expect(rows.allSatisfy { $0.allSatisfy(\.isFinite) })
    }
}
