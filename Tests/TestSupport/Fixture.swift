// Golden tensors under Tests/Fixtures and the drawn inputs and parameters that go with them, read
// by the engine's own safetensors reader.

import Foundation
import WeightsLoader

/// One safetensors file of golden tensors.
package struct Fixture: Sendable {
    /// Its path under Tests/Fixtures, without the ending.
    package let name: String
    package let checkpoint: Checkpoint

    /// Opens `Tests/Fixtures/<name>.safetensors`, its drawn tensors in place.
    package init(_ name: String) throws {
        self.name = name
        checkpoint = try Checkpoint.open(FixtureCopies.url(name + ".safetensors").path)
    }

    /// All tensors' names, sorted.
    package var names: [String] {
        checkpoint.tensors.map(\.name).sorted()
    }

    /// The tensor's values, row-major.
    package func floats(_ name: String) throws -> [Float] {
        try checkpoint.floats(try tensor(name))
    }

    /// The tensor's sizes.
    package func shape(_ name: String) throws -> [Int] {
        try tensor(name).shape
    }

    /// A file or folder under `Tests/Fixtures`: a complete copy where tensors of it are drawn.
    package static func url(_ relative: String) -> URL {
        do {
            return try FixtureCopies.url(relative)
        } catch {
            fatalError("fixture \(relative): \(error)")
        }
    }

    /// The folder of the models that come with the program.
    package static let bundledModels = url("../../Models").standardized

    private func tensor(_ name: String) throws -> StoredTensor {
        guard let tensor = checkpoint.tensor(named: name) else {
            throw WeightsError.tensorMissing(
                path: checkpoint.path, tensor: name, unasked: checkpoint.tensors.count,
                similar: names)
        }
        return tensor
    }
}
