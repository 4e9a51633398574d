// The activations of a network that a calibration has seen.

import HTDemucs
import Layers
import Synchronization
import Tensor

/// Notes which layers a model has, and what they are given while it runs.
package final class CalibrationInputs: ModelObserver {
    /// A tensor of weights that can be quantised.
    package struct Layer: Sendable {
        package let tensor: String
        /// In PyTorch's order.
        package let shape: [Int]
        package let outputAxis: Int
        package let inputs: LayerInputs
    }

    private let found = Mutex<[Layer]>([])
    private let rowsPerSegment: Int

    /// - Parameter rowsPerSegment: of its inputs that are kept for each product, at most; even.
    package init(rowsPerSegment: Int) { self.rowsPerSegment = rowsPerSegment }

    /// In the order in which the model asks for them.
    package var layers: [Layer] { found.withLock { $0 } }

    package func layer(
        of tensor: String, shape: [Int], outputAxis: Int
    ) -> any LayerObserver {
        let inputs = LayerInputs(rowsPerSegment: rowsPerSegment)
        found.withLock {
            $0.append(Layer(tensor: tensor, shape: shape, outputAxis: outputAxis, inputs: inputs))
        }
        return inputs
    }

    /// Sums up what the layers were given since the last call.
    package func endSegment(on backend: Backend) {
        for layer in layers {
            for product in layer.inputs.products { product.endSegment(on: backend) }
        }
    }
}
