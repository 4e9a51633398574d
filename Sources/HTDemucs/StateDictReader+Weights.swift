// A layer's weights as the plan wants them: floats, codes as stored, or codes made here.

import Layers
import Tensor
import WeightsLoader

extension StateDictReader {
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
        let layer = observer?.layer(of: fullName, shape: shape, outputAxis: outputAxis)
        let activations = form == .full ? .int8 : backend.precision.ofFloats
        if let (codes, scales) = try reader.codes(name, shape, channels: shape[outputAxis]) {
            return LayerWeights(
                .quantized(codes, scales: scales), activations: activations, observer: layer)
        }
        let floats = try reader.floats(name, shape)
        guard form != .float else {
            return LayerWeights(.floats(floats), activations: activations, observer: layer)
        }
        let quantizer = Quantizer(shape: shape, outputAxis: outputAxis)
        guard let scales = quantizer.scales(of: floats) else {
            throw reader.notStorableAsCodes(name, floats.first { !$0.isFinite } ?? .nan)
        }
        return LayerWeights(
            .quantized(quantizer.codes(floats, scales: scales), scales: scales),
            activations: activations, observer: layer)
    }
}

/// Sees which layers a model has, and what they are given while it runs.
package protocol ModelObserver: AnyObject, Sendable {
    /// The observer of one more layer, in the order in which the model asks for its weights.
    ///
    /// - Parameters:
    ///   - tensor: the weights' name in the official state dict.
    ///   - shape: in PyTorch's order.
    ///   - outputAxis: the axis of the output channels, which have a scale each.
    func layer(of tensor: String, shape: [Int], outputAxis: Int) -> any LayerObserver
}
