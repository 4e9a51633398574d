// The tensors of a configuration's model, and checkpoints of it with seeded weights.

import HTDemucs
import Networks
import Tensor
import TestSupport
import WeightsLoader

extension RawCheckpoint {
    /// A model with these arguments and seeded weights, of a size that keeps activations near 1.
    init(randomWithArguments kwargs: String) throws {
        let metadata = ["klass": Architecture.htdemucs.className, "args": "[]", "kwargs": kwargs]
        let shapes = try configuration(kwargs: kwargs).configuration.stateDict()
        let tensors = shapes.sorted { $0.key < $1.key }.map { name, shape in
            let inputs = shape.dropFirst().reduce(1, *)
            let isGain = shape.count == 1 && !name.hasSuffix("bias")
            let (center, width): (Float, Float) =
                isGain ? (0.5, 0.3) : (0, 1.5 / Float(inputs).squareRoot())
            var random = SplitMix64(seed: 1, name: name)
            let values = random.floats(shape.reduce(1, *)).map { center + width * $0 }
            return Tensor(name: name, shape: shape, floats: values)
        }
        self.init(metadata: metadata, tensors: tensors)
    }
}

extension Configuration {
    /// Shapes of all tensors that the model of this configuration reads, by name.
    func stateDict() throws -> [String: [Int]] {
        let parameters = ParameterReader { _, shape in
            [Float](repeating: 0, count: shape.reduce(1, *))
        }
        _ = try network(parameters, on: Backend(threads: 2))
        return parameters.askedShapes
    }
}
