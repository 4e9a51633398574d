// A quantised model, ready to be written. `docs/formats.md` describes the file byte by byte.

import HTDemucs
import WeightsLoader

/// What `ModelQuantization` makes.
package struct QuantizedModel {
    /// In the order of the model.
    package let layers: [ModelQuantization.Layer]
    /// SNR of the worst stem against float32, as `--precision int8` runs it.
    package let decibels: Double
    /// Of the file.
    package let countBytes: Int
    private let writer: SafetensorsWriter

    init(
        _ quantization: ModelQuantization, _ rounding: Rounding,
        layers: [ModelQuantization.Layer], shapes: [String: [Int]], decibels: Double
    ) throws {
        self.decibels = decibels
        let quantized = layers.filter { $0.form != .float }.map(\.tensor)
        let replacements = rounding.replacements(for: quantized)
        var entries: [SafetensorsWriter.Entry] = []
        for tensor in quantization.checkpoint.tensors {
            let shape = shapes[tensor.name] ?? tensor.shape
            entries += try Self.entries(
                tensor, shape: shape, replacements, from: quantization.checkpoint)
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
        writer = try Self.writer(quantization, entries, layers: layers, decibels: decibels)
        countBytes = try writer.countBytes()
    }

    private static func writer(
        _ quantization: ModelQuantization, _ entries: [SafetensorsWriter.Entry],
        layers: [ModelQuantization.Layer], decibels: Double
    ) throws -> SafetensorsWriter {
        var origin = quantization.origin
        origin["snr_db"] = decibels.isFinite ? .number((decibels * 100).rounded() / 100) : .null
        let forms = layers.filter { $0.form != .float }.map { ($0.tensor, $0.form) }
        let scheme = QuantizationScheme(
            layers: Dictionary(uniqueKeysWithValues: forms), origin: origin)
        return SafetensorsWriter(
            quantization.checkpoint, entries: entries, arguments: quantization.arguments,
            metadata: scheme.metadata)
    }

    private static func entries(
        _ tensor: StoredTensor, shape: [Int], _ replacements: ParameterReader.Replacements,
        from checkpoint: Checkpoint
    ) throws -> [SafetensorsWriter.Entry] {
        if let (codes, scales) = replacements.quantized[tensor.name] {
            return [
                .init(
                    tensor.name, shape: shape, .int8,
                    bytes: codes.map { UInt8(bitPattern: $0) }),
                .init(
                    QuantizationScheme.scaleName(of: tensor.name), shape: [scales.count],
                    .float32, bytes: bytes(scales.map(\.bitPattern.littleEndian))),
            ]
        }
        if let bias = replacements.floats[tensor.name] {
            return [
                .init(
                    tensor.name, shape: shape, .float32,
                    bytes: bytes(bias.map(\.bitPattern.littleEndian)))
            ]
        }
        if isWeight(tensor.name, shape), tensor.elementType == .float32 {
            let halves = try checkpoint.floats(tensor).map(Narrowing.float16)
            let isFinite = halves.allSatisfy { $0 & 0x7C00 != 0x7C00 }
            if isFinite {
                return [
                    .init(
                        tensor.name, shape: shape, .float16,
                        bytes: bytes(halves.map(\.littleEndian)))
                ]
            }
        }
        return [.init(tensor, shape: shape)]
    }

    /// Whether a tensor that stays in floats becomes float16. Norms, biases, scales and embeddings keep
    /// their type, which costs little.
    private static func isWeight(_ name: String, _ shape: [Int]) -> Bool {
        shape.count > 1 && !name.hasPrefix("freq_emb.")
    }

    /// Bytes of the values of a quantised file made of float32 weights, its header left out.
    ///
    /// - Parameters:
    ///   - shapes: of all tensors.
    ///   - layers: those that can be quantised.
    package static func valueBytes(
        _ shapes: [String: [Int]], of layers: [CalibrationInputs.Layer], in plan: QuantizationPlan
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
    /// - Parameter path: replaced only by a complete file.
    /// - Throws: ``WeightsError``.
    package func write(to path: String) throws {
        try writer.write(to: path)
    }
}
