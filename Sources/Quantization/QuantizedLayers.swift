import Layers
import Networks
import Signal
import Tensor
import WeightsLoader

/// INT8 weights of all layers, and biases corrected by the mean error of each output channel.
struct QuantizedLayers {
    let quantization: ModelQuantization
    let backend: Backend
    /// The layers in the order of the model.
    private(set) var layers: [ModelQuantization.Layer] = []
    /// INT8 weights by the name of the weight tensor, which is also the key of ``biases``.
    private var weights: [String: (values: [Int8], scales: [Float])] = [:]
    private var biases: [String: (tensor: String, values: [Float])] = [:]

    init(quantization: ModelQuantization, backend: Backend) {
        self.quantization = quantization
        self.backend = backend
    }

    /// Rounds a layer's weights and corrects its bias.
    ///
    /// - Parameter precision: the precision that the model will run in.
    /// - Throws: ``WeightsError``.
    mutating func add(_ layer: CalibratedLayer, for precision: Precision) throws {
        let parameters = quantization.checkpoint.parameters()
        let floats = try parameters.floats(layer.tensor, layer.shape)
        let quantizer = Quantizer(shape: layer.shape, outputAxis: layer.outputAxis)
        // Products that never ran have no moments, so their weights are rounded to nearest.
        let products = layer.products.filter { $0.moments.count > 0 }
        let meanSquares = products.reduce(into: floats.map { _ in Float(0) }) {
            $1.fillMeanSquares(&$0)
        }
        guard let scales = quantizer.clippedScales(of: floats, meanSquares: meanSquares) else {
            throw parameters.notQuantizable(layer.tensor, floats.first { !$0.isFinite } ?? .nan)
        }
        var quantized = quantizer.quantized(floats, scales: scales)
        for product in products {
            product.round(floats, quantizer, scales: scales, into: &quantized, on: backend)
        }
        weights[layer.tensor] = (quantized, scales)

        let values = quantizer.dequantized(quantized, scales: scales)
        let errors = zip(floats, values).map(-)
        let shifts = products.reduce(into: [Double](repeating: 0, count: quantizer.channels)) {
            $1.addMeanErrors(of: errors, quantizer, to: &$0)
        }
        // Some attention has layers without biases.
        let name = "\(layer.tensor.dropLast("weight".count))bias"
        if parameters.has(name) {
            let bias = try parameters.floats(name, [quantizer.channels])
            biases[layer.tensor] = (name, zip(bias, shifts).map { Float(Double($0) + $1) })
        }

        let form = quantization.description.configuration.recommendedPlan[layer.tensor]
        layers.append(
            ModelQuantization.Layer(
                tensor: layer.tensor, shape: layer.shape,
                form: form == .w8a8 && precision != .int8 ? .w8 : form, countBytes: 0,
                weightSNRDecibels: SignalToNoise(of: values, against: floats).decibels,
                outputSNRDecibels: nil))
    }

    /// The INT8 weights and corrected biases that replace the stored tensors of these layers.
    func replacements(for tensors: some Sequence<String>) -> ParameterReader.Replacements {
        var result = ParameterReader.Replacements()
        for tensor in tensors {
            result.quantized[tensor] = weights[tensor]
            if let bias = biases[tensor] { result.floats[bias.tensor] = bias.values }
        }
        return result
    }
}
