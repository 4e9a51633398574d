// A quantised model, ready to be written. `docs/formats.md` describes the file byte by byte.

import Networks
import WeightsLoader

/// The result of ``ModelQuantization``.
package struct QuantizedModel {
    /// The layers in the order of the model.
    package let layers: [ModelQuantization.Layer]
    /// SNR of the worst stem against float32, in the precision that the file will run in.
    package let snrDecibels: Double
    /// Size of the file in bytes.
    package let countBytes: Int
    private let writer: SafetensorsWriter

    init(
        _ quantization: ModelQuantization, _ quantized: QuantizedLayers,
        layers: [ModelQuantization.Layer], shapes: [String: [Int]], snrDecibels: Double
    ) throws {
        self.snrDecibels = snrDecibels
        let forms = Dictionary(
            uniqueKeysWithValues: layers.filter { $0.form != .float }.map { ($0.tensor, $0.form) })
        let replacements = quantized.replacements(for: forms.keys)
        let entries = try quantization.checkpoint.tensors.flatMap { tensor in
            try Self.entries(
                tensor, shape: shapes[tensor.name] ?? tensor.shape, replacements,
                from: quantization.checkpoint)
        }
        let sizes = Dictionary(
            uniqueKeysWithValues: entries.map { ($0.name, $0.countBytes) })
        self.layers = layers.map { layer in
            var layer = layer
            layer.countBytes =
                (sizes[layer.tensor] ?? 0)
                + (sizes[QuantizationScheme.scaleName(of: layer.tensor)] ?? 0)
            return layer
        }
        var origin = quantization.origin
        origin["snr_db"] =
            snrDecibels.isFinite ? .number((snrDecibels * 100).rounded() / 100) : .null
        let scheme = QuantizationScheme(layers: forms, origin: origin)
        writer = SafetensorsWriter(
            quantization.checkpoint, entries: entries,
            arguments: quantization.description.arguments,
            metadata: scheme.metadata)
        countBytes = try writer.countBytes()
    }

    private static func entries(
        _ tensor: StoredTensor, shape: [Int], _ replacements: ParameterReader.Replacements,
        from checkpoint: Checkpoint
    ) throws -> [SafetensorsWriter.Entry] {
        func entry(_ type: ElementType, _ bytes: [UInt8]) -> SafetensorsWriter.Entry {
            .init(tensor.name, shape: shape, type, bytes: bytes)
        }
        if let (quantized, scales) = replacements.quantized[tensor.name] {
            return [
                entry(.int8, bytes(quantized)),
                .init(
                    QuantizationScheme.scaleName(of: tensor.name), shape: [scales.count],
                    .float32, bytes: bytes(scales.map { $0.bitPattern.littleEndian })),
            ]
        }
        if let bias = replacements.floats[tensor.name] {
            return [entry(.float32, bytes(bias.map { $0.bitPattern.littleEndian }))]
        }
        if isWeight(tensor.name, shape), tensor.elementType == .float32 {
            let float16 = try checkpoint.floats(tensor).map(Narrowing.float16)
            let isFinite = float16.allSatisfy { $0 & 0x7C00 != 0x7C00 }
            if isFinite { return [entry(.float16, bytes(float16.map { $0.littleEndian }))] }
        }
        return [.init(tensor, shape: shape)]
    }

    /// Whether a tensor that stays float is written in float16. Norms, biases, scales and
    /// embeddings are small and keep their type.
    private static func isWeight(_ name: String, _ shape: [Int]) -> Bool {
        shape.count > 1 && !name.hasPrefix("freq_emb.")
    }

    /// Size of the values of a file quantised from float32 weights, in bytes without the header.
    ///
    /// - Parameters:
    ///   - shapes: shapes of all tensors.
    ///   - layers: all layers that can be quantised.
    package static func valueBytes(
        _ shapes: [String: [Int]], of layers: [CalibratedLayer], in plan: QuantizationPlan
    ) -> Int {
        let channels = layers.filter { plan[$0.tensor] != .float }
            .map { ($0.tensor, $0.shape[$0.outputAxis]) }
        let scales = Dictionary(uniqueKeysWithValues: channels)
        return shapes.reduce(0) { sum, tensor in
            let count = tensor.value.reduce(1, *)
            if let scales = scales[tensor.key] { return sum + count + 4 * scales }
            return sum + (isWeight(tensor.key, tensor.value) ? 2 : 4) * count
        }
    }

    private static func bytes<Value: BitwiseCopyable>(_ values: [Value]) -> [UInt8] {
        values.withUnsafeBytes { [UInt8]($0) }
    }

    /// Writes the model.
    ///
    /// - Parameter path: the file to write; an existing file is replaced only by a complete one.
    /// - Throws: ``WeightsError``.
    package func write(to path: String) throws {
        try writer.write(to: path)
    }
}
