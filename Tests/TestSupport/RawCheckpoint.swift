// Checkpoints that no training run writes: changed ones of the fixtures, random ones of any size,
// and files of any element types.

import Foundation
import WeightsLoader

/// The content of a safetensors file as bytes, to be changed and written.
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

        package init(name: String, shape: [Int], floats: [Float]) {
            self.init(
                name: name, type: .float32, shape: shape,
                bytes: floats.withUnsafeBytes { [UInt8]($0) })
        }
    }

    package var metadata: [String: String]
    package var tensors: [Tensor]

    package init(metadata: [String: String], tensors: [Tensor]) {
        self.metadata = metadata
        self.tensors = tensors
    }

    package init(_ checkpoint: Checkpoint) throws {
        metadata = checkpoint.metadata
        tensors = try checkpoint.tensors.map { tensor in
            Tensor(
                name: tensor.name, type: tensor.elementType, shape: tensor.shape,
                bytes: try checkpoint.read(tensor) { [UInt8]($0) })
        }
    }

    /// The checkpoint `Tests/Fixtures/models/<name>.safetensors`, widened to float32.
    package init(fixture name: String) throws {
        let checkpoint = try Checkpoint.open(Fixture.url("models/\(name).safetensors").path)
        metadata = checkpoint.metadata
        tensors = try checkpoint.tensors.map {
            Tensor(name: $0.name, shape: $0.shape, floats: try checkpoint.floats($0))
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

    package subscript(name: String) -> Tensor? {
        get { tensors.first { $0.name == name } }
        set {
            tensors.removeAll { $0.name == name }
            if let newValue { tensors.append(newValue) }
        }
    }

    /// The file's bytes, the tensors in their order.
    ///
    /// The header is written by hand except for the metadata, whose values need escapes:
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
        let folder = TemporaryFolder()
        return try Checkpoint.open(try folder.write(data, "raw.safetensors"))
    }
}
