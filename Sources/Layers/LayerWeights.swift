// Also Embedded Swift: typed throws, no key paths, no casts.
// The weights of a layer on their way from a checkpoint into a packed matrix.

import CKernels
import Tensor

/// Weights in PyTorch's order, and the precision of the layer's products.
package struct LayerWeights: Sendable {
    package enum Values: Sendable {
        case floats([Float])
        /// Integers from -127 to 127, and a scale for each output channel.
        case quantized([Int8], scales: [Float])

        var count: Int {
            switch self {
            case .floats(let stored): stored.count
            case .quantized(let stored, _): stored.count
            }
        }
    }

    let values: Values
    /// The precision that activations are rounded to; INT8 only with quantized weights.
    let activations: Precision
    /// Sees the layer's inputs during a calibration.
    private let observer: (any LayerObserver)?
    /// The tensor's index of each value, needed only by an observer; nil for the tensor's own
    /// order.
    private var order: [Int?]?

    package init(_ values: Values, activations: Precision, observer: (any LayerObserver)? = nil) {
        self.values = values
        self.activations = activations
        self.observer = observer
    }

    /// Floats, in the precision of the backend.
    package static func floats(_ values: [Float], on backend: Backend) -> LayerWeights {
        LayerWeights(.floats(values), activations: backend.precisionOfFloats)
    }

    /// The float weights if the layer has no observer, so that its inputs may be transformed first
    /// (Winograd); else nil.
    ///
    /// - Parameter widening: whether INT8 weights are widened to floats too.
    func floatsForWinograd(widening: Bool) -> [Float]? {
        guard observer == nil else { return nil }
        switch values {
        case .floats(let floats): return floats
        case .quantized(let integers, let scales):
            guard widening else { return nil }
            let shape = [scales.count, integers.count / scales.count]
            return Quantizer(shape: shape, outputAxis: 0).dequantized(integers, scales: scales)
        }
    }

    /// The observer of the product of the weights at these offsets.
    func observer(rowOffsets: [Int], columnOffsets: [Int?]) -> (any ProductObserver)? {
        observer?.product(rowOffsets: rowOffsets, columnOffsets: columnOffsets, order: order)
    }

    /// The weights with their elements in another order and zeros filled in.
    func reordered(
        floats: ([Float]) -> [Float], quantized: ([Int8]) -> [Int8], places: ([Int]) -> [Int]
    ) -> LayerWeights {
        let values: Values =
            switch values {
            case .floats(let stored): .floats(floats(stored))
            case .quantized(let stored, let scales): .quantized(quantized(stored), scales: scales)
            }
        var result = LayerWeights(values, activations: activations, observer: observer)
        if observer != nil {
            // Places are counted from one: 0 is a filled-in zero, which the tensor does not have.
            result.order = places(Array(1...self.values.count)).map { $0 == 0 ? nil : $0 - 1 }
        }
        return result
    }
}

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
