// The families of models: what a checkpoint of each holds, and the network that it becomes.

import HTDemucs
import RoFormer
import System
import Tensor
import Tracks
import WeightsLoader

/// The configuration of a checkpoint of any family.
package enum ModelConfiguration: Sendable {
    case demucs(Configuration)
    case roformer(RoFormerConfiguration)

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

    /// The layers that run in INT8 if the weights are floats.
    package var recommendedPlan: QuantizationPlan {
        switch self {
        case .demucs(let configuration): .recommended(for: configuration)
        case .roformer: .recommendedForRoFormers
        }
    }

    /// Builds the network from all parameters of a checkpoint.
    ///
    /// - Parameters:
    ///   - plan: the layers that run in INT8, see `LayerWeightsReader`.
    ///   - observer: observes the inputs of the layers.
    /// - Throws: `WeightsError`.
    package func network(
        _ parameters: ParameterReader, on backend: Backend, plan: QuantizationPlan? = nil,
        observer: (any ModelObserver)? = nil
    ) throws -> ModelNetwork {
        switch self {
        case .demucs(let configuration):
            return .demucs(
                try configuration.network(
                    parameters: parameters, backend: backend, plan: plan, observer: observer))
        case .roformer(let configuration):
            let network = try RoFormer(
                configuration, parameters, on: backend, plan: plan, observer: observer)
            try parameters.finish()
            return .roformer(network)
        }
    }
}

/// A network of any family, ready to run. Indirect as ``LoadedNetwork``.
package indirect enum ModelNetwork: Sendable {
    case demucs(LoadedNetwork)
    case roformer(RoFormer)

    package var backend: Backend {
        switch self {
        case .demucs(let network): network.backend
        case .roformer(let network): network.backend
        }
    }

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

    /// See ``SeparationNetwork/withoutPadding()``.
    func withoutPadding() -> ModelNetwork {
        switch self {
        case .demucs(let network): .demucs(network.withoutPadding())
        case .roformer: self
        }
    }

    /// Memory that a forward pass takes besides the weights, in bytes: that of a pass which computes
    /// nothing.
    ///
    /// - Parameter shape: `[audioChannels, samples]` of its mix.
    package func passBytes(_ shape: Shape) -> Int { pass(shape).peakBytes }

    /// Makes sure that there is memory for a forward pass; false if the system refuses it.
    func reserve(_ shape: Shape) -> Bool { backend.reserve(like: pass(shape)) }

    /// The memory of a pass that computes nothing.
    private func pass(_ shape: Shape) -> Backend {
        let dry = backend.dry()
        let mix = dry.keptTensor(shape)
        let stems = try? running(on: dry).forward(mix, observer: CancellationToken())
        return withExtendedLifetime((mix, stems)) { dry }
    }

    /// - Parameter mix: `[audioChannels, samples]`
    /// - Returns: `[sources, audioChannels, samples]`
    package func forward(
        _ mix: Tensor, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor {
        switch self {
        case .demucs(let network): try network.forward(mix, observer: observer)
        case .roformer(let network): try network.forward(mix, observer: observer)
        }
    }
}
