// The sizes of every encoder and decoder layer, derived as `HTDemucs.__init__` derives them.

extension Configuration {
    /// One depth of both U-Nets: an encoder layer and the decoder layer that undoes it, in the
    /// frequency branch and in the time branch.
    package struct LayerShape: Sendable, Equatable {
        /// 0 is the outermost. Encoders count in this order; decoder `depth − 1 − index` undoes
        /// it.
        package let index: Int
        /// Channels that both branches' encoder layers give and decoder layers take.
        package let channelsOut: Int
        /// Whether its convolutions are followed by GroupNorm.
        package let isNormed: Bool
        /// Hidden channels of its DConvs.
        package let dconvHidden: Int
        /// The layer over frequency.
        package let frequency: FrequencyLayerShape
        /// The layer over time.
        package let time: TimeLayerShape

        /// Whether it folds all frequencies that are left into one, so that the time branch can
        /// be added to it.
        package var isLastFrequency: Bool { frequency.isLast }

        package init(
            index: Int, channelsOut: Int, isNormed: Bool, dconvHidden: Int,
            frequency: FrequencyLayerShape, time: TimeLayerShape
        ) {
            self.index = index
            self.channelsOut = channelsOut
            self.isNormed = isNormed
            self.dconvHidden = dconvHidden
            self.frequency = frequency
            self.time = time
        }
    }

    /// The frequency branch's part: convolutions over frequency, `[channels, freq, time]`.
    package struct FrequencyLayerShape: Sendable, Equatable {
        /// Channels that the encoder layer takes.
        package let channelsIn: Int
        /// Channels that the decoder layer gives; at index 0 real and imaginary part of every
        /// source's channels.
        package let decoderChannelsOut: Int
        package let kernel: Int
        package let stride: Int
        /// Zeros at each end of the frequency axis, which the decoder cuts off again.
        package let pad: Int
        /// Frequencies before and after the encoder layer.
        package let frequenciesIn: Int
        package let frequenciesOut: Int
        /// Whether it is the merging layer.
        package let isLast: Bool

        package init(
            channelsIn: Int, decoderChannelsOut: Int, kernel: Int, stride: Int, pad: Int,
            frequenciesIn: Int, frequenciesOut: Int, isLast: Bool
        ) {
            self.channelsIn = channelsIn
            self.decoderChannelsOut = decoderChannelsOut
            self.kernel = kernel
            self.stride = stride
            self.pad = pad
            self.frequenciesIn = frequenciesIn
            self.frequenciesOut = frequenciesOut
            self.isLast = isLast
        }
    }

    /// The time branch's part: convolutions over time, `[channels, time]`.
    package struct TimeLayerShape: Sendable, Equatable {
        /// Channels that the encoder layer takes.
        package let channelsIn: Int
        /// Channels that the decoder layer gives; at index 0 every source's channels.
        package let decoderChannelsOut: Int
        package let kernel: Int
        package let stride: Int
        /// Zeros at each end of the time axis.
        package let pad: Int
        /// Whether it is only its strided convolution, without activation, rewrite and DConv: in
        /// the encoder its output is added to the frequency branch's.
        package let empty: Bool

        package init(
            channelsIn: Int, decoderChannelsOut: Int, kernel: Int, stride: Int, pad: Int,
            empty: Bool
        ) {
            self.channelsIn = channelsIn
            self.decoderChannelsOut = decoderChannelsOut
            self.kernel = kernel
            self.stride = stride
            self.pad = pad
            self.empty = empty
        }

        /// Length after the encoder layer; the input is first padded to a whole stride.
        package func lengthOut(_ lengthIn: Int) -> Int {
            lengthIn / stride + (lengthIn % stride == 0 ? 0 : 1)
        }
    }
}

