// Checkpoints as no training run writes them: those of the fixtures with something changed, and
// random ones of any size.

import Foundation
import HTDemucs
import TestSupport
import WeightsLoader

/// What stands in a safetensors file, to be changed and written.
struct CraftedCheckpoint {
    struct Tensor {
        var name: String
        var shape: [Int]
        /// Four bytes an element, in whatever `elementType` says.
        var values: [Float]
        var elementType = "F32"
    }

    var metadata: [String: String]
    var tensors: [Tensor]

    /// The checkpoint `Tests/Fixtures/models/<name>.safetensors`, widened to float32.
    init(fixture name: String) throws {
        let checkpoint = try Checkpoint.open(Fixture.url("models/\(name).safetensors").path)
        metadata = checkpoint.metadata
        tensors = try checkpoint.tensors.map {
            Tensor(name: $0.name, shape: $0.shape, values: try checkpoint.floats($0))
        }
    }

    /// A model with these arguments and seeded weights, of a size that keeps activations near 1.
    init(randomWithArguments kwargs: String) throws {
        metadata = ["klass": Configuration.className, "args": "[]", "kwargs": kwargs]
        let shapes = StateDictShapes(try configuration(kwargs: kwargs).configuration).shapes
        var state: UInt64 = 1
        tensors = shapes.sorted { $0.key < $1.key }.map { name, shape in
            let inputs = shape.dropFirst().reduce(1, *)
            let isGain = shape.count == 1 && !name.hasSuffix("bias")
            let (center, width): (Float, Float) =
                isGain ? (0.5, 0.3) : (0, 1.5 / Float(inputs).squareRoot())
            let values = (0..<shape.reduce(1, *)).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return center + width * (Float(state >> 40) / Float(1 << 23) - 1)
            }
            return Tensor(name: name, shape: shape, values: values)
        }
    }

    /// Sets one of the constructor's arguments.
    mutating func set(_ argument: String, to value: Any) throws {
        let data = Data((metadata["kwargs"] ?? "{}").utf8)
        var kwargs = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        kwargs[argument] = value
        metadata["kwargs"] = String(
            decoding: try JSONSerialization.data(withJSONObject: kwargs), as: UTF8.self)
    }

    /// Writes the file, opens it and removes it again; the mapping keeps its contents.
    func open() throws -> Checkpoint {
        // By hand but for the metadata, whose values need escapes: JSONSerialization takes ten
        // milliseconds, and some tests write hundreds of files.
        let metadata = String(decoding: try JSONEncoder().encode(metadata), as: UTF8.self)
        var entries = ["\"__metadata__\":\(metadata)"]
        var bytes = Data()
        for tensor in tensors {
            let start = bytes.count
            tensor.values.withUnsafeBytes { bytes.append(contentsOf: $0) }
            entries.append(
                """
                "\(tensor.name)":{"dtype":"\(tensor.elementType)","shape":\(tensor.shape),\
                "data_offsets":[\(start),\(bytes.count)]}
                """)
        }
        let text = Data("{\(entries.joined(separator: ","))}".utf8)
        let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("swift-demucs-\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        try (length + text + bytes).write(to: url)
        return try Checkpoint.open(url.path)
    }
}
