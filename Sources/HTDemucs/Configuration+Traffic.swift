// The least traffic of a segment between memory and the cores, from the configuration alone.

extension Configuration {
    /// Bytes that a block reads and writes at least: its inputs, its outputs and its weights, each
    /// once; what stays within a block counts nothing.
    ///
    /// - Parameter weightBytes: of one weight. Activations are float32.
    package func segmentBytes(of block: NetworkBlock, weightBytes: Int) -> Double {
        let (samples, frames) = (segmentSamples, segmentFrames)
        let spectrogram = self.nfft / 2 * frames * 2 * self.audioChannels
        let waveform = samples * self.audioChannels
        let sourceCount = self.sources.count
        switch block {
        case .stft:
            return floats(waveform + spectrogram)
        case .normalisation:
            // The inputs once for their statistics, then both ways; the outputs in place.
            return floats((3 + 2 * sourceCount) * (spectrogram + waveform))
        case .istft:
            return floats(sourceCount * (spectrogram + 2 * waveform))
        case .encoder(let index):
            return floats(inputs(layers[index]) + outputs(layers[index]))
                + weights(of: block, positions(layers[index]), weightBytes)
        case .tencoder(let index):
            return floats(inputsTime(layers[index]) + outputsTime(layers[index]))
                + weights(of: block, positionsTime(layers[index]), weightBytes)
        case .decoder(let index):
            let layer = layers[layers.count - 1 - index]
            let result =
                layer.frequency.frequenciesIn * frames * layer.frequency.decoderChannelsOut
            return floats(2 * outputs(layer) + result)
                + weights(of: block, positions(layer), weightBytes)
        case .tdecoder(let index):
            let layer = layers[layers.count - 1 - index]
            let result = positionsBefore(layer) * layer.time.decoderChannelsOut
            return floats(2 * outputsTime(layer) + result)
                + weights(of: block, positionsTime(layer), weightBytes)
        case .crosstransformer:
            guard let innermost = layers.last else { return 0 }
            return floats(2 * (outputs(innermost) + outputsTime(innermost)))
                + Double(weightBytes) * transformerWeights
        }
    }

    private func floats(_ count: Int) -> Double { 4 * Double(count) }

    private func inputs(_ layer: LayerShape) -> Int {
        layer.frequency.frequenciesIn * segmentFrames * layer.frequency.channelsIn
    }

    private func outputs(_ layer: LayerShape) -> Int { positions(layer) * layer.channelsOut }

    /// Inputs of a layer of the time encoder, without channels.
    private func positionsBefore(_ layer: LayerShape) -> Int {
        layer.index == 0 ? segmentSamples : positionsTime(layers[layer.index - 1])
    }

    private func inputsTime(_ layer: LayerShape) -> Int {
        positionsBefore(layer) * layer.time.channelsIn
    }

    private func outputsTime(_ layer: LayerShape) -> Int {
        positionsTime(layer) * layer.channelsOut
    }

    /// Every weight of a convolution is multiplied once, two operations, at each position.
    private func weights(of block: NetworkBlock, _ positions: Int, _ bytes: Int) -> Double {
        segmentOperations(of: block) / 2 / Double(positions) * Double(bytes)
    }

    private var transformerWeights: Double {
        guard self.tLayers > 0 else { return 0 }
        let channels = Double(transformerChannels)
        let layer = 4 * channels * channels + 2 * channels * Double(transformerHidden)
        let samplers = self.bottomChannels == 0 ? 0 : 4 * Double(innerChannels) * channels
        return 2 * Double(self.tLayers) * layer + samplers
    }
}
