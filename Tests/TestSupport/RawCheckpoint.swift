// Checkpoints of any element types, to be changed tensor by tensor.

import Foundation
import WeightsLoader

/// What stands in a safetensors file, as bytes.
package struct RawCheckpoint {
    package struct Tensor {
        package var name: String
        package var type: ElementType
        package var shape: [Int]
        package var bytes: [UInt8]

        package init(name: String, type: ElementType, shape: [Int], bytes: [UInt8]) {
            self.name = name
            self.type = type
            self.shape = shape
            self.bytes = bytes
        }
    }

    package var metadata: [String: String]
    package var tensors: [Tensor]

    package init(_ checkpoint: Checkpoint) {
        metadata = checkpoint.metadata
        tensors = checkpoint.tensors.map { tensor in
            Tensor(
                name: tensor.name, type: tensor.elementType, shape: tensor.shape,
                bytes: checkpoint.withBytes(of: tensor) { [UInt8]($0) })
        }
    }

    package subscript(name: String) -> Tensor? {
        get { tensors.first { $0.name == name } }
        set {
            tensors.removeAll { $0.name == name }
            if let newValue { tensors.append(newValue) }
        }
    }

    /// Writes the file, opens it and removes it again; the mapping keeps its contents.
    package func open() throws -> Checkpoint {
        var header: [String: Any] = ["__metadata__": metadata]
        var data = Data()
        for tensor in tensors {
            header[tensor.name] = [
                "dtype": tensor.type.rawValue, "shape": tensor.shape,
                "data_offsets": [data.count, data.count + tensor.bytes.count],
            ]
            data += tensor.bytes
        }
        let text = try JSONSerialization.data(withJSONObject: header)
        let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("swift-demucs-\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        try (length + text + data).write(to: url)
        return try Checkpoint.open(url.path)
    }
}
