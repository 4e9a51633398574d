// Also Embedded Swift: typed throws, no key paths, no casts.
// The factor of a symmetric positive semidefinite matrix with a few thousand rows: that of GPTQ.

import Tensor

/// The Cholesky factor L of a symmetric positive semidefinite matrix A = L·Lᵀ, in double precision.
///
/// A matrix of correlations is singular if two channels are equal. A row that is, up to rounding, a
/// linear combination of earlier ones has zeros in its column of L.
///
/// Blocked and left-looking (Golub and Van Loan, "Matrix Computations", 4.2). Rows are stored in panels
/// of four, in which the four elements of a column are neighbours; a panel ends at its diagonal.
package struct Cholesky {
    package let order: Int

    /// Rows of a panel.
    private static let panelRows = 4
    /// Columns factorised at once: their panels stay in the level-2 cache.
    private static let blockColumns = 64
    /// Length of the inner dimension between two updates of a tile of the result: a panel's part
    /// fits the level-1 cache.
    private static let innerBlock = 256

    private var panels: [SIMD4<Double>]
    /// 1 / L[i][i]; 0 for dependent rows.
    private var inverseDiagonal: [Double]

    /// Factorises a matrix.
    ///
    /// - Parameters:
    ///   - order: a multiple of four.
    ///   - element: A[row][column] for columns up to the end of the row's panel.
    package init(
        order: Int, on backend: Backend, element: (_ row: Int, _ column: Int) -> Double
    ) {
        precondition(order % Cholesky.panelRows == 0)
        self.order = order
        inverseDiagonal = [Double](repeating: 0, count: order)
        panels = []
        panels.reserveCapacity(Cholesky.offset(order / 4))
        var diagonal: [Double] = []
        for panel in 0..<order / 4 {
            let row = 4 * panel
            for column in 0..<row + 4 {
                panels.append(
                    SIMD4(
                        element(row, column), element(row + 1, column), element(row + 2, column),
                        element(row + 3, column)))
            }
            diagonal += (row..<row + 4).map { element($0, $0) }
        }
        let panelCount = order / 4
        panels.withUnsafeMutableBufferPointer { panels in
            inverseDiagonal.withUnsafeMutableBufferPointer { inverse in
                // The closures run on several threads, so they capture constants; each writes its
                // own panels.
                let (panels, inverse) = (panels.baseAddress!, inverse.baseAddress!)
                for start in stride(from: 0, to: order, by: Cholesky.blockColumns) {
                    let end = min(order, start + Cholesky.blockColumns)
                    // The panels of a group use the block's panels while they are in the cache.
                    let groupPanels = 16
                    let groups = (panelCount - start / 4 + groupPanels - 1) / groupPanels
                    backend.parallelFor(groups) { group in
                        let first = start / 4 + group * groupPanels
                        Cholesky.update(
                            panels, first..<min(panelCount, first + groupPanels), start, end)
                    }
                    let block = Cholesky.factorise(panels, inverse, diagonal, start, end)
                    backend.parallelFor(panelCount - end / 4) { index in
                        Cholesky.solve(
                            panels + Cholesky.offset(end / 4 + index), block, inverse, start, end)
                    }
                }
            }
        }
    }

    /// Index of a panel's first element: earlier panels have 4, 8, 12 … columns.
    private static func offset(_ panel: Int) -> Int { 2 * panel * (panel + 1) }

    /// Subtracts the products of the columns before `start` from the columns `start ..< end` of the
    /// panels `rows`.
    private static func update(
        _ panels: UnsafeMutablePointer<SIMD4<Double>>, _ rows: Range<Int>, _ start: Int, _ end: Int
    ) {
        for inner in Swift.stride(from: 0, to: start, by: innerBlock) {
            let count = min(innerBlock, start - inner)
            for row in rows {
                let a = panels + offset(row) + inner
                for column in start / 4..<min(row + 1, end / 4) {
                    let b = panels + offset(column) + inner
                    var (c0, c1) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
                    var (c2, c3) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
                    for k in 0..<count {
                        let (a, b) = (a[k], b[k])
                        c0 += a * b.x
                        c1 += a * b.y
                        c2 += a * b.z
                        c3 += a * b.w
                    }
                    let target = panels + offset(row) + 4 * column
                    target[0] -= c0
                    target[1] -= c1
                    target[2] -= c2
                    target[3] -= c3
                }
            }
        }
    }

    /// Factorises the block on the diagonal.
    ///
    /// - Parameter diagonal: A's diagonal; a far smaller pivot is a rounding error.
    /// - Returns: the block's factor, row-major.
    private static func factorise(
        _ panels: UnsafeMutablePointer<SIMD4<Double>>, _ inverse: UnsafeMutablePointer<Double>,
        _ diagonal: [Double], _ start: Int, _ end: Int
    ) -> [Double] {
        let count = end - start
        var block = [Double](repeating: 0, count: count * count)
        for i in 0..<count {
            let panel = panels + offset((start + i) / 4)
            let lane = (start + i) % 4
            for j in 0...i {
                var sum = panel[start + j][lane]
                for k in 0..<j { sum -= block[i * count + k] * block[j * count + k] }
                if j < i {
                    block[i * count + j] = sum * inverse[start + j]
                } else {
                    // The limit is four units in the last place of A's diagonal element.
                    let isIndependent = sum > 4 * .ulpOfOne * diagonal[start + i]
                    let root = isIndependent ? sum.squareRoot() : 0
                    block[i * count + i] = root
                    inverse[start + i] = isIndependent ? 1 / root : 0
                }
                panel[start + j][lane] = block[i * count + j]
            }
        }
        return block
    }

    /// Solves four rows below the block for L, with the block's factor.
    private static func solve(
        _ panel: UnsafeMutablePointer<SIMD4<Double>>, _ block: [Double],
        _ inverse: UnsafePointer<Double>, _ start: Int, _ end: Int
    ) {
        let count = end - start
        let x = panel + start
        block.withUnsafeBufferPointer { block in
            for j in 0..<count {
                var sum = x[j]
                for k in 0..<j { sum -= x[k] * block[j * count + k] }
                x[j] = sum * inverse[start + j]
            }
        }
    }

    /// Column `column` of L below its diagonal, divided by the element on the diagonal; zeros for a
    /// dependent row.
    package func ratios(below column: Int) -> [Float] {
        (column + 1..<order).map { row in
            Float(panels[Cholesky.offset(row / 4) + column][row % 4] * inverseDiagonal[column])
        }
    }
}
