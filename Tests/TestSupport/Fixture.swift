// Golden tensors under Tests/Fixtures with their drawn inputs and parameters, read by the engine's
// own safetensors reader.

import Foundation
import WeightsLoader

/// One safetensors file of golden tensors.
package struct Fixture: Sendable {
    /// Path under Tests/Fixtures, without the extension.
    package let name: String
    package let checkpoint: Checkpoint

    /// Opens `Tests/Fixtures/<name>.safetensors` with its drawn tensors.
    package init(_ name: String) throws {
        self.name = name
        checkpoint = try Checkpoint.open(FixtureCopies.url(name + ".safetensors").path)
    }

    /// The names of all tensors, sorted.
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

    /// A file or folder under `Tests/Fixtures`: a complete copy if tensors of it are drawn.
    package static func url(_ relative: String) -> URL {
        do {
            return try FixtureCopies.url(relative)
        } catch {
            fatalError("fixture \(relative): \(error)")
        }
    }

    /// The folder of the models that are installed with the program.
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
