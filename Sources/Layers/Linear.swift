// Also Embedded Swift: typed throws, no key paths, no casts.
// The linear layer, which is also the 1×1 convolution of channels-last activations.

import Tensor

/// y = x·Wᵀ + b on the last dimension.
///
/// PyTorch: `nn.Linear`, `nn.Conv1d` and `nn.Conv2d` with kernel size 1.
package struct Linear: Sendable {
    package let inputs: Int
    package let outputs: Int
    package let weight: WeightMatrix
    package let bias: ChannelAffine

    /// - Parameters:
    ///   - weight: `[outputs, inputs]`.
    ///   - part: the rows of the weight to take; nil for all.
    ///   - bias: `[outputs]`, for the rows of `part`.
    package init(
        weight: LayerWeights, bias: [Float], inputs: Int, part: Range<Int>? = nil,
        on backend: Backend
    ) {
        let part = part ?? 0..<bias.count
        self.inputs = inputs
        self.outputs = part.count
        self.weight = WeightMatrix(linear: weight, inputs: inputs, outputs: part, on: backend)
        self.bias = ChannelAffine(bias: Array(bias[part]), on: backend)
    }

    /// - Parameter x: `[…, inputs]`
    /// - Returns: `[…, outputs]`
    package func callAsFunction(_ x: Tensor, on backend: Backend) -> Tensor {
        let result = backend.tensor(x.shape.replacingLast(with: outputs))
        backend.forEachTile(of: x.count / inputs, longest: Tiling.signalRows) { range in
            multiply(
                rows: range.count, x.pointer + range.lowerBound * inputs,
                into: result.pointer + range.lowerBound * outputs, on: backend)
        }
        return result
    }

    /// x·Wᵀ + b for contiguous rows, on the calling thread.
    package func multiply(
        rows: Int, _ x: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>,
        on backend: Backend
    ) {
        withExtendedLifetime(bias) {
            weight.multiply(
                rows: rows, x, lda: inputs, bias: bias.shift.pointer, into: out, ldc: outputs,
                on: backend)
        }
    }

    /// x·Wᵀ + b for rows from `weight.operand`, into the rows `range` of a tensor, on the calling
    /// thread.
    package func multiply(
        rows range: Range<Int>, _ x: Operand, into out: Tensor, on backend: Backend
    ) {
        withExtendedLifetime(bias) {
            weight.multiply(
                rows: range.count, x, bias: bias.shift.pointer,
                into: out.pointer + range.lowerBound * outputs, ldc: outputs, on: backend)
        }
    }
}
