// Configurations and networks of checkpoints in one step, whose errors are of several types.

import Tensor
import WeightsLoader

extension Configuration {
    /// Reads the configuration that a checkpoint stores, or infers it from the tensors' shapes.
    ///
    /// - Parameter overriding: arguments under the reference's names that replace the file's.
    /// - Returns: the configuration, and a line of warning for each argument that the reference's
    ///   class doesn't have. The reference drops such arguments too.
    /// - Throws: ``WeightsError`` if the metadata can't be used, ``ConfigurationError`` if an
    ///   argument is invalid or not supported.
    package static func read(
        from checkpoint: Checkpoint, overriding: [String: ArgumentValue] = [:]
    ) throws -> (configuration: Configuration, warnings: [String]) {
        try read(arguments(of: checkpoint, overriding: overriding))
    }
}

extension Checkpoint {
    /// Builds the network of the checkpoint, with stored or inferred arguments.
    ///
    /// - Parameters:
    ///   - overriding: constructor arguments that replace the file's.
    ///   - segmentSeconds: the segment of a bag that the model is part of.
    /// - Throws: ``WeightsError`` if tensors are missing, unused or of another shape,
    ///   ``ConfigurationError`` if the model has an option that this engine does not build.
    package func network(
        overriding: [String: ArgumentValue] = [:], segmentSeconds: Double? = nil, backend: Backend
    ) throws -> LoadedNetwork {
        let (stored, warnings) = try Configuration.read(from: self, overriding: overriding)
        let configuration =
            try segmentSeconds.map { try stored.inBag(ofSegmentSeconds: $0) } ?? stored
        return try configuration.network(
            warnings: warnings, parameters: parameters(), backend: backend)
    }
}

extension LoadedNetwork {
    /// The network if it has a spectrogram; else nil.
    package var hybrid: (any HybridNetwork)? {
        switch self {
        case .htdemucs(let network): network
        case .hdemucs(let network): network
        case .demucs: nil
        }
    }
}
