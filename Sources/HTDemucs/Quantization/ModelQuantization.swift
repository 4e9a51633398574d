// From float weights to a quantised model: scales, corrected biases, and which layers may run in
// INT8. The measurements behind the choices are in docs/int8.md.

import Foundation
import Layers
import Tensor
import WeightsLoader

/// A model on its way to INT8.
///
/// Everything is deterministic, whatever the number of threads: what is summed up over a
/// calibration is summed up on one.
package struct ModelQuantization {
    /// What is wanted of the result.
    package struct Wishes: Sendable {
        /// The least SNR of the worst stem against the float32 model.
        package var leastDecibels: Double?
        /// The size of the file at most.
        package var mostBytes: Int?
        /// Whether each layer is measured alone, a forward pass each; for an SNR it is anyway.
        package var measuresLayers: Bool

        package init(
            leastDecibels: Double? = nil, mostBytes: Int? = nil, measuresLayers: Bool = false
        ) {
            self.leastDecibels = leastDecibels
            self.mostBytes = mostBytes
            self.measuresLayers = measuresLayers
        }
    }

    /// One tensor of weights in the result.
    package struct Layer: Sendable {
        package let tensor: String
        package let shape: [Int]
        package internal(set) var form: LayerForm
        /// Of its values in the file, scales included.
        package internal(set) var countBytes: Int
        /// 10·log10(Σ w² / Σ (w − ŵ)²) of the codes.
        package let weightDecibels: Double
        /// SNR of the worst stem with this layer alone in INT8, the others in float32: in the form
        /// it has, or as INT8 × INT8 where it stays in floats. nil if it wasn't measured.
        package internal(set) var outputDecibels: Double?
    }

    /// What is going on.
    package enum Stage: Sendable {
        case calibrating(segment: Int, of: Int)
        case rounding(layer: Int, of: Int)
        case measuring(layer: Int, of: Int)
        case choosing
    }

    /// Segments that layers are measured on, at most.
    package static let measuredSegments = 2

    let checkpoint: Checkpoint
    let arguments: ModelArguments
    package let configuration: Configuration
    /// What the checkpoint says that this engine ignores, a line each.
    package let warnings: [String]
    let threads: Int
    /// What the file says of how it was made.
    let origin: [String: ArgumentValue]

    /// - Parameter calibration: what the file says of the calibration; finite numbers.
    /// - Throws: ``WeightsError``, ``ConfigurationError`` if the checkpoint isn't a model with float
    ///   weights.
    package init(
        _ checkpoint: Checkpoint, calibration: [String: ArgumentValue], threads: Int
    ) throws {
        guard !checkpoint.isQuantized else {
            throw WeightsError.quantized(path: checkpoint.path, reason: "its weights are INT8")
        }
        self.checkpoint = checkpoint
        self.threads = threads
        arguments = try Configuration.arguments(of: checkpoint)
        (configuration, warnings) = try Configuration.read(arguments)
        origin = [
            "source": .string((checkpoint.path as NSString).lastPathComponent),
            "source_sha256": .string(checkpoint.sha256()), "calibration": .object(calibration),
        ]
    }

    /// Quantises the model.
    ///
    /// - Parameters:
    ///   - mixes: segments that the layers are measured on, at least one:
    ///     `[audioChannels, samples]`, normalised as the network gets them.
    ///   - isCalibrated: whether the mixes are music that scales and biases are fitted to.
    /// - Throws: ``WeightsError``, ``QuantizationError``, `CancellationError`.
    package func run(
        mixes: [[Float]], isCalibrated: Bool, wishes: Wishes, cancellation: CancellationToken,
        report: @escaping (Stage) -> Void = { _ in }
    ) throws -> QuantizedModel {
        let observer = LayerObserver()
        let parameters = checkpoint.parameters()
        let watched = try HTDemucs(
            configuration, warnings: [], parameters: parameters,
            backend: Backend(threads: 1), observer: observer)
        if isCalibrated {
            for (index, mix) in mixes.enumerated() {
                report(.calibrating(segment: index, of: mixes.count))
                _ = try watched.forward(
                    tensor(mix, on: watched.backend), cancellation: cancellation)
            }
        }
        var rounding = Rounding(quantization: self)
        for (index, layer) in observer.layers.enumerated() {
            report(.rounding(layer: index, of: observer.layers.count))
            try cancellation.check()
            try rounding.add(layer, isCalibrated: isCalibrated)
        }
        let chosen = try LayerChoice(
            self, rounding, mixes: Array(mixes.prefix(Self.measuredSegments)), wishes: wishes,
            shapes: parameters.askedShapes, cancellation: cancellation, report: report
        ).run()
        return chosen
    }

    func tensor(_ mix: [Float], on backend: Backend) -> Tensor {
        backend.tensor(
            [configuration.audioChannels, mix.count / configuration.audioChannels], mix)
    }
}

