import Signal
import Tensor
import TestSupport
import Testing

/// Factors of random and of singular matrices.
struct CholeskyTests {
    private let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    private func noise(_ count: Int, seed: UInt64) -> [Double] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in 2 * random.unit() - 1 }
    }

    /// BᵀB for a random B with `rows` rows, so its rank is at most `rows`.
    private func gram(_ order: Int, rows: Int) -> [[Double]] {
        let b = noise(order * rows, seed: 5)
        return (0..<order).map { i in
            (0..<order).map { j in
                (0..<rows).reduce(0) { $0 + b[$1 * order + i] * b[$1 * order + j] }
            }
        }
    }

    /// L·D·Lᵀ of the ratios below each column, with D from A = L·D·Lᵀ column by column.
    private func rebuilt(_ factor: Cholesky, like a: [[Double]]) -> [[Double]] {
        let order = factor.order
        // Ratios are unit lower triangular: the pivots follow from A's diagonal.
        var unit = [[Double]](repeating: [Double](repeating: 0, count: order), count: order)
        for column in 0..<order {
            unit[column][column] = 1
            for (index, ratio) in factor.ratios(below: column).enumerated() {
                unit[column + 1 + index][column] = Double(ratio)
            }
        }
        var pivots = [Double](repeating: 0, count: order)
        for row in 0..<order {
            pivots[row] = a[row][row]
            for k in 0..<row { pivots[row] -= unit[row][k] * unit[row][k] * pivots[k] }
        }
        return (0..<order).map { i in
            (0...i).map { j in
                (0...j).reduce(0.0) { sum, k -> Double in
                    sum + unit[i][k] * pivots[k] * unit[j][k]
                }
            }
        }
    }

    private func largestError(_ factor: Cholesky, _ a: [[Double]]) -> Double {
        zip(rebuilt(factor, like: a), a).map { row, expected in
            zip(row, expected).map { abs($0 - $1) }.max() ?? 0
        }.max() ?? .infinity
    }

    /// Sizes below a block of columns, at its end, and above it.
    @Test(arguments: [4, 60, 64, 68, 132, 320])
    func factorsMultiplyToTheMatrix(order: Int) {
        let a = gram(order, rows: order + 20)
        let factor = Cholesky(order: order, on: backend) { a[$0][$1] }
        // The ratios are float32; the elements are at most about 100.
        #expect(largestError(factor, a) < 1e-3)
    }

    @Test func dependentRowsHaveNoRatios() {
        // Rows 70 … 139 repeat the first 70.
        let half = gram(70, rows: 90)
        let a = (0..<140).map { i in (0..<140).map { half[i % 70][$0 % 70] } }
        let factor = Cholesky(order: 140, on: backend) { a[$0][$1] }
        #expect(largestError(factor, a) < 1e-3)
        for column in 70..<140 { #expect(factor.ratios(below: column).allSatisfy { $0 == 0 }) }
    }

    @Test func zerosHaveNoRatios() {
        let factor = Cholesky(order: 8, on: backend) { _, _ in 0 }
        #expect(factor.ratios(below: 0) == .init(repeating: 0, count: 7))
    }
}
