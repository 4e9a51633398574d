// Also Embedded Swift: typed throws, no key paths, no casts.
// A layer's weights in the form that the plan requires: floats, stored INT8, or floats quantised
// here.

import Layers
import Tensor
import WeightsLoader

/// Reads the weights of a network's layers, for networks of any family.
package struct LayerWeightsReader: Sendable {
    /// The layers that run in INT8; nil for none.
    private let plan: QuantizationPlan?
    /// Observes the inputs of the layers.
    private let observer: (any ModelObserver)?
    /// The precision of products without INT8 activations.
    package var floatPrecision: Precision

    /// - Parameters:
    ///   - plan: the layers that run in INT8; nil for none.
    ///   - observer: observes the inputs of the layers.
    package init(
        plan: QuantizationPlan? = nil, observer: (any ModelObserver)? = nil, on backend: Backend
    ) {
        self.plan = plan
        self.observer = observer
        floatPrecision = backend.precisionOfFloats
    }

    /// Reads with the plan of a network.
    ///
    /// - Parameters:
    ///   - plan: the layers that run in INT8. With nil and a backend in INT8, the layers that the
    ///     checkpoint stores in INT8 or, for float weights, the recommended ones; else none.
    ///   - parameters: all parameters of the checkpoint.
    /// - Throws: ``WeightsError/metadataInvalid(path:key:problem:)``.
    package init(
        plan: QuantizationPlan?, recommended: @autoclosure () -> QuantizationPlan,
        observer: (any ModelObserver)?, of parameters: ParameterReader, on backend: Backend
    ) throws(WeightsError) {
        var plan = plan
        if plan == nil, backend.precision == .int8 {
            let forms = try parameters.storedForms()
            plan = forms.map { QuantizationPlan($0) } ?? recommended()
        }
        self.init(plan: plan, observer: observer, on: backend)
    }

    /// The weights of a layer.
    ///
    /// - Parameters:
    ///   - shape: shape of the tensor, in PyTorch's order.
    ///   - name: name of the tensor in the reader's scope.
    ///   - outputAxis: the axis of the output channels, each of which has a scale.
    /// - Throws: ``WeightsError``.
    package func callAsFunction(
        _ reader: ParameterReader, _ shape: [Int], named name: String = "weight",
        outputAxis: Int = 0
    ) throws(WeightsError) -> LayerWeights {
        let fullName = reader.fullName(name)
        let layer = observer?.layer(of: fullName, shape: shape, outputAxis: outputAxis)
        if let (quantized, scales) = try reader.quantized(
            name, shape, channels: shape[outputAxis])
        {
            return LayerWeights(
                .quantized(quantized, scales: scales), activations: activations(of: fullName),
                observer: layer)
        }
        let floats = try reader.floats(name, shape)
        let activations = activations(of: fullName)
        guard let plan, plan[fullName] != .float else {
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

    private func activations(of tensor: String) -> Precision {
        plan?[tensor] == .w8a8 ? .int8 : floatPrecision
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