extension Configuration.Hyperparameters {
    /// Walks down the layers.
    ///
    /// - Throws: ``ConfigurationError`` if some layer can't exist, or if the decoder's layer
    ///   would not restore the sizes that the encoder's took.
    func layerShapes() throws -> [Configuration.LayerShape] {
        // A decoder layer gives (n − 1)·stride + kernel − 2·pad values of n; only then is this
        // n·stride, the length that the encoder layer took.
        guard kernelSize - 2 * (kernelSize / 4) == stride else {
            throw ConfigurationError.invalid(
                key: "stride", found: "\(stride)",
                allowed: "the decoder restores the encoder's lengths only with kernel_size − "
                    + "2·⌊kernel_size / 4⌋ = \(kernelSize - 2 * (kernelSize / 4)) for kernel_size "
                    + "= \(kernelSize)")
        }

        var layers: [Configuration.LayerShape] = []
        var timeIn = audioChannels
        var frequencyIn = 2 * audioChannels
        var channelsOut = channels
        var frequencies = nfft / 2
        for index in 0..<depth {
            let isLast = frequencies <= kernelSize
            try checkFrequencies(frequencies, index: index, isLast: isLast)
            let frequenciesOut = isLast ? 1 : frequencies / stride
            let outputs = audioChannels * sources.count
            let layer = Configuration.LayerShape(
                index: index,
                channelsOut: channelsOut,
                isNormed: index >= normStarts,
                dconvHidden: try dconvHidden(channelsOut),
                frequency: Configuration.FrequencyLayerShape(
                    channelsIn: frequencyIn,
                    decoderChannelsOut: index == 0 ? 2 * outputs : frequencyIn,
                    kernel: isLast ? frequencies : kernelSize,
                    stride: stride,
                    pad: isLast ? 0 : kernelSize / 4,
                    frequenciesIn: frequencies,
                    frequenciesOut: frequenciesOut,
                    isLast: isLast),
                time: Configuration.TimeLayerShape(
                    channelsIn: timeIn,
                    decoderChannelsOut: index == 0 ? outputs : timeIn,
                    kernel: kernelSize,
                    stride: stride,
                    pad: kernelSize / 4,
                    empty: isLast))
            try checkNormGroups(layer)
            layers.append(layer)
            frequencies = frequenciesOut
            (timeIn, frequencyIn) = (channelsOut, channelsOut)
            if index < depth - 1 { channelsOut = try grown(channelsOut) }
        }
        return layers
    }

    private func checkFrequencies(_ frequencies: Int, index: Int, isLast: Bool) throws {
        guard frequencies > 1 else {
            throw ConfigurationError.unsupported(
                key: "depth", found: "\(depth)",
                supported:
                    "up to \(index) with nfft = \(nfft), kernel_size = \(kernelSize) and stride = "
                    + "\(stride), where the branches merge in the last layer")
        }
        if isLast {
            // The time branch steps by stride^(index + 1) samples, a spectrogram frame by
            // nfft / 4; the two can be added only if these are equal.
            guard frequencies == 2 * stride else {
                throw ConfigurationError.invalid(
                    key: "nfft", found: "\(nfft)",
                    allowed: "layer \(index) merges the branches with \(frequencies) frequencies "
                        + "left, but only with 2·stride = \(2 * stride) do both have as many "
                        + "frames")
            }
        } else {
            guard frequencies % stride == 0 else {
                throw ConfigurationError.invalid(
                    key: "nfft", found: "\(nfft)",
                    allowed: "layer \(index) gets \(frequencies) frequencies, which stride = "
                        + "\(stride) doesn't divide")
            }
        }
    }

    /// `int(growth * channels)`.
    private func grown(_ channels: Int) throws -> Int {
        let product = growth * Double(channels)
        guard product <= Double(Configuration.Limits.channels.upperBound) else {
            throw ConfigurationError.invalid(
                key: "growth", found: "\(growth)",
                allowed: "with depth = \(depth) and channels = \(self.channels) some layer has "
                    + "more than \(Configuration.Limits.channels.upperBound) channels")
        }
        return Int(product)
    }

    /// `int(channels / compress)`.
    private func dconvHidden(_ channels: Int) throws -> Int {
        let quotient = Double(channels) / dconvComp
        guard dconvMode == 0 || dconvDepth == 0 || quotient >= 1,
            quotient <= Double(Configuration.Limits.hidden)
        else {
            throw ConfigurationError.invalid(
                key: "dconv_comp", found: "\(dconvComp)",
                allowed: "a layer of \(channels) channels is left with \(quotient) hidden ones, "
                    + "and 1 to \(Configuration.Limits.hidden) are possible")
        }
        return Int(quotient)
    }

    private func checkNormGroups(_ layer: Configuration.LayerShape) throws {
        guard layer.isNormed else { return }
        // A merging layer of the time branch has no norm in its encoder, but one in its decoder.
        let normed = [
            layer.channelsOut, layer.frequency.decoderChannelsOut, layer.time.decoderChannelsOut,
        ]
        for channels in normed where channels % normGroups != 0 {
            throw ConfigurationError.invalid(
                key: "norm_groups", found: "\(normGroups)",
                allowed: "layer \(layer.index) normalises \(channels) channels, which it doesn't "
                    + "divide")
        }
    }
}
