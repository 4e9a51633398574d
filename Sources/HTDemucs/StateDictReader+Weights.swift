// A layer's weights in the form that the plan requires: floats, stored INT8, or floats quantised
// here.

import Layers
import Tensor
import WeightsLoader

extension StateDictReader {
    /// The weights of a layer.
    ///
    /// - Parameters:
    ///   - shape: shape of the tensor, in PyTorch's order.
    ///   - name: name of the tensor in the reader's scope.
    ///   - outputAxis: the axis of the output channels, each of which has a scale.
    /// - Throws: ``WeightsError``.
    func weights(
        _ reader: ParameterReader, _ shape: [Int], named name: String = "weight",
        outputAxis: Int = 0
    ) throws(WeightsError) -> LayerWeights {
        let fullName = reader.fullName(name)
        let form = plan?[fullName] ?? .float
        let layer = observer?.layer(of: fullName, shape: shape, outputAxis: outputAxis)
        let activations = form == .w8a8 ? .int8 : floatPrecision
        if let (quantized, scales) = try reader.quantized(
            name, shape, channels: shape[outputAxis])
        {
            return LayerWeights(
                .quantized(quantized, scales: scales), activations: activations, observer: layer)
        }
        let floats = try reader.floats(name, shape)
        guard form != .float else {
            return LayerWeights(.floats(floats), activations: activations, observer: layer)
        }
        let quantizer = Quantizer(shape: shape, outputAxis: outputAxis)
        guard let scales = quantizer.scales(of: floats) else {
            throw reader.notQuantizable(name, floats.first { !$0.isFinite } ?? .nan)
        }
        return LayerWeights(
            .quantized(quantizer.quantized(floats, scales: scales), scales: scales),
            activations: activations, observer: layer)
    }
}

/// Observes the inputs of a model's layers while it runs.
package protocol ModelObserver: AnyObject, Sendable {
    /// Makes the observer of a layer. The model calls this when it reads the layer's weights.
    ///
    /// - Parameters:
    ///   - tensor: the weight's name in the official state dict.
    ///   - shape: shape of the weight, in PyTorch's order.
    ///   - outputAxis: the axis of the output channels, each of which has a scale.
    func layer(of tensor: String, shape: [Int], outputAxis: Int) -> any LayerObserver
}