/// The codes of all layers, and the biases that make up for their mean errors.
struct Rounding {
    let quantization: ModelQuantization
    /// In the order of the model.
    var layers: [ModelQuantization.Layer] = []
    var codes: [String: (codes: [Int8], scales: [Float])] = [:]
    /// By the name of the tensor of weights that they belong to.
    var biases: [String: (tensor: String, values: [Float])] = [:]

    init(quantization: ModelQuantization) {
        self.quantization = quantization
    }

    mutating func add(_ layer: LayerObserver.Layer, isCalibrated: Bool) throws {
        let checkpoint = quantization.checkpoint
        let weights = try checkpoint.floats(named: layer.tensor)
        let quantizer = Quantizer(shape: layer.shape, outputAxis: layer.outputAxis)
        let sums = layer.statistics
        let found = quantizer.clippedScales(
            of: weights,
            meanSquares: isCalibrated ? { sums.totals(ofOutput: $0).meanSquares } : nil)
        guard let scales = found else {
            throw WeightsError.notStorable(
                path: checkpoint.path, tensor: layer.tensor,
                value: weights.first { !$0.isFinite } ?? .nan, type: .int8)
        }
        let rounded = quantizer.codes(weights, scales: scales)
        let values = quantizer.weights(rounded, scales: scales)
        codes[layer.tensor] = (rounded, scales)
        if isCalibrated {
            let errors = quantizer.meanErrors(weights, values) { sums.totals(ofOutput: $0).means }
            let name = Self.biasName(of: layer.tensor)
            let bias = try checkpoint.floats(named: name)
            biases[layer.tensor] = (name, zip(bias, errors).map { Float(Double($0) + $1) })
        }
        layers.append(
            ModelQuantization.Layer(
                tensor: layer.tensor, shape: layer.shape,
                form: QuantizationPlan.recommended(for: quantization.configuration)[layer.tensor],
                countBytes: 0, weightDecibels: decibels(of: values, weights), outputDecibels: nil))
    }

    /// The bias that is added to what the weights give: every layer has one.
    private static func biasName(of tensor: String) -> String {
        tensor.dropLast("weight".count) + "bias"
    }

    /// What takes the place of the float weights of these layers.
    func replacements(for tensors: [String]) -> ParameterReader.Replacements {
        var result = ParameterReader.Replacements()
        for tensor in tensors {
            result.codes[tensor] = codes[tensor]
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

/// Why a model can't be quantised as wished.
package enum QuantizationError: Error, Equatable, CustomStringConvertible, LocalizedError {
    /// Even with all layers in 16 bits, or as many as the size allows.
    case decibelsUnreachable(wanted: Double, best: Double, mostBytes: Int?)
    case bytesUnreachable(wanted: Int, least: Int)

    package var description: String {
        switch self {
        case .decibelsUnreachable(let wanted, let best, let mostBytes):
            "an SNR of \(Self.figure(wanted)) dB can't be had"
                + (mostBytes.map { " in \($0) bytes" } ?? "")
                + ": the best is \(Self.figure(best)) dB; ask for less"
                + (mostBytes == nil ? "" : " or allow a larger file")
        case .bytesUnreachable(let wanted, let least):
            "\(wanted) bytes don't hold the model: with all layers in INT8 that can be, it takes "
                + "\(least)"
        }
    }

    package var errorDescription: String? { description }

    private static func figure(_ value: Double) -> String { String(format: "%.1f", value) }
}
