import Networks
import Tensor
import WeightsLoader

/// A checkpoint that has been checked to be a whole model and can be written in the official
/// layout.
package struct CheckpointConversion {
    /// Class and arguments, stored, in the YAML file beside the checkpoint, or inferred.
    package let description: ModelDescription
    private let checkpoint: Checkpoint
    private let shapes: [String: [Int]]

    /// Builds the model once, which reads every tensor by its official name and shape.
    ///
    /// - Parameter sources: names of the sources that replace the stored ones.
    /// - Throws: `WeightsError`, `ConfigurationError`: the checkpoint isn't a whole model.
    package init(_ checkpoint: Checkpoint, sources: [String]? = nil) throws {
        guard !checkpoint.isQuantized else {
            throw WeightsError.unsupported(
                path: checkpoint.path, format: checkpoint.format,
                problem: "its weights are INT8; use the checkpoint with plain float weights")
        }
        self.checkpoint = checkpoint
        description = try ModelDescription(of: checkpoint, sources: sources)
        let parameters = checkpoint.parameters()
        _ = try description.configuration.network(parameters, on: Backend(threads: 1))
        shapes = parameters.askedShapes
    }

    /// Writes the model; the official package loads it with `load_safetensors_model`.
    ///
    /// - Parameters:
    ///   - path: the file to write; an existing file is replaced only by a complete one.
    ///   - asFloat16: whether to round values to float16; else they keep their types.
    /// - Throws: `WeightsError`.
    package func write(to path: String, asFloat16: Bool = false) throws {
        let entries = checkpoint.tensors.map { tensor in
            SafetensorsWriter.Entry(tensor, shape: shapes[tensor.name] ?? tensor.shape)
        }
        try SafetensorsWriter(
            checkpoint, entries: entries, arguments: description.arguments, asFloat16: asFloat16
        ).write(to: path)
    }
}
