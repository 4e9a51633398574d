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
        /// Whether it folds all frequencies that are left into one, so that the time branch can
        /// be added to it. The time branch's layer is then only its strided convolution, without
        /// activation, rewrite and DConv.
        package let merges: Bool
        /// The layer over frequency: convolutions of `[channels, freq, time]`.
        package let frequency: BranchShape
        /// The layer over time: convolutions of `[channels, time]`.
        package let time: BranchShape

        package init(
            index: Int, channelsOut: Int, isNormed: Bool, dconvHidden: Int, merges: Bool = false,
            frequency: BranchShape, time: BranchShape
        ) {
            self.index = index
            self.channelsOut = channelsOut
            self.isNormed = isNormed
            self.dconvHidden = dconvHidden
            self.merges = merges
            self.frequency = frequency
            self.time = time
        }

        /// The layer of one of the branches.
        func branch(isFrequency: Bool) -> BranchShape { isFrequency ? frequency : time }
    }

    /// One branch's part of a layer: convolutions along frequency, or along time.
    package struct BranchShape: Sendable, Equatable {
        /// Channels that the encoder layer takes.
        package let channelsIn: Int
        /// Channels that the decoder layer gives; at index 0 every source's channels, in the
        /// frequency branch their real and imaginary parts.
        package let decoderChannelsOut: Int
        package let kernel: Int
        package let stride: Int
        /// Zeros at each end of the axis, which the decoder cuts off again.
        package let pad: Int
        /// Length of the axis before and after the encoder layer, for time in a training segment.
        /// The input is first padded to a whole stride.
        package let lengthIn: Int
        package let lengthOut: Int

        package init(
            channelsIn: Int, decoderChannelsOut: Int, kernel: Int, stride: Int, pad: Int,
            lengthIn: Int, lengthOut: Int
        ) {
            self.channelsIn = channelsIn
            self.decoderChannelsOut = decoderChannelsOut
            self.kernel = kernel
            self.stride = stride
            self.pad = pad
            self.lengthIn = lengthIn
            self.lengthOut = lengthOut
        }
    }
}

extension Configuration.Hyperparameters {
    /// Walks down the layers.
    ///
    /// - Parameter segmentSamples: of a training segment.
    /// - Throws: ``ConfigurationError`` if some layer can't exist, or if the decoder's layer
    ///   would not restore the sizes that the encoder's took.
    func layerShapes(segmentSamples: Int) throws -> [Configuration.LayerShape] {
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
        var (frequencies, samples) = (nfft / 2, segmentSamples)
        for index in 0..<depth {
            let isLast = frequencies <= kernelSize
            try checkFrequencies(frequencies, index: index, isLast: isLast)
            let frequenciesOut = isLast ? 1 : frequencies / stride
            let outputs = audioChannels * sources.count
            let samplesOut = (samples + stride - 1) / stride
            let layer = Configuration.LayerShape(
                index: index, channelsOut: channelsOut, isNormed: index >= normStarts,
                dconvHidden: try dconvHidden(channelsOut), merges: isLast,
                frequency: Configuration.BranchShape(
                    channelsIn: frequencyIn,
                    decoderChannelsOut: index == 0 ? 2 * outputs : frequencyIn,
                    kernel: isLast ? frequencies : kernelSize, stride: stride,
                    pad: isLast ? 0 : kernelSize / 4,
                    lengthIn: frequencies, lengthOut: frequenciesOut),
                time: Configuration.BranchShape(
                    channelsIn: timeIn, decoderChannelsOut: index == 0 ? outputs : timeIn,
                    kernel: kernelSize, stride: stride, pad: kernelSize / 4,
                    lengthIn: samples, lengthOut: samplesOut))
            try checkNormGroups(layer)
            layers.append(layer)
            (frequencies, samples) = (frequenciesOut, samplesOut)
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
        guard product <= Double(Configuration.Limits.channels) else {
            throw ConfigurationError.invalid(
                key: "growth", found: "\(growth)",
                allowed: "with depth = \(depth) and channels = \(self.channels) some layer has "
                    + "more than \(Configuration.Limits.channels) channels")
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
