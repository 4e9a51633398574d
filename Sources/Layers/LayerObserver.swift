// How a calibration sees the activations of a running network without the layers knowing of it.

import CKernels

/// Sees the left operands of one matrix product.
package protocol ProductObserver: AnyObject, Sendable {
    /// Told of some rows of A just before they are multiplied.
    ///
    /// - Parameters:
    ///   - segments: parts of the float32 rows of A, each with its place in the inner dimension.
    ///   - lda: floats between two rows.
    func observe(rows: Int, _ segments: UnsafeBufferPointer<gemm_segment>, lda: Int)
}

/// Sees the products that one tensor of weights becomes. Most layers have one; a strided convolution
/// has one for each block of its taps, an attention one for its queries and one for keys and values.
package protocol LayerObserver: AnyObject, Sendable {
    /// The observer of one more product of the layer.
    ///
    /// - Parameters:
    ///   - rowOffsets: where each input of the product stands in the tensor for output 0.
    ///   - columnOffsets: what to add for each output; nil for an output that is zero throughout.
    ///   - order: the tensor's index of each element that the offsets point at, nil for zeros that
    ///     the tensor does not have; nil where the order is the tensor's own.
    func product(rowOffsets: [Int], columnOffsets: [Int?], order: [Int?]?) -> any ProductObserver
}
