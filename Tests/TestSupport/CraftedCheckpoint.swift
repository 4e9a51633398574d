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
        package var elementType = ElementType.float32

        package init(name: String, shape: [Int], values: [Float]) {
            self.name = name
            self.shape = shape
            self.values = values
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
        let tensors = tensors.map {
            RawCheckpoint.Tensor(
                name: $0.name, shape: $0.shape, floats: $0.values, type: $0.elementType)
        }
        return try RawCheckpoint(metadata: metadata, tensors: tensors).open()
    }
}
