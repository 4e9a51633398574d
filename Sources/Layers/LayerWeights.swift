// The weights of a layer on their way from a checkpoint into a packed matrix.

import Tensor

/// Weights in PyTorch's order, and what the layer's products run in.
package struct LayerWeights: Sendable {
    package enum Values: Sendable {
        case floats([Float])
        /// Integers from -127 to 127, and for each output channel the value of one step.
        case quantized([Int8], scales: [Float])

        var count: Int {
            switch self {
            case .floats(let stored): stored.count
            case .quantized(let stored, _): stored.count
            }
        }
    }

    let values: Values
    /// What activations are rounded to: the precision of the products. INT8 only with quantized weights.
    let activations: Precision
    /// Sees what the layer is given, while a quantisation is being calibrated.
    private let observer: (any LayerObserver)?
    /// Where each value stands in the tensor, while they are observed; nil for the tensor's own
    /// order.
    private var order: [Int?]?

    package init(_ values: Values, activations: Precision, observer: (any LayerObserver)? = nil) {
        self.values = values
        self.activations = activations
        self.observer = observer
    }

    /// Floats, in the precision of the backend.
    package static func floats(_ values: [Float], on backend: Backend) -> LayerWeights {
        LayerWeights(.floats(values), activations: backend.precision.ofFloats)
    }

    /// The floats where nobody watches what the layer is given: it may be transformed first then.
    var plainFloats: [Float]? {
        guard case .floats(let floats) = values, observer == nil else { return nil }
        return floats
    }

    /// The observer of the product whose weights are those at these offsets.
    func observer(rowOffsets: [Int], columnOffsets: [Int?]) -> (any ProductObserver)? {
        observer?.product(rowOffsets: rowOffsets, columnOffsets: columnOffsets, order: order)
    }

    /// The same weights with their elements in another order, zeros among them.
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
            // Counted from one: what is zero has no place.
            result.order = places(Array(1...self.values.count)).map { $0 == 0 ? nil : $0 - 1 }
        }
        return result
    }
}
