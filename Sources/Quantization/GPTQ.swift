// Rounding one input's weights after the other, each so that it makes up for the errors of those
// before it (Frantar et al. 2022, arXiv:2210.17323; in the form of Chee et al. 2023, arXiv:2307.13304).

import Layers
import Tensor

/// The rounding of a matrix of weights W to Ŵ for which E[|x·(Ŵ − W)|²] is small.
///
/// With E = Ŵ − W and E[xᵀx] = L·D·Lᵀ, L with ones on its diagonal, a column e of E adds
/// Σ_k D_k·(e_k + Σ_{j>k} L_jk·e_j)² to that mean square. So the weights are rounded from the last input
/// to the first: each to the code that is nearest to w_k − Σ_{j>k} L_jk·e_j, which makes its own term as
/// small as it gets. Inputs with large squares come first: those after them can still make up for
/// their errors.
package struct GPTQ {
    /// Added to the diagonal, as a part of its mean: keeps inputs that the calibration never showed
    /// from being used for large corrections.
    private static let damping: Float = 0.1
    /// Columns that are rounded at once: their errors stay in the L2 cache.
    private static let columnBlock = 16

    private let order: Int
    /// The input at each position.
    private let inputs: [Int]
    /// For each position k the L_jk of the positions j behind it, one after the other.
    private let ratios: [Float]
    /// Where those of a position begin.
    private let offsets: [Int]

    /// - Parameter squares: `[order, order]`, a multiple of E[xᵀx]; read on and below the diagonal.
    package init(squares: [Float], order: Int, on backend: Backend) {
        self.order = order
        let diagonal = (0..<order).map { squares[$0 * order + $0] }
        // The smallest squares first; of equals the first.
        let inputs = diagonal.indices.sorted { (diagonal[$0], $0) < (diagonal[$1], $1) }
        self.inputs = inputs
        let added = Double(Self.damping * diagonal.reduce(0, +) / Float(order))
        let whole = (order + 3) / 4 * 4
        let factor = Cholesky(order: whole, on: backend) { row, column in
            guard row < order, column < order else { return row == column ? 1 : 0 }
            let (a, b) = (inputs[row], inputs[column])
            return Double(squares[max(a, b) * order + min(a, b)]) + (a == b ? added : 0)
        }
        var ratios: [Float] = []
        ratios.reserveCapacity(order * (order - 1) / 2)
        var offsets: [Int] = []
        for position in 0..<order {
            offsets.append(ratios.count)
            ratios += factor.ratios(below: position).prefix(order - 1 - position)
        }
        (self.ratios, self.offsets) = (ratios, offsets)
    }

    /// - Parameters:
    ///   - weights: `[order, columns]`
    ///   - scales: of the columns.
    /// - Returns: `[order, columns]`, from −127 to 127.
    package func codes(of weights: [Float], scales: [Float], on backend: Backend) -> [Int8] {
        let columns = scales.count
        return [Int8](unsafeUninitializedCapacity: weights.count) { codes, initialized in
            // Bound to a constant for the closure that runs on several threads; each writes columns of
            // its own.
            let codes = codes.baseAddress!
            let block = Self.columnBlock
            backend.parallelFor((columns + block - 1) / block) { index in
                round(weights, scales, index * block..<min((index + 1) * block, columns), codes)
            }
            initialized = weights.count
        }
    }

    private func round(
        _ weights: [Float], _ scales: [Float], _ range: Range<Int>,
        _ codes: UnsafeMutablePointer<Int8>
    ) {
        let columns = scales.count
        var scale = SIMD16<Float>(repeating: 1)
        for lane in 0..<range.count { scale[lane] = scales[range.lowerBound + lane] }
        // By position.
        var errors = [SIMD16<Float>](repeating: .zero, count: order)
        ratios.withUnsafeBufferPointer { ratios in
            for position in (0..<order).reversed() {
                let first = inputs[position] * columns + range.lowerBound
                var weight = SIMD16<Float>.zero
                for lane in 0..<range.count { weight[lane] = weights[first + lane] }
                var target = weight
                let offset = offsets[position] - position - 1
                errors.withUnsafeBufferPointer { errors in
                    for j in position + 1..<order { target -= errors[j] * ratios[offset + j] }
                }
                var steps = SIMD16<Float>.zero
                for lane in 0..<range.count {
                    steps[lane] = Quantizer.steps(target[lane], 1 / scale[lane])
                    codes[first + lane] = Int8(steps[lane])
                }
                errors[position] = steps * scale - weight
            }
        }
    }
}
