// How much arithmetic a segment takes, from the configuration alone.

extension Configuration {
    /// Floating-point operations of a training segment: two for each multiplication of its
    /// convolutions, linear layers and attention products, however these are computed. Norms,
    /// activations, softmax and the two transforms are not counted.
    package var segmentOperations: Double {
        let both = layers.indices.flatMap { index -> [NetworkBlock] in
            [.encoder(index), .tencoder(index), .decoder(index), .tdecoder(index)]
        }
        return (both + [.crosstransformer]).reduce(0) { $0 + segmentOperations(of: $1) }
    }

    /// Floating-point operations of one block of a training segment.
    package func segmentOperations(of block: NetworkBlock) -> Double {
        switch block {
        case .stft, .normalisation, .istft: 0
        case .encoder(let index): 2 * encoderProducts(layers[index])
        case .tencoder(let index): 2 * timeEncoderProducts(layers[index])
        case .crosstransformer: 2 * transformerProducts
        case .decoder(let index): 2 * decoderProducts(layers[layers.count - 1 - index])
        case .tdecoder(let index): 2 * timeDecoderProducts(layers[layers.count - 1 - index])
        }
    }

    // MARK: - Multiplications

    private func product(_ factors: Int...) -> Double { factors.reduce(1) { $0 * Double($1) } }

    /// Outputs of a layer of the frequency encoder, without channels.
    func positions(_ layer: LayerShape) -> Int {
        layer.frequency.frequenciesOut * segmentFrames
    }

    /// Outputs of a layer of the time encoder, without channels.
    func positionsTime(_ layer: LayerShape) -> Int {
        layers[...layer.index].reduce(segmentSamples) { $1.time.lengthOut($0) }
    }

    private func encoderProducts(_ layer: LayerShape) -> Double {
        let (shape, positions) = (layer.frequency, positions(layer))
        let size = 1 + 2 * self.contextEnc
        return product(positions, shape.channelsIn, shape.kernel, layer.channelsOut)
            + rewriteProducts(layer, positions, taps: size * size)
            + (hasEncoderDConv ? dconvProducts(layer, positions) : 0)
    }

    private func timeEncoderProducts(_ layer: LayerShape) -> Double {
        let (shape, positions) = (layer.time, positionsTime(layer))
        let conv = product(positions, shape.channelsIn, shape.kernel, layer.channelsOut)
        guard !shape.empty else { return conv }
        return conv + rewriteProducts(layer, positions, taps: 1 + 2 * self.contextEnc)
            + (hasEncoderDConv ? dconvProducts(layer, positions) : 0)
    }

    private func decoderProducts(_ layer: LayerShape) -> Double {
        let (shape, positions) = (layer.frequency, positions(layer))
        let size = 1 + 2 * self.context
        return product(positions, layer.channelsOut, shape.kernel, shape.decoderChannelsOut)
            + rewriteProducts(layer, positions, taps: size * size)
            + (hasDecoderDConv ? dconvProducts(layer, positions) : 0)
    }

    private func timeDecoderProducts(_ layer: LayerShape) -> Double {
        let (shape, positions) = (layer.time, positionsTime(layer))
        let conv = product(positions, layer.channelsOut, shape.kernel, shape.decoderChannelsOut)
        guard !shape.empty else { return conv }
        return conv + rewriteProducts(layer, positions, taps: 1 + 2 * self.context)
            + (hasDecoderDConv ? dconvProducts(layer, positions) : 0)
    }

    private func rewriteProducts(_ layer: LayerShape, _ positions: Int, taps: Int) -> Double {
        product(positions, taps, layer.channelsOut, 2 * layer.channelsOut)
    }

    private func dconvProducts(_ layer: LayerShape, _ positions: Int) -> Double {
        let (channels, hidden) = (layer.channelsOut, layer.dconvHidden)
        return Double(dconvDilations.count)
            * (product(positions, DConv.taps, channels, hidden)
                + product(positions, hidden, 2 * channels))
    }

    /// Without a transformer, its 1×1 convolutions are left out too.
    private var transformerProducts: Double {
        guard self.tLayers > 0, let innermost = layers.last else { return 0 }
        let (tokens, tokensTime) = (positions(innermost), positionsTime(innermost))
        let samplers =
            self.bottomChannels == 0
            ? 0 : 2 * product(tokens + tokensTime, innerChannels, transformerChannels)
        return (0..<self.tLayers).reduce(samplers) { sum, index in
            let isCross = (index % 2 == 0) == self.tCrossFirst
            return sum + attentionProducts(tokens, to: isCross ? tokensTime : tokens)
                + attentionProducts(tokensTime, to: isCross ? tokens : tokensTime)
                + 2 * product(tokens + tokensTime, transformerChannels, transformerHidden)
        }
    }

    /// Projections of queries and outputs, of keys and values; scores and their sums of values.
    private func attentionProducts(_ tokens: Int, to others: Int) -> Double {
        let channels = transformerChannels
        return 2 * product(tokens + others, channels, channels)
            + 2 * product(tokens, others, channels)
    }
}
