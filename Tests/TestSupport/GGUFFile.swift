// Writes GGUF files as audio.cpp's converter does, from the tensors of a checkpoint.

import Foundation
import WeightsLoader

/// The content of a GGUF file.
package struct GGUFFile {
    package enum Weights: CaseIterable, Sendable { case float32, float16, bfloat16, q8 }

    package struct Tensor {
        package let name: String
        package let shape: [Int]
        package let values: [Float]

        package init(name: String, shape: [Int], values: [Float]) {
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    package var version: UInt32 = 3
    package var architecture = "audiocpp"
    /// The file that the tensors are from, before their names.
    package var source = "submodel_weights"
    /// The embedded `config.json`; nil for none.
    package var configuration: String?
    package var tensors: [Tensor]
    /// Bytes of further entries, each with its key and type.
    package var entries: [[UInt8]] = []

    package init(_ checkpoint: Checkpoint, configuration: String?) throws {
        self.configuration = configuration
        tensors = try checkpoint.tensors.map {
            Tensor(name: $0.name, shape: $0.shape, values: try checkpoint.floats($0))
        }
    }

    package init(configuration: String?, tensors: [Tensor]) {
        self.configuration = configuration
        self.tensors = tensors
    }

    /// The `config.json` of a checkpoint of demucs; fractions become floats.
    package static func configuration(ofDemucs checkpoint: Checkpoint) throws -> String {
        let name = checkpoint.metadata["klass"]?.split(separator: ".").last ?? ""
        let text = Data((checkpoint.metadata["kwargs"] ?? "{}").utf8)
        let kwargs = try JSONSerialization.jsonObject(with: text) as? [String: Any] ?? [:]
        let floats = kwargs.mapValues { value -> Any in
            guard let fraction = value as? [String: Any],
                let numerator = fraction["numerator"] as? Int,
                let denominator = fraction["denominator"] as? Int
            else { return value }
            return Double(numerator) / Double(denominator)
        }
        return """
            {"model_type": "demucs", "class_name": "\(name)", \
            "args": \(checkpoint.metadata["args"] ?? "[]"), \
            "kwargs": \(String(decoding: try JSONSerialization.data(withJSONObject: floats), as: UTF8.self))}
            """
    }

    // MARK: - Bytes

    package static func littleEndian(_ value: some FixedWidthInteger, _ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    package static func text(_ text: String) -> [UInt8] {
        littleEndian(text.utf8.count, 8) + Array(text.utf8)
    }

    /// An entry of a text.
    package static func entry(_ key: String, _ value: String) -> [UInt8] {
        text(key) + littleEndian(8, 4) + text(value)
    }

    /// An entry of an array, from the bytes of its elements.
    package static func array(_ key: String, type: Int, _ elements: [[UInt8]]) -> [UInt8] {
        text(key) + littleEndian(9, 4) + littleEndian(type, 4) + littleEndian(elements.count, 8)
            + elements.flatMap(\.self)
    }

    /// The whole file.
    package func bytes(_ weights: Weights) -> [UInt8] {
        let names = tensors.map { source.isEmpty ? $0.name : "\(source)/\($0.name)" }
        var all = [Self.entry("general.architecture", architecture)] + entries
        all.append(Self.array("audiocpp.tensor_names", type: 8, names.map(Self.text)))
        all.append(
            Self.array(
                "audiocpp.tensor_ranks", type: 5,
                tensors.map { Self.littleEndian($0.shape.count, 4) }))
        all.append(
            Self.array(
                "audiocpp.tensor_shapes", type: 11,
                tensors.flatMap(\.shape).map { Self.littleEndian($0, 8) }))
        if let configuration {
            // One more file, so that the offsets matter.
            let files = [("manifest.json", "{}"), ("955717e8/config.json", configuration)]
            var end = 0
            let ends = files.map { file in
                end += file.1.utf8.count
                return end
            }
            all.append(
                Self.array(
                    "audiocpp.embedded_files.names", type: 8, files.map { Self.text($0.0) }))
            all.append(
                Self.array(
                    "audiocpp.embedded_files.offsets", type: 10,
                    ([0] + ends).map { Self.littleEndian($0, 8) }))
            all.append(
                Self.array(
                    "audiocpp.embedded_files.data", type: 0,
                    files.flatMap { Array($0.1.utf8) }.map { [$0] }))
        }
        var header = Array("GGUF".utf8) + Self.littleEndian(version, 4)
        header += Self.littleEndian(tensors.count, 8) + Self.littleEndian(all.count, 8)
        header += all.flatMap(\.self)
        var data: [UInt8] = []
        for (index, tensor) in tensors.enumerated() {
            // GGUF limits names to 63 bytes.
            let name = names[index].utf8.count < 64 ? names[index] : "_audiocpp.\(index)"
            let sizes = tensor.shape.isEmpty ? [1] : tensor.shape
            let (type, values) = Self.stored(tensor, weights)
            header += Self.text(name) + Self.littleEndian(sizes.count, 4)
            header += sizes.reversed().flatMap { Self.littleEndian($0, 8) }
            header += Self.littleEndian(type, 4) + Self.littleEndian(data.count, 8)
            data += values
            data += [UInt8](repeating: 0, count: (32 - data.count % 32) % 32)
        }
        header += [UInt8](repeating: 0, count: (32 - header.count % 32) % 32)
        return header + data
    }

    /// ggml's type and the bytes of a tensor. Only matrices of whole blocks are quantised.
    private static func stored(_ tensor: Tensor, _ weights: Weights) -> (type: Int, bytes: [UInt8])
    {
        switch weights {
        case .q8 where tensor.shape.count == 2 && tensor.shape[1] % 32 == 0:
            let blocks = stride(from: 0, to: tensor.values.count, by: 32)
            return (8, blocks.flatMap { block(tensor.values[$0..<$0 + 32]) })
        case .float32, .q8:
            return (0, tensor.values.flatMap { littleEndian($0.bitPattern, 4) })
        case .float16:
            return (1, tensor.values.flatMap { littleEndian(Narrowing.float16($0), 2) })
        case .bfloat16:
            return (30, tensor.values.flatMap { littleEndian($0.bitPattern >> 16, 2) })
        }
    }

    /// A block of Q8_0: the scale takes the largest magnitude to 127.
    private static func block(_ values: ArraySlice<Float>) -> [UInt8] {
        let scale = Narrowing.float16(values.reduce(0) { max($0, abs($1)) } / 127)
        let step = Widening.float(fromFloat16: scale)
        return littleEndian(scale, 2)
            + values.map { UInt8(bitPattern: Int8(step == 0 ? 0 : ($0 / step).rounded())) }
    }
}
