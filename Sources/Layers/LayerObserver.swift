// Observers of a layer's inputs, through which a calibration sees activations: layers know nothing of
// calibrations.

import CKernels

/// Observes the left operand of one matrix product.
package protocol ProductObserver: AnyObject, Sendable {
    /// Called with some rows of A just before they are multiplied.
    ///
    /// - Parameters:
    ///   - segments: parts of the float32 rows of A, each with its place in the inner dimension.
    ///   - lda: floats from one row to the next.
    func observe(rows: Int, _ segments: UnsafeBufferPointer<gemm_segment>, lda: Int)
}

/// Observes the products of one tensor of weights. Most layers have one product; a strided convolution
/// has one for each block of its taps, an attention one for queries and one for keys and values.
package protocol LayerObserver: AnyObject, Sendable {
    /// An observer of one more product of the layer.
    ///
    /// The weight of an input and an output is the layer's element `rowOffsets[input] +
    /// columnOffsets[output]`.
    ///
    /// - Parameters:
    ///   - rowOffsets: `[inputs]`
    ///   - columnOffsets: `[outputs]`, nil for outputs that are always zero.
    ///   - order: the tensor's index of each of the layer's elements, nil for zeros that the tensor
    ///     does not store; nil if both have the same order.
    func product(rowOffsets: [Int], columnOffsets: [Int?], order: [Int?]?) -> any ProductObserver
}
