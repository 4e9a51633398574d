// GPTQ: weights are rounded one input after the other, and each rounding compensates the errors of
// the earlier ones.
//
// Frantar, Ashkboos, Hoefler, Alistarh 2022, "GPTQ", arXiv:2210.17323, in the equivalent form LDLQ of
// Chee, Cai, Kuleshov, De Sa 2023, "QuIP", arXiv:2307.13304.

import Layers
import Signal
import Tensor

/// Rounds a matrix of weights W to a Ŵ with a small E[|x·(Ŵ − W)|²].
///
/// With E = Ŵ − W and E[xᵀx] = L·D·Lᵀ, L with ones on its diagonal, a column e of E adds
/// Σ_k D_k·(e_k + Σ_{j>k} L_jk·e_j)² to this mean square. The weights are rounded from the last
/// input to the first, each w_k − Σ_{j>k} L_jk·e_j to the nearest value, which minimises the k-th
/// term. Inputs with large squares are rounded first, because all later ones can compensate their
/// errors.
package struct GPTQ {
    /// Damping added to the diagonal, as a fraction of its mean: prevents large corrections by
    /// inputs that were zero in the calibration.
    private static let damping: Float = 0.1
    /// Columns that are rounded at once; their errors stay in the level-2 cache.
    private static let columnBlock = 16

    private let order: Int
    /// The input at each position.
    private let inputs: [Int]
    /// The ratios L_jk of all positions j after k, for each position k.
    private let ratios: [Float]
    /// Index of each position's first ratio.
    private let offsets: [Int]

    /// - Parameter squares: `[order, order]`, a multiple of E[xᵀx]; read on and below the diagonal.
    package init(squares: [Float], order: Int, on backend: Backend) {
        self.order = order
        let diagonal = (0..<order).map { squares[$0 * order + $0] }
        // Ascending, because rounding begins at the end.
        let inputs = diagonal.indices.sorted { (diagonal[$0], $0) < (diagonal[$1], $1) }
        self.inputs = inputs
        let added = Double(Self.damping * diagonal.reduce(0, +) / Float(order))
        let paddedOrder = (order + 3) / 4 * 4
        let factor = Cholesky(order: paddedOrder, on: backend) { row, column in
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

    /// The rounded weights, from −127 to 127.
    ///
    /// - Parameters:
    ///   - weights: `[order, columns]`
    ///   - scales: `[columns]`
    /// - Returns: `[order, columns]`
    package func quantized(_ weights: [Float], scales: [Float], on backend: Backend) -> [Int8] {
        let columns = scales.count
        return [Int8](unsafeUninitializedCapacity: weights.count) { output, initialized in
            // The closure runs on several threads, so it captures a constant; each call writes its
            // own columns.
            let output = output.baseAddress!
            let block = Self.columnBlock
            backend.parallelFor((columns + block - 1) / block) { index in
                round(weights, scales, index * block..<min((index + 1) * block, columns), output)
            }
            initialized = weights.count
        }
    }

    private func round(
        _ weights: [Float], _ scales: [Float], _ range: Range<Int>,
        _ output: UnsafeMutablePointer<Int8>
    ) {
        let columns = scales.count
        var scale = SIMD16<Float>(repeating: 1)
        for lane in 0..<range.count { scale[lane] = scales[range.lowerBound + lane] }
        // The errors of the rounded weights, by position.
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
                var rounded = SIMD16<Float>.zero
                for lane in 0..<range.count {
                    rounded[lane] = Quantizer.rounded(target[lane], inverseScale: 1 / scale[lane])
                    output[first + lane] = Int8(rounded[lane])
                }
                errors[position] = rounded * scale - weight
            }
        }
    }
}
