import Layers
import Networks
import Synchronization
import Tensor

/// Collects the layers of a model that can be quantised, and their inputs while the model runs.
package final class CalibrationObserver: ModelObserver {
    private let found = Mutex<[CalibratedLayer]>([])
    private let rowsPerSegment: Int

    /// - Parameter rowsPerSegment: the most input rows kept for each product and segment; even.
    package init(rowsPerSegment: Int) { self.rowsPerSegment = rowsPerSegment }

    /// The layers, in the order in which the model reads their weights.
    package var layers: [CalibratedLayer] { found.withLock { $0 } }

    package func layer(of tensor: String, shape: [Int], outputAxis: Int) -> any LayerObserver {
        let layer = CalibratedLayer(
            tensor: tensor, shape: shape, outputAxis: outputAxis, rowsPerSegment: rowsPerSegment)
        found.withLock { $0.append(layer) }
        return layer
    }

    /// Ends a segment: adds its kept rows to the moments of all products.
    package func endSegment(on backend: Backend) {
        for product in layers.flatMap(\.products) { product.endSegment(on: backend) }
    }
}

/// A tensor of weights, with an accumulator for each product that uses it.
package final class CalibratedLayer: LayerObserver {
    /// The weights' name in the official state dict.
    package let tensor: String
    /// Shape of the weights, in PyTorch's order.
    package let shape: [Int]
    package let outputAxis: Int

    private let found = Mutex<[HessianAccumulator]>([])
    private let rowsPerSegment: Int

    /// - Parameter rowsPerSegment: the most input rows kept for each product and segment; even.
    package init(tensor: String, shape: [Int], outputAxis: Int, rowsPerSegment: Int) {
        self.tensor = tensor
        self.shape = shape
        self.outputAxis = outputAxis
        self.rowsPerSegment = rowsPerSegment
    }

    /// The products, in the order in which the layer packs their weights.
    package var products: [HessianAccumulator] { found.withLock { $0 } }

    package func product(
        rowOffsets: [Int], columnOffsets: [Int?], order: [Int?]?
    ) -> any ProductObserver {
        let product = HessianAccumulator(
            rowOffsets: rowOffsets, columnOffsets: columnOffsets, order: order,
            rowsPerSegment: rowsPerSegment)
        found.withLock { $0.append(product) }
        return product
    }
}
