// Observers of a layer's inputs, with which a calibration collects activations. Layers do not
// depend on the calibration.

import CKernels

/// Observes the left operand of one matrix product.
package protocol ProductObserver: AnyObject, Sendable {
    /// Called with a block of rows of A just before they are multiplied.
    ///
    /// - Parameters:
    ///   - segments: parts of the float32 rows of A, each with its position in the inner dimension.
    ///   - lda: floats from one row to the next.
    func observe(rows: Int, _ segments: UnsafeBufferPointer<gemm_segment>, lda: Int)
}

/// Observes the products of one tensor of weights. Most layers have one product; a strided convolution
/// has one for each block of its taps, attention has one for queries and one for keys and values.
package protocol LayerObserver: AnyObject, Sendable {
    /// Makes the observer of another product of the layer.
    ///
    /// The weight of an input and an output is the layer's element `rowOffsets[input] +
    /// columnOffsets[output]`.
    ///
    /// - Parameters:
    ///   - rowOffsets: `[inputs]`
    ///   - columnOffsets: `[outputs]`, nil for outputs that are always zero.
    ///   - order: for each of the layer's elements its index in the tensor, nil for zeros that the
    ///     tensor does not store; nil for the whole array if both have the same order.
    func product(rowOffsets: [Int], columnOffsets: [Int?], order: [Int?]?) -> any ProductObserver
}
