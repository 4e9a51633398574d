// Also Embedded Swift: typed throws, no key paths, no casts.
// Operations and memory traffic of a training segment, block by block, to compare with the
// machine's peak rates.

import Networks

extension Configuration {
    package func segmentOperations(of block: NetworkBlock) -> Double {
        if let part = part(block) { return 2 * products(of: part) }
        return block == .crosstransformer ? 2 * transformerProducts : 0
    }

    package func segmentBytes(of block: NetworkBlock, weightBytes: Int) -> Double {
        let isWaveform = arguments.architecture == .demucs
        let spectrogram = isWaveform ? 0 : frequencies * segmentFrames * 2 * arguments.audioChannels
        let waveform = segmentSamples * arguments.audioChannels
        let sourceCount = arguments.sources.count
        if let part = part(block) {
            let (outer, inner) = (part.outerPositions, part.innerPositions)
            let channels = part.layer.channelsOut
            let activations =
                part.isDecoder
                ? 2 * inner * channels + outer * part.branch.decoderChannelsOut
                : outer * part.branch.channelsIn + inner * channels
            // Each weight is multiplied once at each position, so this division counts the weights.
            let weights = products(of: part) / Double(inner)
            return floats(activations) + weights * Double(weightBytes)
        }
        switch block {
        case .stft:
            return floats(waveform + spectrogram)
        case .normalisation:
            // Inputs: read for the statistics, read and written to normalise. Outputs: read and
            // written in place.
            return floats((3 + 2 * sourceCount) * (spectrogram + waveform))
        case .istft:
            return floats(sourceCount * (spectrogram + 2 * waveform))
        case .resample:
            return floats((3 + 3 * sourceCount) * waveform)
        case .lstm:
            let positions = layers[layers.count - 1].time.lengthOut
            let weights =
                8 * product(innerChannels, innerChannels) * (3 * Double(arguments.lstmLayers) - 1)
            return floats(2 * positions * innerChannels)
                + 4 * (weights + 2 * product(innerChannels, innerChannels))
        default:
            let (tokens, tokensTime) = innerPositions
            return floats(2 * (tokens + tokensTime) * innerChannels)
                + Double(weightBytes) * transformerWeights
        }
    }

    /// Number of layers of the waveform branch.
    private var timeDepth: Int { layers.count { !$0.isTimeOnly } }

    private func floats(_ count: Int) -> Double { 4 * Double(count) }

    private func product(_ factors: Int...) -> Double { factors.reduce(1) { $0 * Double($1) } }

    // MARK: - The two U-Nets

    /// A layer of an encoder or a decoder.
    private struct UNetPart {
        let layer: LayerShape
        let branch: BranchShape
        let isFrequency: Bool
        let isDecoder: Bool
        /// Positions on the mix's side and on the transformer's side, without channels.
        let outerPositions: Int
        let innerPositions: Int
    }

    /// The layer of a block; nil if the block is not a layer of the U-Nets.
    private func part(_ block: NetworkBlock) -> UNetPart? {
        func part(_ index: Int, isFrequency: Bool, isDecoder: Bool) -> UNetPart {
            let depth = isFrequency ? layers.count : timeDepth
            let layer = layers[isDecoder ? depth - 1 - index : index]
            let branch = layer.branch(isFrequency: isFrequency)
            let isFrequency = isFrequency && !layer.isTimeOnly
            let frames = isFrequency ? segmentFrames : 1
            return UNetPart(
                layer: layer, branch: branch, isFrequency: isFrequency, isDecoder: isDecoder,
                outerPositions: branch.lengthIn * frames, innerPositions: branch.lengthOut * frames)
        }
        switch block {
        case .encoder(let index): return part(index, isFrequency: true, isDecoder: false)
        case .tencoder(let index): return part(index, isFrequency: false, isDecoder: false)
        case .decoder(let index): return part(index, isFrequency: true, isDecoder: true)
        case .tdecoder(let index): return part(index, isFrequency: false, isDecoder: true)
        default: return nil
        }
    }

    /// Multiplications of the strided convolution, the rewrite and the DConv.
    private func products(of part: UNetPart) -> Double {
        let (branch, positions) = (part.branch, part.innerPositions)
        let (channels, hidden) = (part.layer.channelsOut, part.layer.dconvHidden)
        let outerChannels = part.isDecoder ? branch.decoderChannelsOut : branch.channelsIn
        let conv = product(positions, outerChannels, branch.kernel, channels)
        guard part.isFrequency || !part.layer.merges else { return conv }

        let size = 1 + 2 * (part.isDecoder ? arguments.context : arguments.contextEnc)
        let taps = part.isFrequency ? size * size : size
        let rewrite = product(positions, taps, channels, 2 * channels)
        guard part.isDecoder ? hasDecoderDConv : hasEncoderDConv else { return conv + rewrite }

        var residual =
            product(positions, DConv.taps, channels, hidden)
            + product(positions, hidden, 2 * channels)
        if part.layer.hasLSTM {
            // Windows overlap by a half. Each layer has four gates in two directions; the inputs
            // are the hidden channels, in the second layer those of both directions. Then the
            // linear layer.
            let gates = product(8, hidden, 2 * hidden) + product(8, hidden, 3 * hidden)
            let windows = positions > DConv.lstmWindow ? 2 : 1
            residual += product(windows, positions) * (gates + product(2, hidden, hidden))
        }
        if part.layer.hasAttention {
            let frequencies = part.isFrequency ? branch.lengthOut : 1
            residual += product(4, positions, hidden, hidden)
            residual += 2 * product(positions, positions / max(frequencies, 1), hidden)
        }
        return conv + rewrite + Double(dconvDilations.count) * residual
    }

    // MARK: - The transformer

    /// Number of tokens in each branch.
    private var innerPositions: (Int, Int) {
        let innermost = layers[layers.count - 1]
        return (innermost.frequency.lengthOut * segmentFrames, innermost.time.lengthOut)
    }

    /// Multiplications of the transformer and its 1×1 convolutions; without a transformer, 0.
    private var transformerProducts: Double {
        guard arguments.tLayers > 0 else { return 0 }
        let (tokens, tokensTime) = innerPositions
        let samplers =
            arguments.bottomChannels == 0
            ? 0 : 2 * product(tokens + tokensTime, innerChannels, transformerChannels)
        return (0..<arguments.tLayers).reduce(samplers) { sum, index in
            let isCross = isCrossLayer(index)
            return sum + attentionProducts(tokens, to: isCross ? tokensTime : tokens)
                + attentionProducts(tokensTime, to: isCross ? tokens : tokensTime)
                + 2 * product(tokens + tokensTime, transformerChannels, transformerHidden)
        }
    }

    /// Multiplications of attention: the projections of queries, outputs, keys and values, Q·Kᵀ and
    /// the product with V.
    private func attentionProducts(_ tokens: Int, to others: Int) -> Double {
        let channels = transformerChannels
        return 2 * product(tokens + others, channels, channels)
            + 2 * product(tokens, others, channels)
    }

    private var transformerWeights: Double {
        guard arguments.tLayers > 0 else { return 0 }
        let channels = Double(transformerChannels)
        let layer = 4 * channels * channels + 2 * channels * Double(transformerHidden)
        let samplers = arguments.bottomChannels == 0 ? 0 : 4 * Double(innerChannels) * channels
        return 2 * Double(arguments.tLayers) * layer + samplers
    }
}
