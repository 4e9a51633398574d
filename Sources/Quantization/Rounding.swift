// The codes of all layers of a model: scales, codes and the biases that make up for their errors.

import Foundation
import HTDemucs
import Layers
import Tensor
import WeightsLoader

/// The codes of all layers, and the biases that make up for their mean errors.
struct Rounding {
    let quantization: ModelQuantization
    let backend: Backend
    /// In the order of the model.
    var layers: [ModelQuantization.Layer] = []
    var codes: [String: (codes: [Int8], scales: [Float])] = [:]
    /// By the name of the tensor of weights that they belong to.
    var biases: [String: (tensor: String, values: [Float])] = [:]

    init(quantization: ModelQuantization, backend: Backend) {
        self.quantization = quantization
        self.backend = backend
    }

    /// Rounds a layer to the codes with which its output errs little, and makes its bias up for the
    /// mean of what is left.
    ///
    /// - Parameter precision: that the model is to run in.
    mutating func add(_ layer: CalibrationInputs.Layer, for precision: Precision) throws {
        let checkpoint = quantization.checkpoint
        let weights = try checkpoint.floats(named: layer.tensor)
        let quantizer = Quantizer(shape: layer.shape, outputAxis: layer.outputAxis)
        // A product that the network never runs keeps the nearest codes.
        let products = layer.inputs.products.map(WatchedProduct.init)
            .filter { $0.moments.count > 0 }
        let meanSquares = products.reduce(into: weights.map { _ in Float(0) }) {
            $1.fillMeanSquares(&$0)
        }
        let found = quantizer.clippedScales(of: weights, meanSquares: meanSquares)
        guard let scales = found else {
            throw WeightsError.notStorable(
                path: checkpoint.path, tensor: layer.tensor,
                value: weights.first { !$0.isFinite } ?? .nan, type: .int8)
        }
        var rounded = quantizer.codes(weights, scales: scales)
        for product in products {
            product.round(weights, quantizer, scales: scales, into: &rounded, on: backend)
        }
        let values = quantizer.weights(rounded, scales: scales)
        codes[layer.tensor] = (rounded, scales)
        let errors = zip(weights, values).map(-)
        let shifts = products.reduce(into: [Double](repeating: 0, count: quantizer.channels)) {
            $1.addMeans(of: errors, quantizer, to: &$0)
        }
        let name = Self.biasName(of: layer.tensor)
        let bias = try checkpoint.floats(named: name)
        biases[layer.tensor] = (name, zip(bias, shifts).map { Float(Double($0) + $1) })
        let plan = QuantizationPlan.recommended(for: quantization.configuration)
        let form = plan[layer.tensor]
        layers.append(
            ModelQuantization.Layer(
                tensor: layer.tensor, shape: layer.shape,
                form: form == .full && precision != .int8 ? .weights : form, countBytes: 0,
                weightDecibels: decibels(of: values, weights), outputDecibels: nil,
                operations: products.reduce(0) { $0 + $1.operations }))
    }

    /// The bias that is added to what the weights give: every layer has one.
    private static func biasName(of tensor: String) -> String {
        tensor.dropLast("weight".count) + "bias"
    }

    /// What takes the place of the float weights of these layers.
    func replacements(for tensors: [String]) -> ParameterReader.Replacements {
        var result = ParameterReader.Replacements()
        for tensor in tensors {
            result.quantized[tensor] = codes[tensor].map { ($0.codes, $0.scales) }
            if let bias = biases[tensor] { result.floats[bias.tensor] = bias.values }
        }
        return result
    }
}

extension Checkpoint {
    /// The values of a tensor that the model has asked for before.
    fileprivate func floats(named name: String) throws -> [Float] {
        guard let tensor = tensor(named: name) else {
            throw WeightsError.tensorMissing(path: path, tensor: name, unasked: 0, similar: [])
        }
        return try floats(tensor)
    }
}

/// 10·log10(Σ reference² / Σ (reference − value)²); infinite if they are equal.
private func decibels(of values: [Float], _ reference: [Float]) -> Double {
    var (signal, noise) = (0.0, 0.0)
    for (value, wanted) in zip(values, reference) {
        let error = Double(wanted) - Double(value)
        signal += Double(wanted) * Double(wanted)
        noise += error * error
    }
    return noise == 0 ? .infinity : 10 * log10(signal / noise)
}
