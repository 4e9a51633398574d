// A case of the self-test: of an operator, or of a family's blocks.

import Tensor
import WeightsLoader

/// A computation with a golden result.
package struct GoldenCase: Sendable {
    /// The tensors of one case, and the backend that it runs on.
    package struct Vector {
        package let reader: ParameterReader
        package let backend: Backend

        package init(reader: ParameterReader, backend: Backend) {
            self.reader = reader
            self.backend = backend
        }

        package func floats(_ name: String, _ shape: Int...) throws -> [Float] {
            try reader.floats(name, shape)
        }

        package func tensor(_ name: String, _ shape: Int...) throws -> Tensor {
            backend.tensor(shape, try reader.floats(name, shape))
        }
    }

    /// Name of the case; its tensors are `name.input`, `name.weight`, …, `name.output`,
    /// channels last.
    package let name: String
    /// The golden result's shape.
    package let output: [Int]
    package let compute: @Sendable (Vector) throws -> Tensor

    package init(
        name: String, output: [Int], compute: @escaping @Sendable (Vector) throws -> Tensor
    ) {
        self.name = name
        self.output = output
        self.compute = compute
    }
}
