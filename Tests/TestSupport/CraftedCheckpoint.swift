// Checkpoints as no training run writes them: those of the fixtures with something changed, and
// random ones of any size.

import Foundation
import WeightsLoader

/// What stands in a safetensors file, to be changed and written.
package struct CraftedCheckpoint {
    package struct Tensor {
        package var name: String
        package var shape: [Int]
        /// Four bytes an element, in whatever `elementType` says.
        package var values: [Float]
        package var elementType = "F32"

        package init(name: String, shape: [Int], values: [Float], elementType: String = "F32") {
            self.name = name
            self.shape = shape
            self.values = values
            self.elementType = elementType
        }
    }

    package var metadata: [String: String]
    package var tensors: [Tensor]

    package init(metadata: [String: String], tensors: [Tensor]) {
        self.metadata = metadata
        self.tensors = tensors
    }

    /// The checkpoint `Tests/Fixtures/models/<name>.safetensors`, widened to float32.
    package init(fixture name: String) throws {
        let checkpoint = try Checkpoint.open(Fixture.url("models/\(name).safetensors").path)
        metadata = checkpoint.metadata
        tensors = try checkpoint.tensors.map {
            Tensor(name: $0.name, shape: $0.shape, values: try checkpoint.floats($0))
        }
    }

    /// Sets one of the constructor's arguments.
    package mutating func set(_ argument: String, to value: Any) throws {
        let data = Data((metadata["kwargs"] ?? "{}").utf8)
        var kwargs = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        kwargs[argument] = value
        metadata["kwargs"] = String(
            decoding: try JSONSerialization.data(withJSONObject: kwargs), as: UTF8.self)
    }

    /// Writes the file, opens it and removes it again; the mapping keeps its contents.
    package func open() throws -> Checkpoint {
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
