// From float weights to a quantised model: scales, corrected biases, and which layers may run in
// INT8. The measurements behind the choices are in docs/int8.md.

import Foundation
import HTDemucs
import Layers
import Tensor
import WeightsLoader

/// A model on its way to INT8.
///
/// Everything is deterministic, whatever the number of threads: what a calibration runs through the
/// network runs on one.
package struct ModelQuantization {
    /// What is wanted of the result.
    package struct Targets: Sendable {
        /// What the file is to run in, and what its SNR is measured in. Codes alone count in float32
        /// and bfloat16, where activations aren't rounded to INT8.
        package var precision: Precision
        /// The least SNR of the worst stem against the float32 model.
        package var leastDecibels: Double?
        /// The size of the file at most.
        package var mostBytes: Int?
        /// Whether each layer is measured alone, a forward pass each; for an SNR it is anyway.
        package var measuresLayers: Bool

        package init(
            precision: Precision = .int8, leastDecibels: Double? = nil, mostBytes: Int? = nil,
            measuresLayers: Bool = false
        ) {
            self.precision = precision
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
        /// Multiplications of the segments of the calibration.
        let operations: Double

        /// Also the bytes more that it takes as float16 than as INT8, but for its scales.
        var countWeights: Int { shape.reduce(1, *) }
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
    ///   - mixes: segments that scales, codes and biases are fitted to and, the first of them, layers
    ///     are measured on; at least one: `[audioChannels, samples]`, normalised as the network gets
    ///     them.
    /// - Throws: ``WeightsError``, ``QuantizationError``, `CancellationError`.
    package func run(
        mixes: [[Float]], targets: Targets, cancellation: CancellationToken,
        report: @escaping (Stage) -> Void = { _ in }
    ) throws -> QuantizedModel {
        let backend = try Backend(threads: threads)
        let observer = CalibrationInputs(rowsPerSegment: Self.rowsPerSegment(mixes.count))
        let parameters = checkpoint.parameters()
        let watched = try HTDemucs(
            configuration, warnings: [], parameters: parameters,
            backend: Backend(threads: 1), observer: observer)
        for (index, mix) in mixes.enumerated() {
            report(.calibrating(segment: index, of: mixes.count))
            _ = try watched.forward(
                tensor(mix, on: watched.backend), observer: cancellation)
            observer.endSegment(on: backend)
        }
        var rounding = Rounding(quantization: self, backend: backend)
        for (index, layer) in observer.layers.enumerated() {
            report(.rounding(layer: index, of: observer.layers.count))
            try cancellation.check()
            try rounding.add(layer, for: targets.precision)
        }
        return try MixedPrecisionSearch(
            self, rounding, mixes: Array(mixes.prefix(Self.measuredSegments)), targets: targets,
            shapes: parameters.askedShapes, cancellation: cancellation, report: report
        ).run()
    }

    /// Rows of inputs that are kept of each segment: enough in all for a product with 3,456 inputs, the
    /// most that the published model has, but no more memory than some hundred megabytes.
    private static func rowsPerSegment(_ segments: Int) -> Int {
        min(2048, max(256, 16384 / segments / 2 * 2))
    }

    func tensor(_ mix: [Float], on backend: Backend) -> Tensor {
        backend.tensor(
            [configuration.audioChannels, mix.count / configuration.audioChannels], mix)
    }
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
