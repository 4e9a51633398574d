// A layer's weights as the plan wants them: floats, codes as stored, or codes made here.

import Layers
import Synchronization
import Tensor
import WeightsLoader

extension ModelReader {
    /// The weights of a layer.
    ///
    /// - Parameters:
    ///   - shape: in PyTorch's order.
    ///   - name: of the tensor in the scope.
    ///   - outputAxis: the axis of its output channels, which have a scale each.
    /// - Throws: ``WeightsError``.
    func weights(
        _ reader: ParameterReader, _ shape: [Int], named name: String = "weight",
        outputAxis: Int = 0
    ) throws -> LayerWeights {
        let fullName = reader.fullName(name)
        let form = plan?[fullName] ?? .float
        let inputs = observer?.inputs(of: fullName, shape: shape, outputAxis: outputAxis)
        let activations = form == .full ? .int8 : backend.precision.ofFloats
        if let (codes, scales) = try reader.codes(name, shape, channels: shape[outputAxis]) {
            return LayerWeights(
                .codes(codes, scales: scales), activations: activations, inputs: inputs)
        }
        let floats = try reader.floats(name, shape)
        guard form != .float else {
            return LayerWeights(.floats(floats), activations: activations, inputs: inputs)
        }
        let quantizer = Quantizer(shape: shape, outputAxis: outputAxis)
        guard let scales = quantizer.scales(of: floats) else {
            throw reader.notStorableAsCodes(name, floats.first { !$0.isFinite } ?? .nan)
        }
        return LayerWeights(
            .codes(quantizer.codes(floats, scales: scales), scales: scales),
            activations: activations, inputs: inputs)
    }
}

/// Notes which layers a model has, and what they are given while it runs.
package final class LayerObserver: Sendable {
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

    func inputs(of tensor: String, shape: [Int], outputAxis: Int) -> LayerInputs {
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
