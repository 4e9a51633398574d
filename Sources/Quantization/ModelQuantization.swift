// Quantisation of a model with float weights: calibration, rounding with GPTQ and corrected biases.
// docs/int8.md describes these steps.

import DemucsEngine
import Layers
import Networks
import System
import Tensor
import WeightsLoader

/// The quantisation of one model.
///
/// Results do not depend on the number of threads: the calibration runs the network on one thread.
package struct ModelQuantization {
    /// One tensor of weights in the quantised model.
    package struct Layer: Sendable {
        package let tensor: String
        package let shape: [Int]
        package let form: LayerForm
        /// Size of the layer's values in the file in bytes, including the scales.
        package internal(set) var countBytes: Int
        /// 10·log10(Σ w² / Σ (w − ŵ)²) of the rounded weights ŵ.
        package let weightSNRDecibels: Double
        /// SNR of the worst stem with only this layer quantised, the others in float32: in its
        /// form, or in INT8 if it stays floats. nil if it wasn't measured.
        package internal(set) var outputSNRDecibels: Double?
    }

    /// A stage of ``run(mixes:precision:measuresLayers:cancellation:report:)``, with the number of finished segments
    /// or layers: 0 when it begins.
    package enum Stage: Sendable {
        case calibrating(done: Int, segments: Int)
        case rounding(done: Int, layers: Int)
        case measuring(done: Int, layers: Int)
        case measuringModel
    }

    /// The largest number of segments on which layers are measured.
    package static let measuredSegments = 2

    let checkpoint: Checkpoint
    package let description: ModelDescription
    let threads: Int
    /// Metadata of the file: its source and calibration.
    let origin: [String: ArgumentValue]

    /// - Parameters:
    ///   - description: the checkpoint's model.
    ///   - calibration: a description of the calibration for the file's metadata; its numbers must be
    ///     finite.
    /// - Throws: `WeightsError` if the weights are not floats.
    package init(
        _ checkpoint: Checkpoint, _ description: ModelDescription,
        calibration: [String: ArgumentValue], threads: Int
    ) throws {
        guard !checkpoint.isQuantized else {
            throw WeightsError.unsupported(
                path: checkpoint.path, format: checkpoint.format,
                problem: "its weights are INT8; use the checkpoint with plain float weights")
        }
        self.checkpoint = checkpoint
        self.threads = threads
        self.description = description
        origin = [
            "source": .string(FilePath.name(of: checkpoint.path)),
            "source_sha256": .string(try checkpoint.sha256()), "calibration": .object(calibration),
        ]
    }

    /// Quantises the model by the recommended plan.
    ///
    /// - Parameters:
    ///   - mixes: at least one segment for the calibration, `[audioChannels, samples]` each,
    ///     normalised like the network's input. The SNR is measured on the first
    ///     ``measuredSegments``.
    ///   - precision: the precision in which the file will run and its SNR is measured. In float32 and
    ///     bfloat16 only weights are INT8.
    ///   - measuresLayers: whether to measure each layer alone, with one forward pass each.
    /// - Throws: `WeightsError`, `CancellationError`.
    package func run(
        mixes: [[Float]], precision: Precision = .int8, measuresLayers: Bool = false,
        cancellation: CancellationToken, report: (Stage) -> Void = { _ in }
    ) throws -> QuantizedModel {
        let backend = try Backend(threads: threads)
        let observer = CalibrationObserver(rowsPerSegment: Self.rowsPerSegment(mixes.count))
        let parameters = checkpoint.parameters()
        let network = try description.configuration.network(
            parameters, on: Backend(threads: 1), observer: observer)
        for (index, mix) in mixes.enumerated() {
            report(.calibrating(done: index, segments: mixes.count))
            _ = try network.forward(tensor(mix, on: network.backend), observer: cancellation)
            observer.endSegment(on: backend)
        }
        var quantized = QuantizedLayers(quantization: self, backend: backend)
        for (index, layer) in observer.layers.enumerated() {
            report(.rounding(done: index, layers: observer.layers.count))
            try cancellation.check()
            try quantized.add(layer, for: precision)
        }
        let stems = try QuantizedStems(
            self, quantized, mixes: Array(mixes.prefix(Self.measuredSegments)),
            cancellation: cancellation)
        var layers = quantized.layers
        if measuresLayers {
            // Layers that stay floats are measured too: the report shows why they stay floats.
            let mostRounded: LayerForm = precision == .int8 ? .w8a8 : .w8
            for (index, layer) in layers.enumerated() {
                report(.measuring(done: index, layers: layers.count))
                let form = layer.form == .float ? mostRounded : layer.form
                layers[index].outputSNRDecibels = try stems.worstSNR(
                    [layer.tensor: form], on: backend)
            }
        }
        report(.measuringModel)
        let snr = try stems.worstSNR(
            Dictionary(uniqueKeysWithValues: layers.map { ($0.tensor, $0.form) }),
            on: Backend(threads: threads, precision: precision))
        return try QuantizedModel(
            self, quantized, layers: layers, shapes: parameters.askedShapes, snrDecibels: snr)
    }

    /// Input rows kept of each segment: together enough for a product with 3,456 inputs, the
    /// largest of the published model, in a few hundred megabytes.
    private static func rowsPerSegment(_ segments: Int) -> Int {
        min(2048, max(256, 16384 / segments / 2 * 2))
    }

    func tensor(_ mix: [Float], on backend: Backend) -> Tensor {
        let channels = description.configuration.trackRules.audioChannels
        return backend.tensor([channels, mix.count / channels], mix)
    }
}
