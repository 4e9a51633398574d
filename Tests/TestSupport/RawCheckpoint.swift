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

        package init(
            name: String, shape: [Int], floats: [Float], type: ElementType = .float32
        ) {
            self.init(
                name: name, type: type, shape: shape,
                bytes: floats.withUnsafeBytes { [UInt8]($0) })
        }
    }

    package var metadata: [String: String]
    package var tensors: [Tensor]

    package init(metadata: [String: String], tensors: [Tensor]) {
        self.metadata = metadata
        self.tensors = tensors
    }

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

    /// The file's bytes, the tensors in their order.
    ///
    /// The header is written by hand but for the metadata, whose values need escapes:
    /// JSONSerialization takes ten milliseconds, and some tests write hundreds of files.
    package var data: Data {
        get throws {
            let metadata = String(decoding: try JSONEncoder().encode(metadata), as: UTF8.self)
            var entries = ["\"__metadata__\":\(metadata)"]
            var bytes: [UInt8] = []
            for tensor in tensors {
                let start = bytes.count
                bytes += tensor.bytes
                entries.append(
                    """
                    "\(tensor.name)":{"dtype":"\(tensor.type.rawValue)","shape":\(tensor.shape),\
                    "data_offsets":[\(start),\(bytes.count)]}
                    """)
            }
            let text = Data("{\(entries.joined(separator: ","))}".utf8)
            let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
            return length + text + Data(bytes)
        }
    }

    /// Writes the file, opens it and removes it again; the mapping keeps its contents.
    package func open() throws -> Checkpoint {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("swift-demucs-\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        try data.write(to: url)
        return try Checkpoint.open(url.path)
    }
}
