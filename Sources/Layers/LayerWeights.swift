// The weights of a layer on their way from a checkpoint into a packed matrix.

import Tensor

/// Weights in PyTorch's order, and what the layer's products run in.
package struct LayerWeights: Sendable {
    package enum Values: Sendable {
        case floats([Float])
        /// Codes from -127 to 127, and for each output channel what one step of them is worth.
        case codes([Int8], scales: [Float])
    }

    let values: Values
    /// What activations are rounded to: the precision of the products. INT8 only with codes.
    let activations: Precision
    /// Collects what the layer is given, while a quantisation is being calibrated.
    let statistics: ActivationSums?

    package init(_ values: Values, activations: Precision, statistics: ActivationSums? = nil) {
        self.values = values
        self.activations = activations
        self.statistics = statistics
    }

    /// Floats, in the precision of the backend.
    package static func floats(_ values: [Float], on backend: Backend) -> LayerWeights {
        LayerWeights(.floats(values), activations: backend.precision.ofFloats)
    }

    /// The floats where nobody watches what the layer is given: it may be transformed first then.
    var plainFloats: [Float]? {
        guard case .floats(let floats) = values, statistics == nil else { return nil }
        return floats
    }

    /// The same weights with their elements in another order, zeros among them.
    func reordered(
        floats: ([Float]) -> [Float], codes: ([Int8]) -> [Int8]
    ) -> LayerWeights {
        let values: Values =
            switch values {
            case .floats(let stored): .floats(floats(stored))
            case .codes(let stored, let scales): .codes(codes(stored), scales: scales)
            }
        return LayerWeights(values, activations: activations, statistics: statistics)
    }
}
