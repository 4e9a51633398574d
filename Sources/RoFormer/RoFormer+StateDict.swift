// The checkpoint keys: building a RoFormer from its state dict.

import Layers
import Networks
import Signal
import Tensor
import WeightsLoader

extension RoFormer {
    /// Builds the network from the parameters of a checkpoint.
    ///
    /// - Throws: ``WeightsError`` if tensors are missing or of another shape.
    init(
        _ configuration: RoFormerConfiguration, _ parameters: ParameterReader,
        _ layerWeights: LayerWeightsReader, on backend: Backend
    ) throws(WeightsError) {
        self.configuration = configuration
        self.backend = backend
        stft = STFT(nfft: configuration.nfft, framing: .centred(hop: configuration.hop))
        let reader = RoFormerReader(
            configuration: configuration, backend: backend, layerWeights: layerWeights)
        bandSplit = try reader.bandSplit(parameters.scope("band_split"))
        layers = try (0..<configuration.depth).map { index throws(WeightsError) in
            let layer = parameters.scope("layers").scope("\(index)")
            return (
                try reader.transformer(layer.scope("0"), depth: configuration.timeDepth),
                try reader.transformer(layer.scope("1"), depth: configuration.bandDepth)
            )
        }
        finalNorm =
            configuration.kind == .bandSplit
            ? try reader.norm(parameters.scope("final_norm"), configuration.channels) : nil
        maskEstimators = try (0..<configuration.stems).map { index throws(WeightsError) in
            try reader.maskEstimator(parameters.scope("mask_estimators").scope("\(index)"))
        }
        parameterCount = parameters.askedCount
    }
}

/// Builds the layers of a configuration.
private struct RoFormerReader {
    let configuration: RoFormerConfiguration
    let backend: Backend
    let layerWeights: LayerWeightsReader

    func norm(_ reader: ParameterReader, _ channels: Int) throws(WeightsError) -> RMSNorm {
        RMSNorm(gamma: try reader.floats("gamma", [channels]), on: backend)
    }

    private func linear(
        _ reader: ParameterReader, inputs: Int, outputs: Int, hasBias: Bool = true
    ) throws(WeightsError) -> Linear {
        Linear(
            weight: try layerWeights(reader, [outputs, inputs]),
            bias: hasBias
                ? try reader.floats("bias", [outputs]) : [Float](repeating: 0, count: outputs),
            inputs: inputs, on: backend)
    }

    /// `band_split`
    func bandSplit(_ reader: ParameterReader) throws(WeightsError) -> BandSplit {
        let bands = try configuration.layout.bands.indices.map { band throws(WeightsError) in
            let reader = reader.scope("to_features").scope("\(band)")
            let inputs = configuration.inputs(ofBand: band)
            return (
                norm: try norm(reader.scope("0"), inputs),
                linear: try linear(
                    reader.scope("1"), inputs: inputs, outputs: configuration.channels)
            )
        }
        return BandSplit(layout: configuration.layout, bands: bands)
    }

    /// `layers.{index}.0` along time, or `layers.{index}.1` along the bands. Its layers share the
    /// frequencies of their rotations, which the state dict has under each of them.
    func transformer(_ reader: ParameterReader, depth: Int) throws(WeightsError) -> Transformer {
        let pairs = configuration.headSize / 2
        var frequencies: [Float] = []
        let layers = try (0..<depth).map { index throws(WeightsError) in
            let reader = reader.scope("layers").scope("\(index)")
            frequencies = try reader.scope("0").scope("rotary_embed").floats("freqs", [pairs])
            return (
                attention: try attention(reader.scope("0")),
                feedForward: try feedForward(reader.scope("1").scope("net"))
            )
        }
        return Transformer(
            layers: layers,
            norm: configuration.kind == .melBand
                ? try norm(reader.scope("norm"), configuration.channels) : nil,
            frequencies: frequencies)
    }

    private func attention(_ reader: ParameterReader) throws(WeightsError) -> AxialAttention {
        let (channels, heads) = (configuration.channels, configuration.heads)
        let inner = heads * configuration.headSize
        let gates = reader.scope("to_gates")
        return AxialAttention(
            norm: try norm(reader.scope("norm"), channels),
            projection: try linear(
                reader.scope("to_qkv"), inputs: channels, outputs: 3 * inner, hasBias: false),
            // Always floats: they read what the projection reads, in floats or in bfloat16.
            gates: Linear(
                weight: .floats(try gates.floats("weight", [heads, channels]), on: backend),
                bias: try gates.floats("bias", [heads]), inputs: channels, on: backend),
            output: try linear(
                reader.scope("to_out").scope("0"), inputs: inner, outputs: channels,
                hasBias: false), heads: heads)
    }

    /// `net`: 0 norm, 1 linear layer, 2 GELU, 3 dropout, 4 linear layer
    private func feedForward(_ reader: ParameterReader) throws(WeightsError) -> FeedForward {
        let (channels, hidden) = (configuration.channels, configuration.hiddenChannels)
        return FeedForward(
            norm: try norm(reader.scope("0"), channels),
            linear1: try linear(reader.scope("1"), inputs: channels, outputs: hidden),
            linear2: try linear(reader.scope("4"), inputs: hidden, outputs: channels))
    }

    /// `mask_estimators.{stem}`: `to_freqs.{band}.0` has linear layers at 0, 2, 4 …, tanh between
    /// them; `to_freqs.{band}.1` is the GLU.
    func maskEstimator(_ reader: ParameterReader) throws(WeightsError) -> MaskEstimator {
        let (channels, hidden) = (configuration.channels, configuration.maskChannels)
        let count = configuration.maskLayers
        let bands = try configuration.layout.bands.indices.map { band throws(WeightsError) in
            let reader = reader.scope("to_freqs").scope("\(band)").scope("0")
            return try (0..<count).map { layer throws(WeightsError) in
                try linear(
                    reader.scope("\(2 * layer)"), inputs: layer == 0 ? channels : hidden,
                    outputs: layer == count - 1
                        ? 2 * configuration.inputs(ofBand: band) : hidden)
            }
        }
        return MaskEstimator(layout: configuration.layout, bands: bands)
    }
}
