// Also Embedded Swift: typed throws, no key paths, no casts.
// The checkpoint keys: building layers from the official state dict. The order is that of
// `HTDemucs.__init__` in the reference, so that the two can be compared line by line.

import Layers
import Networks
import Signal
import Tensor
import WeightsLoader

/// Builds the layers of a configuration from the parameters of a checkpoint.
package struct StateDictReader {
    package let configuration: Configuration
    let backend: Backend
    private var layerWeights: LayerWeightsReader

    /// - Parameter layerWeights: reads the weights; nil for floats alone.
    package init(
        configuration: Configuration, backend: Backend, layerWeights: LayerWeightsReader? = nil
    ) {
        self.configuration = configuration
        self.backend = backend
        self.layerWeights = layerWeights ?? LayerWeightsReader(on: backend)
    }

    /// The weights of a layer, see ``LayerWeightsReader``.
    func weights(
        _ reader: ParameterReader, _ shape: [Int], named name: String = "weight",
        outputAxis: Int = 0
    ) throws(WeightsError) -> LayerWeights {
        try layerWeights(reader, shape, named: name, outputAxis: outputAxis)
    }

    /// The reader of an encoder layer. The outermost layer multiplies in float32: its error reaches
    /// all later layers, and its speed is bound by memory in any precision.
    func ofEncoder(_ layer: Configuration.LayerShape) -> StateDictReader {
        var reader = self
        if layer.index == 0 { reader.layerWeights.floatPrecision = .float32 }
        return reader
    }

    // MARK: - torch.nn

    func bias(_ reader: ParameterReader, _ channels: Int) throws(WeightsError) -> ChannelAffine {
        ChannelAffine(bias: try reader.floats("bias", [channels]), on: backend)
    }

    func groupNorm(
        _ reader: ParameterReader, groups: Int, channels: Int
    ) throws(WeightsError) -> GroupNorm {
        GroupNorm(
            groups: groups, gain: try reader.floats("weight", [channels]),
            bias: try reader.floats("bias", [channels]), on: backend)
    }

    private func layerNorm(
        _ reader: ParameterReader, channels: Int
    ) throws(WeightsError) -> LayerNorm {
        LayerNorm(
            gain: try reader.floats("weight", [channels]),
            bias: try reader.floats("bias", [channels]), on: backend)
    }

    private func linear(
        _ reader: ParameterReader, inputs: Int, outputs: Int
    ) throws(WeightsError) -> Linear {
        Linear(
            weight: try weights(reader, [outputs, inputs]),
            bias: try reader.floats("bias", [outputs]), inputs: inputs, on: backend)
    }

    // MARK: - Encoders and decoders

    /// `encoder`, `tencoder`, `decoder`, `tdecoder` and `freq_emb`
    func branches(_ parameters: ParameterReader) throws(WeightsError) -> HybridBranches {
        let layers = configuration.layers
        let both = layers.filter { !$0.isTimeOnly }
        func encoders(
            _ name: String, _ layers: [Configuration.LayerShape], isFrequency: Bool
        ) throws(WeightsError) -> [HEncLayer] {
            try layers.map { layer throws(WeightsError) in
                try ofEncoder(layer).encoderLayer(
                    parameters.scope(name).scope("\(layer.index)"), layer,
                    isFrequency: isFrequency && !layer.isTimeOnly)
            }
        }
        func decoders(
            _ name: String, _ layers: [Configuration.LayerShape], isFrequency: Bool
        ) throws(WeightsError) -> [HDecLayer] {
            try layers.reversed().enumerated().map { position, layer throws(WeightsError) in
                try decoderLayer(
                    parameters.scope(name).scope("\(position)"), layer,
                    isFrequency: isFrequency && !layer.isTimeOnly)
            }
        }
        let encoder = try encoders("encoder", layers, isFrequency: true)
        let tencoder = try encoders("tencoder", both, isFrequency: false)
        let decoder = try decoders("decoder", layers, isFrequency: true)
        let tdecoder = try decoders("tdecoder", both, isFrequency: false)
        // The innermost levels, where the branches are merged, have no layers of the waveform.
        let merged = decoder.count - tdecoder.count
        let frequencyEmbedding = try frequencyEmbedding(parameters.scope("freq_emb"))
        return HybridBranches(
            stft: STFT(nfft: configuration.arguments.nfft, framing: configuration.framing),
            encoder: encoder.enumerated().map { index, layer in
                EncoderLevel(
                    index: index, spectrogram: layer,
                    waveform: index < tencoder.count ? tencoder[index] : nil,
                    frequencyEmbedding: index == 0 ? frequencyEmbedding : nil)
            },
            decoder: decoder.enumerated().map { index, layer in
                DecoderLevel(
                    index: index, spectrogram: layer,
                    waveform: index < merged ? nil : (index - merged, tdecoder[index - merged]))
            })
    }

    /// `encoder.{index}` or `tencoder.{index}`
    package func encoderLayer(
        _ reader: ParameterReader, _ layer: Configuration.LayerShape, isFrequency: Bool
    ) throws(WeightsError) -> HEncLayer {
        let shape = layer.branch(isFrequency: isFrequency)
        let weight = try weights(
            reader.scope("conv"),
            [layer.channelsOut, shape.channelsIn, shape.kernel] + (isFrequency ? [1] : []))
        func along(_ size: Int, across: Int) -> Conv2d.Pair {
            isFrequency ? .init(freq: size, time: across) : .init(freq: across, time: size)
        }
        return HEncLayer(
            conv: Conv2d(
                weight: weight, inputs: shape.channelsIn, outputs: layer.channelsOut,
                kernel: along(shape.kernel, across: 1), stride: along(shape.stride, across: 1),
                padding: along(shape.pad, across: 0), on: backend),
            convBias: try bias(reader.scope("conv"), layer.channelsOut),
            timeStride: isFrequency ? 1 : shape.stride,
            body: layer.merges && !isFrequency
                ? nil : try encoderBody(reader, layer, isFrequency: isFrequency))
    }

    private func encoderBody(
        _ reader: ParameterReader, _ layer: Configuration.LayerShape, isFrequency: Bool
    ) throws(WeightsError) -> HEncLayer.Body {
        let channels = layer.channelsOut
        return HEncLayer.Body(
            norm1: try norm(reader.scope("norm1"), layer, channels: channels),
            dconv: configuration.hasEncoderDConv
                ? try dconv(reader.scope("dconv"), layer) : nil,
            rewrite: try rewrite(
                reader.scope("rewrite"), norm: reader.scope("norm2"), layer,
                context: configuration.arguments.contextEnc, isFrequency: isFrequency))
    }

    /// `decoder.{depth − 1 − index}` or `tdecoder.{…}`
    package func decoderLayer(
        _ reader: ParameterReader, _ layer: Configuration.LayerShape, isFrequency: Bool
    ) throws(WeightsError) -> HDecLayer {
        let (channels, shape) = (layer.channelsOut, layer.branch(isFrequency: isFrequency))
        var body: HDecLayer.Body?
        if isFrequency || !layer.merges {
            body = HDecLayer.Body(
                rewrite: try rewrite(
                    reader.scope("rewrite"), norm: reader.scope("norm1"), layer,
                    context: configuration.arguments.context, isFrequency: isFrequency),
                dconv: configuration.hasDecoderDConv
                    ? try dconv(reader.scope("dconv"), layer) : nil)
        }
        let outputs = shape.decoderChannelsOut
        let weight = try weights(
            reader.scope("conv_tr"), [channels, outputs, shape.kernel] + (isFrequency ? [1] : []),
            outputAxis: 1)
        return HDecLayer(
            isFrequency: isFrequency, body: body,
            convTranspose: ConvTranspose(
                weight: weight, inputs: channels, outputs: outputs, kernel: shape.kernel,
                stride: shape.stride, on: backend),
            convTransposeBias: try bias(reader.scope("conv_tr"), outputs),
            norm2: try norm(reader.scope("norm2"), layer, channels: outputs),
            padding: shape.pad, isLast: layer.index == 0)
    }

    func norm(
        _ reader: ParameterReader, _ layer: Configuration.LayerShape, channels: Int
    ) throws(WeightsError) -> GroupNorm? {
        guard layer.isNormed else { return nil }
        return try groupNorm(reader, groups: configuration.arguments.normGroups, channels: channels)
    }

    /// A rewrite and the norm after it.
    func rewrite(
        _ reader: ParameterReader, norm normReader: ParameterReader,
        _ layer: Configuration.LayerShape, context: Int, isFrequency: Bool
    ) throws(WeightsError) -> Rewrite {
        let channels = layer.channelsOut
        let size = 1 + 2 * context
        let weight = try weights(
            reader, [2 * channels, channels, size] + (isFrequency ? [size] : []))
        return Rewrite(
            conv: Conv2d(
                weight: weight, inputs: channels, outputs: 2 * channels,
                kernel: .init(freq: isFrequency ? size : 1, time: size),
                stride: .init(freq: 1, time: 1),
                padding: .init(freq: isFrequency ? context : 0, time: context), on: backend),
            bias: try bias(reader, 2 * channels),
            norm: try norm(normReader, layer, channels: 2 * channels))
    }

    /// `dconv` of an encoder or decoder layer.
    func dconv(
        _ reader: ParameterReader, _ layer: Configuration.LayerShape
    ) throws(WeightsError) -> DConv {
        try dconv(
            reader, channels: layer.channelsOut, hidden: layer.dconvHidden,
            dilations: configuration.dconvDilations, hasLSTM: layer.hasLSTM,
            hasAttention: layer.hasAttention)
    }

    /// `dconv`: `layers.{d}.0` dilated convolution, `.1` norm, `.2` GELU; from `.3` on the LSTM and
    /// the attention, if the layer has them; then the 1×1 convolution, its norm, GLU and
    /// LayerScale.
    package func dconv(
        _ reader: ParameterReader, channels: Int, hidden: Int, dilations: [Int],
        hasLSTM: Bool = false, hasAttention: Bool = false
    ) throws(WeightsError) -> DConv {
        let taps = DConv.taps
        let layers = try dilations.enumerated().map { index, dilation throws(WeightsError) in
            let reader = reader.scope("layers").scope("\(index)")
            let reduce = try reader.scope("0").floats("weight", [hidden, channels, taps])
            var place = 3
            func next() -> ParameterReader {
                defer { place += 1 }
                return reader.scope("\(place)")
            }
            let lstm = hasLSTM ? try dconvLSTM(next(), channels: hidden) : nil
            let attention = hasAttention ? try localState(next(), channels: hidden) : nil
            let expandReader = next()
            let expand = try expandReader.floats("weight", [2 * channels, hidden, 1])
            return DConv.Layer(
                dilation: dilation,
                reduce: WeightMatrix(
                    LayerWeights(.floats(reduce), activations: layerWeights.floatPrecision),
                    rowOffsets: (0..<channels).map { $0 * taps },
                    columnOffsets: (0..<DConv.tapColumns(hidden: hidden)).map { column in
                        column < taps * hidden
                            ? (column % hidden) * channels * taps + column / hidden : nil
                    }, on: backend),
                reduceBias: try bias(reader.scope("0"), hidden),
                norm1: try groupNorm(reader.scope("1"), groups: 1, channels: hidden),
                lstm: lstm, attention: attention,
                expand: Linear(
                    weight: LayerWeights(.floats(expand), activations: layerWeights.floatPrecision),
                    bias: try expandReader.floats("bias", [2 * channels]), inputs: hidden,
                    on: backend),
                norm2: try groupNorm(next(), groups: 1, channels: 2 * channels),
                gamma: backend.tensor(
                    [channels],
                    try reader.scope("\(place + 1)").floats("scale", [channels])))
        }
        return DConv(channels: channels, hidden: hidden, layers: layers)
    }

    /// `freq_emb`: added to each frequency after the first encoder layer, `[freq, channel]`.
    package func frequencyEmbedding(_ reader: ParameterReader) throws(WeightsError) -> Tensor? {
        guard configuration.arguments.freqEmb != 0 else { return nil }
        let layer = configuration.layers[0]
        let shape = [layer.frequency.lengthOut, layer.channelsOut]
        let weight = try reader.scope("embedding").floats("weight", shape)
        // Two products in float32, as in the reference's ScaledEmbedding and forward.
        let (scale, weightInSum) = (
            Float(configuration.arguments.embScale), Float(configuration.arguments.freqEmb)
        )
        return backend.tensor(shape, weight.map { $0 * scale * weightInSum })
    }

    // MARK: - Transformer

    /// `channel_upsampler` and the like: 1×1 convolutions
    func sampler(
        _ reader: ParameterReader, inputs: Int, outputs: Int
    ) throws(WeightsError) -> Linear {
        Linear(
            weight: try weights(reader, [outputs, inputs, 1]),
            bias: try reader.floats("bias", [outputs]), inputs: inputs, on: backend)
    }

    /// `crosstransformer`
    package func crossTransformer(
        _ reader: ParameterReader
    ) throws(WeightsError) -> CrossTransformerEncoder? {
        guard configuration.arguments.tLayers > 0 else { return nil }
        let channels = configuration.transformerChannels
        func layers(_ name: String) throws(WeightsError) -> [TransformerLayer] {
            try (0..<configuration.arguments.tLayers).map { index throws(WeightsError) in
                try transformerLayer(
                    reader.scope(name).scope("\(index)"),
                    isCross: configuration.isCrossLayer(index))
            }
        }
        return CrossTransformerEncoder(
            channels: channels,
            normIn: try layerNorm(reader.scope("norm_in"), channels: channels),
            normInTime: try layerNorm(reader.scope("norm_in_t"), channels: channels),
            layers: try layers("layers"), layersTime: try layers("layers_t"),
            maxPeriod: configuration.arguments.tMaxPeriod,
            positionWeight: Float(configuration.arguments.tWeightPosEmbed))
    }

    /// `layers.{index}`: self-attention layers have `self_attn` and two norms, cross-attention
    /// layers `cross_attn` and three norms.
    package func transformerLayer(
        _ reader: ParameterReader, isCross: Bool
    ) throws(WeightsError) -> TransformerLayer {
        let channels = configuration.transformerChannels
        let hidden = configuration.transformerHidden
        let attention = reader.scope(isCross ? "cross_attn" : "self_attn")
        let outBias = try attention.scope("out_proj").floats("bias", [channels])
        let norm1 = try layerNorm(reader.scope("norm1"), channels: channels)
        let norm2 = try layerNorm(reader.scope("norm2"), channels: channels)
        let linear2 = reader.scope("linear2")
        let linear2Bias = try linear2.floats("bias", [channels])
        return TransformerLayer(
            norm: norm1, otherNorm: isCross ? norm2 : nil,
            feedForwardNorm: isCross
                ? try layerNorm(reader.scope("norm3"), channels: channels) : norm2,
            attention: MultiheadAttention(
                channels: channels, heads: configuration.arguments.tHeads,
                inWeight: try weights(
                    attention, [3 * channels, channels], named: "in_proj_weight"),
                inBias: try attention.floats("in_proj_bias", [3 * channels]),
                outWeight: try weights(attention.scope("out_proj"), [channels, channels]),
                outBias: outBias, on: backend),
            linear1: try linear(reader.scope("linear1"), inputs: channels, outputs: hidden),
            linear2: try linear(linear2, inputs: hidden, outputs: channels),
            gamma1: try layerScale(reader.scope("gamma_1"), outBias),
            gamma2: try layerScale(reader.scope("gamma_2"), linear2Bias),
            normOut: try groupNorm(reader.scope("norm_out"), groups: 1, channels: channels))
    }

    /// LayerScale of a layer with a bias: γ·(y + bias) as γ·y + γ·bias.
    private func layerScale(
        _ reader: ParameterReader, _ bias: [Float]
    ) throws(WeightsError) -> ChannelAffine {
        let gamma = try reader.floats("scale", [bias.count])
        return ChannelAffine(
            scale: gamma, shift: zip(gamma, bias).map { $0 * $1 }, on: backend)
    }
}
