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
    ///   - inputAxis: the axis of the layer's input channels.
    ///   - outputAxis: the axis of its output channels, which have a scale each.
    /// - Throws: ``WeightsError``.
    func weights(
        _ reader: ParameterReader, _ shape: [Int], named name: String = "weight",
        inputAxis: Int = 1, outputAxis: Int = 0
    ) throws -> LayerWeights {
        let fullName = reader.fullName(name)
        let form = plan?[fullName] ?? .float
        let statistics = observer?.statistics(
            of: fullName, shape: shape, inputAxis: inputAxis, outputAxis: outputAxis)
        let activations = form == .full ? .int8 : backend.precision.ofFloats
        if let (codes, scales) = try reader.codes(name, shape, channels: shape[outputAxis]) {
            return LayerWeights(
                .codes(codes, scales: scales), activations: activations, statistics: statistics)
        }
        let floats = try reader.floats(name, shape)
        guard form != .float else {
            return LayerWeights(.floats(floats), activations: activations, statistics: statistics)
        }
        let quantizer = Quantizer(shape: shape, outputAxis: outputAxis)
        guard let scales = quantizer.scales(of: floats) else {
            throw reader.notStorableAsCodes(name, floats.first { !$0.isFinite } ?? .nan)
        }
        return LayerWeights(
            .codes(quantizer.codes(floats, scales: scales), scales: scales),
            activations: activations, statistics: statistics)
    }
}

/// Notes which layers a model has, and what they are given while it runs.
package final class LayerObserver: Sendable {
    /// A tensor of weights that can be quantised.
    package struct Layer: Sendable {
        package let tensor: String
        /// In PyTorch's order.
        package let shape: [Int]
        package let inputAxis: Int
        package let outputAxis: Int
        package let statistics: ActivationSums
    }

    private let found = Mutex<[Layer]>([])

    package init() {}

    /// In the order in which the model asks for them.
    package var layers: [Layer] { found.withLock { $0 } }

    func statistics(
        of tensor: String, shape: [Int], inputAxis: Int, outputAxis: Int
    ) -> ActivationSums {
        let statistics = ActivationSums(channels: shape[inputAxis])
        found.withLock {
            $0.append(
                Layer(
                    tensor: tensor, shape: shape, inputAxis: inputAxis, outputAxis: outputAxis,
                    statistics: statistics))
        }
        return statistics
    }
}
