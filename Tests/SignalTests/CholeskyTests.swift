import Signal
import Tensor
import TestSupport
import Testing

/// Linear systems with known solutions.
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

    private func product(_ a: [[Double]], _ x: [Double]) -> [Double] {
        a.map { row in zip(row, x).reduce(0) { $0 + $1.0 * $1.1 } }
    }

    /// Sizes below a block of columns, at its end, and above it.
    @Test(arguments: [4, 60, 64, 68, 132, 320])
    func solutionSatisfiesTheEquations(order: Int) {
        let a = gram(order, rows: order + 20)
        let x = noise(order, seed: 6)
        let factor = Cholesky(order: order, on: backend) { a[$0][$1] }
        let solution = factor.solution(of: product(a, x))
        let error = zip(solution, x).map { abs($0 - $1) }.max() ?? .infinity
        // The condition number of these matrices is about 1e5; double precision has 16 digits.
        #expect(error < 1e-9)
    }

    @Test func dependentUnknownsAreLeftOut() {
        // Unknowns 70 … 139 repeat the first 70.
        let half = gram(70, rows: 90)
        let a = (0..<140).map { i in (0..<140).map { half[i % 70][$0 % 70] } }
        let right = product(a, noise(140, seed: 7))
        let factor = Cholesky(order: 140, on: backend) { a[$0][$1] }
        let solution = factor.solution(of: right)
        let residual = zip(product(a, solution), right).map { abs($0 - $1) }.max() ?? .infinity
        #expect(residual < 1e-9)
        #expect(solution.allSatisfy { abs($0) < 100 })
    }

    @Test func zerosHaveTheSolutionZero() {
        let factor = Cholesky(order: 8, on: backend) { _, _ in 0 }
        #expect(
            factor.solution(of: [Double](repeating: 1, count: 8)) == .init(repeating: 0, count: 8))
    }
}
