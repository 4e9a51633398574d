// Conversion of any readable checkpoint to the official safetensors layout.

import Tensor
import WeightsLoader

/// A checkpoint that has been checked to be a whole model and can be written in the official
/// layout.
package struct CheckpointConversion {
    /// The constructor arguments, stored or inferred.
    package let arguments: ModelArguments
    /// Contents of the checkpoint that this engine ignores, a line each.
    package let warnings: [String]
    private let checkpoint: Checkpoint
    private let shapes: [String: [Int]]

    /// Builds the model once, which reads every tensor by its official name and shape.
    ///
    /// - Parameter overriding: constructor arguments that replace the file's.
    /// - Throws: ``WeightsError``, ``ConfigurationError``: the checkpoint isn't a whole model.
    package init(_ checkpoint: Checkpoint, overriding: [String: ArgumentValue] = [:]) throws {
        guard !checkpoint.isQuantized else {
            throw WeightsError.unsupported(
                path: checkpoint.path, format: checkpoint.format,
                problem: "its weights are INT8; use the checkpoint with plain float weights")
        }
        self.checkpoint = checkpoint
        arguments = try Configuration.arguments(of: checkpoint, overriding: overriding)
        let (configuration, warnings) = try Configuration.read(arguments)
        self.warnings = warnings
        let parameters = checkpoint.parameters()
        _ = try configuration.network(parameters: parameters, backend: Backend(threads: 1))
        shapes = parameters.askedShapes
    }

    /// Writes the model; the official package loads it with `load_safetensors_model`.
    ///
    /// - Parameters:
    ///   - path: the file to write; an existing file is replaced only by a complete one.
    ///   - asFloat16: whether to round values to float16; else they keep their types.
    /// - Throws: ``WeightsError``.
    package func write(to path: String, asFloat16: Bool = false) throws {
        let entries = checkpoint.tensors.map { tensor in
            SafetensorsWriter.Entry(tensor, shape: shapes[tensor.name] ?? tensor.shape)
        }
        try SafetensorsWriter(
            checkpoint, entries: entries, arguments: arguments, asFloat16: asFloat16
        ).write(to: path)
    }
}
