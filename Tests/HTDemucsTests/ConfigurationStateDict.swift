// The state dict that a configuration implies, spelled out once more beside the model's own use of
// it: names and shapes only, so that the derived sizes can be checked against the reference's.

import HTDemucs

/// Names and shapes of every tensor of a configuration's model.
struct StateDictShapes {
    private(set) var shapes: [String: [Int]] = [:]
    private let configuration: Configuration

    init(_ configuration: Configuration) {
        self.configuration = configuration
        for layer in configuration.layers {
            addEncoder(layer)
            addDecoder(layer)
        }
        if configuration.freqEmb != 0 {
            let first = configuration.layers[0]
            shapes["freq_emb.embedding.weight"] = [
                first.frequency.frequenciesOut, first.channelsOut,
            ]
        }
        addBottom()
        addTransformer()
    }

    private mutating func addEncoder(_ layer: Configuration.LayerShape) {
        let channels = layer.channelsOut
        let taps = 2 * configuration.contextEnc + 1
        for isTime in [false, true] {
            let scope = (isTime ? "tencoder." : "encoder.") + "\(layer.index)"
            let channelsIn = isTime ? layer.time.channelsIn : layer.frequency.channelsIn
            let kernel = isTime ? [layer.time.kernel] : [layer.frequency.kernel, 1]
            add(scope + ".conv", [channels, channelsIn] + kernel)
            if isTime && layer.time.empty { continue }
            add(scope + ".rewrite", [2 * channels, channels] + (isTime ? [taps] : [taps, taps]))
            if layer.isNormed {
                addNorm(scope + ".norm1", channels)
                addNorm(scope + ".norm2", 2 * channels)
            }
            if configuration.hasEncoderDConv { addDConv(scope + ".dconv", layer) }
        }
    }

    private mutating func addDecoder(_ layer: Configuration.LayerShape) {
        let channels = layer.channelsOut
        let taps = 2 * configuration.context + 1
        for isTime in [false, true] {
            let place = configuration.layers.count - 1 - layer.index
            let scope = (isTime ? "tdecoder." : "decoder.") + "\(place)"
            let channelsOut =
                isTime ? layer.time.decoderChannelsOut : layer.frequency.decoderChannelsOut
            let kernel = isTime ? [layer.time.kernel] : [layer.frequency.kernel, 1]
            // Transposed convolutions store the channels that they take first.
            shapes[scope + ".conv_tr.weight"] = [channels, channelsOut] + kernel
            shapes[scope + ".conv_tr.bias"] = [channelsOut]
            if layer.isNormed { addNorm(scope + ".norm2", channelsOut) }
            if isTime && layer.time.empty { continue }
            add(scope + ".rewrite", [2 * channels, channels] + (isTime ? [taps] : [taps, taps]))
            if layer.isNormed { addNorm(scope + ".norm1", 2 * channels) }
            if configuration.hasDecoderDConv { addDConv(scope + ".dconv", layer) }
        }
    }

    private mutating func addDConv(_ scope: String, _ layer: Configuration.LayerShape) {
        let (channels, hidden) = (layer.channelsOut, layer.dconvHidden)
        for index in configuration.dconvDilations.indices {
            let layer = scope + ".layers.\(index)."
            add(layer + "0", [hidden, channels, 3])
            addNorm(layer + "1", hidden)
            add(layer + "3", [2 * channels, hidden, 1])
            addNorm(layer + "4", 2 * channels)
            shapes[layer + "6.scale"] = [channels]
        }
    }

    private mutating func addBottom() {
        guard configuration.bottomChannels > 0 else { return }
        let (inner, bottom) = (configuration.innerChannels, configuration.bottomChannels)
        for branch in ["", "_t"] {
            add("channel_upsampler" + branch, [bottom, inner, 1])
            add("channel_downsampler" + branch, [inner, bottom, 1])
        }
    }

    private mutating func addTransformer() {
        guard configuration.tLayers > 0 else { return }
        let (size, hidden) = (configuration.transformerChannels, configuration.transformerHidden)
        addNorm("crosstransformer.norm_in", size)
        addNorm("crosstransformer.norm_in_t", size)
        for index in 0..<configuration.tLayers {
            let isCross = (index % 2 == 0) == configuration.tCrossFirst
            for branch in ["layers", "layers_t"] {
                let scope = "crosstransformer.\(branch).\(index)."
                let attention = scope + (isCross ? "cross_attn" : "self_attn")
                shapes[attention + ".in_proj_weight"] = [3 * size, size]
                shapes[attention + ".in_proj_bias"] = [3 * size]
                add(attention + ".out_proj", [size, size])
                add(scope + "linear1", [hidden, size])
                add(scope + "linear2", [size, hidden])
                for norm in isCross ? ["norm1", "norm2", "norm3"] : ["norm1", "norm2"] {
                    addNorm(scope + norm, size)
                }
                addNorm(scope + "norm_out", size)
                shapes[scope + "gamma_1.scale"] = [size]
                shapes[scope + "gamma_2.scale"] = [size]
            }
        }
    }

    private mutating func add(_ name: String, _ weight: [Int]) {
        shapes[name + ".weight"] = weight
        shapes[name + ".bias"] = [weight[0]]
    }

    private mutating func addNorm(_ name: String, _ channels: Int) {
        shapes[name + ".weight"] = [channels]
        shapes[name + ".bias"] = [channels]
    }
}
