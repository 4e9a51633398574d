// Also Embedded Swift: typed throws, no key paths, no casts.
// What the engine asks of a model of any family: its configuration, and the network that it becomes.

import Layers
import Signal
import System
import Tensor
import WeightsLoader

/// The checked configuration of a model.
package protocol ModelConfiguration: Sendable {
    associatedtype Network: SeparationNetwork

    /// What a model of this family is called in messages.
    static var familyName: String { get }

    /// How a track is cut into segments.
    var trackRules: TrackRules { get }

    /// The layers that run in INT8 if the weights are floats.
    var recommendedPlan: QuantizationPlan { get }

    /// Whether it was measured that the stems of music keep their SDR within 0.01 dB in INT8
    /// (docs/int8.md).
    var keepsSDRInInt8: Bool { get }

    /// The transform around the network's core; nil for a network without a core.
    var coreTransform: (nfft: Int, framing: STFT.Framing)? { get }

    /// Layers of each branch of the transformer between the branches, and their heads; nil for a
    /// family without such a transformer.
    var crossTransformer: (layers: Int, heads: Int)? { get }

    /// The configuration in a bag that sets a segment length.
    ///
    /// - Throws: ``ConfigurationError`` if the segment is too short or too long for the model.
    func inBag(ofSegmentSeconds seconds: Double) throws(ConfigurationError) -> Self

    /// Builds the network from all parameters of a checkpoint.
    func network(
        _ parameters: ParameterReader, _ layerWeights: LayerWeightsReader, on backend: Backend
    ) throws(WeightsError) -> Network

    /// Floating-point operations of one block of a segment: two for each multiplication of its
    /// convolutions, linear layers and attention products, however these are computed. Norms,
    /// activations, softmax and the two transforms are not counted.
    func segmentOperations(of block: NetworkBlock) -> Double

    /// Least memory traffic of a block, in bytes: its inputs, outputs and weights, each once.
    /// Activations inside the block are not counted.
    ///
    /// - Parameter weightBytes: bytes of one weight. Activations are float32.
    func segmentBytes(of block: NetworkBlock, weightBytes: Int) -> Double

    /// The bound of random values of a weight, with which activations stay near one.
    ///
    /// - Parameter shape: in PyTorch's order; of more than one axis.
    func bound(ofRandomWeight name: String, _ shape: [Int]) -> Float
}

extension ModelConfiguration {
    package var keepsSDRInInt8: Bool { false }
    package var coreTransform: (nfft: Int, framing: STFT.Framing)? { nil }
    package var crossTransformer: (layers: Int, heads: Int)? { nil }

    package func inBag(
        ofSegmentSeconds seconds: Double
    ) throws(ConfigurationError) -> Self { self }

    /// Builds the network from all parameters of a checkpoint, of which it must use every one.
    ///
    /// - Parameters:
    ///   - plan: the layers that run in INT8, see ``LayerWeightsReader``.
    ///   - observer: observes the inputs of the layers.
    /// - Throws: `WeightsError`.
    package func network(
        _ parameters: ParameterReader, on backend: Backend, plan: QuantizationPlan? = nil,
        observer: (any ModelObserver)? = nil
    ) throws(WeightsError) -> Network {
        let network = try network(
            parameters, layerWeights(of: parameters, on: backend, plan: plan, observer: observer),
            on: backend)
        try parameters.finish()
        return network
    }

    /// The reader of the layers' weights, as ``network(_:on:plan:observer:)`` takes it.
    package func layerWeights(
        of parameters: ParameterReader, on backend: Backend, plan: QuantizationPlan? = nil,
        observer: (any ModelObserver)? = nil
    ) throws(WeightsError) -> LayerWeightsReader {
        try LayerWeightsReader(
            plan: plan, recommended: recommendedPlan, observer: observer, of: parameters,
            on: backend)
    }
}

/// A model with its weights, ready to run.
package protocol SeparationNetwork: Sendable {
    var backend: Backend { get }

    /// Number of elements of all parameters.
    var parameterCount: Int { get }

    /// This network, with shared weights, on another backend of the same kernels and precision.
    func running(on backend: Backend) -> Self

    /// This network, with shared weights, for mixes that are shorter than a training segment and stay
    /// so: less work, and not what the reference does.
    func withoutPadding() -> Self

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

    /// The same without padding, from the mix's spectrogram where it was computed before.
    ///
    /// - Parameter z: as ``core(_:_:observer:)`` takes it; nothing to a network without a core.
    func forward(
        _ mix: Tensor, z: consuming Tensor?, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor

    /// The core: the network between the two transforms, as other runtimes run it.
    ///
    /// - Parameters:
    ///   - mix: `[audioChannels, samples]`
    ///   - z: its spectrogram with complex numbers as channels (L re, L im, R re, R im),
    ///     `[freq, time, 2 · audioChannels]`.
    /// - Returns: the spectrogram branch's output, `[freq, time, sources · 2 · audioChannels]`, and
    ///   the waveform branch's, `[1, samples, sources · audioChannels]`: the outputs `output` and
    ///   `add_67` of an ONNX export, channels last; nil from a network without a core.
    func core(
        _ mix: Tensor, _ z: consuming Tensor, observer: some ForwardObserver
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor)?
}

extension SeparationNetwork {
    package func withoutPadding() -> Self { self }

    package func forward(_ mix: Tensor) throws(CancellationError) -> Tensor {
        try forward(mix, observer: CancellationToken())
    }

    package func forward(
        _ mix: Tensor, z: consuming Tensor?, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor {
        try forward(mix, observer: observer)
    }

    package func core(
        _ mix: Tensor, _ z: consuming Tensor, observer: some ForwardObserver
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor)? { nil }
}
