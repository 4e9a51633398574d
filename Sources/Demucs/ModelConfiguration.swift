// The families of models: what a checkpoint of each holds, and the network that it becomes.

import HTDemucs
import ModelZoo
import RoFormer
import System
import Tensor
import Tracks
import WeightsLoader

/// The configuration of a checkpoint of any family.
package enum ModelConfiguration: Sendable {
    case demucs(Configuration)
    case roformer(RoFormerConfiguration)

    /// Reads the configuration from its file, from the checkpoint, or else from the shapes of the
    /// tensors, where they determine it.
    ///
    /// - Parameter file: the file; nil for none.
    /// - Returns: the configuration, and parts of the file that this engine ignores, one a line.
    /// - Throws: `WeightsError`, `ConfigurationError`.
    static func read(
        from checkpoint: Checkpoint, _ file: ConfigurationFile?
    ) throws -> (configuration: ModelConfiguration, warnings: [String]) {
        guard let kind = RoFormerConfiguration.Kind(of: checkpoint) else {
            guard let file else {
                let (configuration, warnings) = try Configuration.read(from: checkpoint)
                return (.demucs(configuration), warnings)
            }
            return try named(file) { sections throws(ConfigurationError) in
                let read = try Configuration.read(ModelArguments(ofSections: sections))
                return (.demucs(read.configuration), read.warnings)
            }
        }
        guard let file else {
            let sections = kind.completed(
                try kind.storedSections(of: checkpoint), from: checkpoint)
            return (.roformer(try RoFormerConfiguration(kind, sections)), [])
        }
        return try named(file) { sections throws(ConfigurationError) in
            let sections = kind.completed(sections, from: checkpoint)
            return (.roformer(try RoFormerConfiguration(kind, sections)), [])
        }
    }

    /// The result for the sections of a file, whose errors name the file.
    private static func named<Value>(
        _ file: ConfigurationFile,
        _ read: ([String: ArgumentValue]) throws(ConfigurationError) -> Value
    ) throws(ConfigurationError) -> Value {
        do {
            return try read(file.sections)
        } catch {
            throw .file(path: file.path, error)
        }
    }

    package var trackRules: TrackRules {
        switch self {
        case .demucs(let configuration): configuration.trackRules
        case .roformer(let configuration): configuration.trackRules
        }
    }

    /// The configuration in a bag that sets a segment length, which RoFormers ignore.
    ///
    /// - Throws: `ConfigurationError`.
    func inBag(ofSegmentSeconds seconds: Double) throws -> ModelConfiguration {
        guard case .demucs(let configuration) = self else { return self }
        return .demucs(try configuration.inBag(ofSegmentSeconds: seconds))
    }

    /// Builds the network from all parameters of a checkpoint.
    ///
    /// - Throws: `WeightsError`; `SeparationError.invalidOption` for a RoFormer in INT8.
    func network(_ parameters: ParameterReader, on backend: Backend) throws -> ModelNetwork {
        switch self {
        case .demucs(let configuration):
            return .demucs(try configuration.network(parameters: parameters, backend: backend))
        case .roformer(let configuration):
            try SeparationError.require(
                backend.precision != .int8, "precision", backend.precision.rawValue,
                "float32 or bfloat16 for a RoFormer")
            return .roformer(try RoFormer(configuration, parameters, on: backend))
        }
    }
}

/// A network of any family, ready to run. Indirect as ``LoadedNetwork``.
package indirect enum ModelNetwork: Sendable {
    case demucs(LoadedNetwork)
    case roformer(RoFormer)

    /// Number of elements of all parameters.
    var parameterCount: Int {
        switch self {
        case .demucs(let network): network.parameterCount
        case .roformer(let network): network.parameterCount
        }
    }

    /// This network, with shared weights, on another backend of the same kernels and precision.
    func running(on backend: Backend) -> ModelNetwork {
        switch self {
        case .demucs(let network): .demucs(network.running(on: backend))
        case .roformer(let network): .roformer(network.running(on: backend))
        }
    }

    /// - Parameter mix: `[audioChannels, samples]`
    /// - Returns: `[sources, audioChannels, samples]`
    func forward(
        _ mix: Tensor, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor {
        switch self {
        case .demucs(let network): try network.forward(mix, observer: observer)
        case .roformer(let network): try network.forward(mix, observer: observer)
        }
    }
}
