// Also Embedded Swift: typed throws, no key paths, no casts.
// The interface of all networks, and building a network from a checkpoint.

import Layers
import System
import Tensor
import WeightsLoader

/// A model with its weights, ready to run.
package protocol SeparationNetwork: Sendable {
    var properties: NetworkProperties { get set }

    /// Builds a model of the reader's configuration, on its backend.
    ///
    /// - Parameter parameters: all parameters of a checkpoint.
    /// - Throws: ``WeightsError``.
    init(_ reader: StateDictReader, _ parameters: ParameterReader) throws(WeightsError)

    /// Separates a piece of music.
    ///
    /// - Parameters:
    ///   - mix: `[audioChannels, samples]`, at least one sample.
    ///   - observer: notified after each block; may stop the pass.
    /// - Returns: `[sources, audioChannels, samples]`
    /// - Throws: the observer's error, at the next block of the network.
    func forward(
        _ mix: Tensor, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor
}

/// The properties that networks of all architectures have.
package struct NetworkProperties: Sendable {
    let configuration: Configuration
    fileprivate(set) var backend: Backend
    /// Whether `use_train_segment` pads short mixes.
    fileprivate(set) var padsToSegment: Bool
    fileprivate(set) var warnings: [String] = []
    fileprivate(set) var parameterCount = 0

    init(_ reader: StateDictReader) {
        configuration = reader.configuration
        backend = reader.backend
        padsToSegment = configuration.arguments.useTrainSegment
    }
}

extension SeparationNetwork {
    package var configuration: Configuration { properties.configuration }

    /// Contents of the checkpoint that this engine ignores, a line each.
    package var warnings: [String] { properties.warnings }

    /// Number of elements of all parameters.
    package var parameterCount: Int { properties.parameterCount }

    package var backend: Backend { properties.backend }

    package func forward(_ mix: Tensor) throws(CancellationError) -> Tensor {
        try forward(mix, observer: CancellationToken())
    }

    /// This network, with shared weights, on another backend of the same kernels and precision.
    package func running(on backend: Backend) -> Self {
        var copy = self
        copy.properties.backend = backend
        return copy
    }
}

extension SeparationNetwork {
    /// This network, with shared weights, for mixes that are shorter than a training segment and stay
    /// so: less work, and not what the reference does.
    package func withoutPadding() -> Self {
        var copy = self
        copy.properties.padsToSegment = false
        return copy
    }
}

/// A network of any class. Indirect, because copies of networks by value take 40 KB of code.
package indirect enum LoadedNetwork: SeparationNetwork {
    case htdemucs(HTDemucs)
    case hdemucs(HDemucs)
    case demucs(TimeDemucs)

    package init(_ reader: StateDictReader, _ parameters: ParameterReader) throws(WeightsError) {
        switch reader.configuration.arguments.architecture {
        case .htdemucs: self = .htdemucs(try HTDemucs(reader, parameters))
        case .hdemucs: self = .hdemucs(try HDemucs(reader, parameters))
        case .demucs: self = .demucs(try TimeDemucs(reader, parameters))
        }
    }

    package var properties: NetworkProperties {
        get {
            switch self {
            case .htdemucs(let network): network.properties
            case .hdemucs(let network): network.properties
            case .demucs(let network): network.properties
            }
        }
        set {
            switch self {
            case .htdemucs(var network):
                network.properties = newValue
                self = .htdemucs(network)
            case .hdemucs(var network):
                network.properties = newValue
                self = .hdemucs(network)
            case .demucs(var network):
                network.properties = newValue
                self = .demucs(network)
            }
        }
    }

    package func forward(
        _ mix: Tensor, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor {
        switch self {
        case .htdemucs(let network): try network.forward(mix, observer: observer)
        case .hdemucs(let network): try network.forward(mix, observer: observer)
        case .demucs(let network): try network.forward(mix, observer: observer)
        }
    }
}

extension Configuration {
    /// The network of this configuration's architecture.
    ///
    /// - Parameters:
    ///   - warnings: warnings from reading the configuration.
    ///   - parameters: all parameters of a checkpoint; the network must use every one.
    ///   - plan: the layers that run in INT8, see ``LayerWeightsReader``.
    ///   - observer: observes the inputs of the layers.
    /// - Throws: ``WeightsError``.
    package func network(
        warnings: [String] = [], parameters: ParameterReader, backend: Backend,
        plan: QuantizationPlan? = nil, observer: (any ModelObserver)? = nil
    ) throws(WeightsError) -> LoadedNetwork {
        let reader = StateDictReader(
            configuration: self, backend: backend,
            layerWeights: try LayerWeightsReader(
                plan: plan, recommended: .recommended(for: self), observer: observer,
                of: parameters, on: backend))
        var network = try LoadedNetwork(reader, parameters)
        try parameters.finish()
        network.properties.warnings = warnings
        network.properties.parameterCount = parameters.askedCount
        return network
    }
}
