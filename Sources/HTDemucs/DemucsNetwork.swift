// Also Embedded Swift: typed throws, no key paths, no casts.
// The networks of the reference's classes, and building one from a checkpoint.

import Layers
import Networks
import System
import Tensor
import WeightsLoader

/// A network of one class.
package protocol DemucsNetwork: Sendable {
    var properties: NetworkProperties { get set }

    /// Builds a model of the reader's configuration, on its backend.
    ///
    /// - Parameter parameters: all parameters of a checkpoint.
    /// - Throws: ``WeightsError``.
    init(_ reader: StateDictReader, _ parameters: ParameterReader) throws(WeightsError)

    /// See `SeparationNetwork`.
    func forward(
        _ mix: Tensor, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor
}

/// The properties that networks of all classes have.
package struct NetworkProperties: Sendable {
    let configuration: Configuration
    fileprivate(set) var backend: Backend
    /// Whether `use_train_segment` pads short mixes.
    fileprivate(set) var padsToSegment: Bool
    fileprivate(set) var parameterCount = 0

    init(_ reader: StateDictReader) {
        configuration = reader.configuration
        backend = reader.backend
        padsToSegment = configuration.arguments.useTrainSegment
    }
}

extension DemucsNetwork {
    package var configuration: Configuration { properties.configuration }

    package var backend: Backend { properties.backend }
}

/// A network of any class. Indirect, because copies of networks by value take 40 KB of code.
package indirect enum LoadedNetwork: SeparationNetwork {
    case htdemucs(HTDemucs)
    case hdemucs(HDemucs)
    case demucs(TimeDemucs)

    /// The modules in the order of computation; the layers of those of a stage alternate.
    package static var stages: [[String]] {
        [
            ["tencoder", "encoder"], ["channel_upsampler", "channel_upsampler_t"],
            ["crosstransformer"], ["channel_downsampler", "channel_downsampler_t"],
            ["decoder", "tdecoder"],
        ]
    }

    init(
        _ reader: StateDictReader, _ parameters: ParameterReader
    ) throws(WeightsError) {
        switch reader.configuration.arguments.architecture {
        case .htdemucs: self = .htdemucs(try HTDemucs(reader, parameters))
        case .hdemucs: self = .hdemucs(try HDemucs(reader, parameters))
        case .demucs: self = .demucs(try TimeDemucs(reader, parameters))
        }
        properties.parameterCount = parameters.askedCount
    }

    private var properties: NetworkProperties {
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

    package var configuration: Configuration { properties.configuration }

    package var backend: Backend { properties.backend }

    package var parameterCount: Int { properties.parameterCount }

    package func running(on backend: Backend) -> Self {
        var copy = self
        copy.properties.backend = backend
        return copy
    }

    package func withoutPadding() -> Self {
        var copy = self
        copy.properties.padsToSegment = false
        return copy
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

    package func forward(
        _ mix: Tensor, z: consuming Tensor?, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor {
        let samples = mix.shape[1]
        return switch self {
        case .htdemucs(let network):
            try network.forward(mix, z: z, samples: samples, observer: observer)
        case .hdemucs(let network):
            try network.forward(mix, z: z, samples: samples, observer: observer)
        case .demucs(let network): try network.forward(mix, observer: observer)
        }
    }

    package func core(
        _ mix: Tensor, _ z: consuming Tensor, observer: some ForwardObserver
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor)? {
        switch self {
        case .htdemucs(let network): try network.core(mix, z, observer: observer)
        case .hdemucs(let network): try network.core(mix, z, observer: observer)
        case .demucs: nil
        }
    }
}
