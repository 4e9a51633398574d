// Also Embedded Swift: typed throws, no key paths, no casts.
// The sizes of all encoder and decoder layers, derived as in the reference's constructors.

import Networks

extension Configuration {
    /// One level of both U-Nets: an encoder layer and the decoder layer that mirrors it, in the
    /// spectrogram branch and in the waveform branch.
    package struct LayerShape: Sendable, Equatable {
        /// Level of the layer, 0 for the outermost, as encoders count; its decoder layer is
        /// `depth − 1 − index`.
        package let index: Int
        /// Channels of the encoder layers' outputs and of the decoder layers' inputs, in both
        /// branches.
        package let channelsOut: Int
        /// Whether GroupNorm follows the layer's convolutions.
        package let isNormed: Bool
        /// Hidden channels of the layer's DConvs.
        package let dconvHidden: Int
        /// Whether the layer reduces all remaining frequencies to one, so that the waveform branch
        /// can be added. The waveform branch's layer is then only the strided convolution, without
        /// activation, rewrite and DConv.
        package let merges: Bool
        /// Whether the layer has a single branch, over time: after a merge, and in models without a
        /// spectrogram. Then `frequency` equals `time`; the weights are those of `encoder` and
        /// `decoder`.
        package let isTimeOnly: Bool
        /// Whether the layer's DConvs have an LSTM, and local attention.
        package let hasLSTM: Bool
        package let hasAttention: Bool
        /// The layer of the spectrogram branch: convolutions over `[channels, freq, time]`.
        package let frequency: BranchShape
        /// The layer of the waveform branch: convolutions over `[channels, time]`.
        package let time: BranchShape

        package init(
            index: Int, channelsOut: Int, isNormed: Bool, dconvHidden: Int, merges: Bool = false,
            isTimeOnly: Bool = false, hasLSTM: Bool = false, hasAttention: Bool = false,
            frequency: BranchShape, time: BranchShape
        ) {
            self.index = index
            self.channelsOut = channelsOut
            self.isNormed = isNormed
            self.dconvHidden = dconvHidden
            self.merges = merges
            self.isTimeOnly = isTimeOnly
            self.hasLSTM = hasLSTM
            self.hasAttention = hasAttention
            self.frequency = frequency
            self.time = time
        }

        /// The layer of the spectrogram branch or of the waveform branch.
        package func branch(isFrequency: Bool) -> BranchShape { isFrequency ? frequency : time }
    }

    /// One branch's part of a layer: convolutions along frequency, or along time.
    package struct BranchShape: Sendable, Equatable {
        /// Channels of the encoder layer's input.
        package let channelsIn: Int
        /// Channels of the decoder layer's output; at index 0 the channels of all sources, in the
        /// spectrogram branch their real and imaginary parts.
        package let decoderChannelsOut: Int
        package let kernel: Int
        package let stride: Int
        /// Zeros at each end of the axis, which the decoder cuts off again.
        package let pad: Int
        /// Length of the axis before and after the encoder layer; for time, in a training segment.
        /// The input is first padded to a multiple of the stride.
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
    /// Derives the sizes of all layers, outermost first.
    ///
    /// - Parameter segmentSamples: samples of a training segment.
    /// - Throws: ``ConfigurationError`` if a layer is impossible, or if a decoder layer would not
    ///   restore the sizes of its encoder layer's input.
    func layerShapes(segmentSamples: Int) throws(ConfigurationError) -> [Configuration.LayerShape] {
        let layers =
            architecture == .demucs
            ? try waveformLayers(segmentSamples) : try hybridLayers(segmentSamples)
        for layer in layers { try checkNormGroups(layer) }
        return layers
    }

    private func hybridLayers(_ segmentSamples: Int) throws(ConfigurationError) -> [Configuration
        .LayerShape]
    {
        // A decoder layer turns n values into (n − 1)·stride + kernel − 2·pad. With this stride
        // that is n·stride, the length of the encoder layer's input.
        guard kernelSize - 2 * (kernelSize / 4) == stride else {
            throw .invalid(
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
            if architecture == .hdemucs, frequencies == 1 {
                let layer = try mergedLayer(index, channelsOut, before: layers[index - 1])
                layers.append(layer)
                if index < depth - 1 { channelsOut = try grown(channelsOut) }
                continue
            }
            let isLast = frequencies <= kernelSize
            try checkFrequencies(frequencies, index: index, isLast: isLast)
            let frequenciesOut = isLast ? 1 : frequencies / stride
            let outputs = audioChannels * sources.count
            let samplesOut = (samples + stride - 1) / stride
            let layer = try layer(
                index, channelsOut, merges: isLast,
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
            layers.append(layer)
            (frequencies, samples) = (frequenciesOut, samplesOut)
            (timeIn, frequencyIn) = (channelsOut, channelsOut)
            if index < depth - 1 { channelsOut = try grown(channelsOut) }
        }
        guard architecture == .htdemucs || frequencies == 1 else {
            throw .unsupported(
                key: "depth", found: "\(depth)",
                supported: "so many layers that the branches merge, where one frequency is left; "
                    + "here \(frequencies) are")
        }
        return layers
    }

    private func layer(
        _ index: Int, _ channelsOut: Int, merges: Bool = false, isTimeOnly: Bool = false,
        frequency: Configuration.BranchShape, time: Configuration.BranchShape
    ) throws(ConfigurationError) -> Configuration.LayerShape {
        let layer = Configuration.LayerShape(
            index: index, channelsOut: channelsOut, isNormed: index >= normStarts,
            dconvHidden: try dconvHidden(channelsOut), merges: merges, isTimeOnly: isTimeOnly,
            hasLSTM: index >= dconvLSTM, hasAttention: index >= dconvAttn,
            frequency: frequency, time: time)
        guard !layer.hasAttention || dconvMode == 0 || layer.dconvHidden % DConv.heads == 0 else {
            throw .invalid(
                key: "dconv_comp", found: "\(dconvComp)",
                allowed: "layer \(index) is left with \(layer.dconvHidden) hidden channels, which "
                    + "the \(DConv.heads) heads of its attention don't divide")
        }
        return layer
    }

    /// A layer after the merge, over the frames of the spectrogram.
    private func mergedLayer(
        _ index: Int, _ channelsOut: Int, before: Configuration.LayerShape
    ) throws(ConfigurationError) -> Configuration.LayerShape {
        guard timeStride % 2 == 0 else {
            throw .invalid(
                key: "time_stride", found: "\(timeStride)",
                allowed: "the decoder restores the encoder's lengths only with an even step")
        }
        // In the merging layer the waveform branch has one position for each spectrogram frame.
        let frames = before.time.lengthOut
        let time = Configuration.BranchShape(
            channelsIn: before.channelsOut, decoderChannelsOut: before.channelsOut,
            kernel: 2 * timeStride, stride: timeStride, pad: timeStride / 2,
            lengthIn: frames, lengthOut: (frames + timeStride - 1) / timeStride)
        return try layer(index, channelsOut, isTimeOnly: true, frequency: time, time: time)
    }

    /// The layers of Demucs (waveforms alone): without padding, on a length that all strides divide
    /// without a remainder (``ValidLength``).
    private func waveformLayers(_ segmentSamples: Int) throws(ConfigurationError) -> [Configuration
        .LayerShape]
    {
        guard kernelSize % stride == 0, !resample || stride % 2 == 0 else {
            throw .unsupported(
                key: "stride", found: "\(stride)",
                supported: "a divisor of kernel_size = \(kernelSize), and an even one with resample"
            )
        }
        var layers: [Configuration.LayerShape] = []
        var channelsIn = audioChannels
        var channelsOut = channels
        let valid = ValidLength(
            depth: depth, kernel: kernelSize, stride: stride, resamples: resample)
        var samples = valid(segmentSamples) * (resample ? 2 : 1)
        for index in 0..<depth {
            let samplesOut = (samples - kernelSize) / stride + 1
            let time = Configuration.BranchShape(
                channelsIn: channelsIn,
                decoderChannelsOut: index == 0 ? audioChannels * sources.count : channelsIn,
                kernel: kernelSize, stride: stride, pad: 0, lengthIn: samples,
                lengthOut: samplesOut)
            layers.append(
                try layer(index, channelsOut, isTimeOnly: true, frequency: time, time: time))
            (samples, channelsIn) = (samplesOut, channelsOut)
            if index < depth - 1 { channelsOut = try grown(channelsOut) }
        }
        return layers
    }

    private func checkFrequencies(
        _ frequencies: Int, index: Int, isLast: Bool
    ) throws(ConfigurationError) {
        guard frequencies > 1 else {
            throw .unsupported(
                key: "depth", found: "\(depth)",
                supported:
                    "up to \(index) with nfft = \(nfft), kernel_size = \(kernelSize) and stride = "
                    + "\(stride), where the branches merge in the last layer")
        }
        if isLast {
            // A position of the waveform branch is stride^(index + 1) samples long, a spectrogram
            // frame nfft / 4; the two branches can be added only if these are equal.
            guard frequencies == 2 * stride else {
                throw .invalid(
                    key: "nfft", found: "\(nfft)",
                    allowed: "layer \(index) merges the branches with \(frequencies) frequencies "
                        + "left, but only with 2·stride = \(2 * stride) do both have as many "
                        + "frames")
            }
        } else {
            guard frequencies % stride == 0 else {
                throw .invalid(
                    key: "nfft", found: "\(nfft)",
                    allowed: "layer \(index) gets \(frequencies) frequencies, which stride = "
                        + "\(stride) doesn't divide")
            }
        }
    }

    /// `int(growth * channels)`.
    private func grown(_ channels: Int) throws(ConfigurationError) -> Int {
        let product = growth * Double(channels)
        guard product <= Double(Configuration.Limits.channels) else {
            throw .invalid(
                key: "growth", found: "\(growth)",
                allowed: "with depth = \(depth) and channels = \(self.channels) some layer has "
                    + "more than \(Configuration.Limits.channels) channels")
        }
        return Int(product)
    }

    /// `int(channels / compress)`.
    private func dconvHidden(_ channels: Int) throws(ConfigurationError) -> Int {
        let quotient = Double(channels) / dconvComp
        guard dconvMode == 0 || dconvDepth == 0 || quotient >= 1,
            quotient <= Double(Configuration.Limits.hidden)
        else {
            throw .invalid(
                key: "dconv_comp", found: "\(dconvComp)",
                allowed: "a layer of \(channels) channels is left with \(quotient) hidden ones, "
                    + "and 1 to \(Configuration.Limits.hidden) are possible")
        }
        return Int(quotient)
    }

    private func checkNormGroups(_ layer: Configuration.LayerShape) throws(ConfigurationError) {
        guard layer.isNormed else { return }
        // A merging layer of the waveform branch has no norm in its encoder, but one in its
        // decoder.
        var normed = [layer.channelsOut]
        // The outermost decoder layer of Demucs ends with its transposed convolution, without a
        // norm.
        if architecture != .demucs || layer.index > 0 {
            normed += [layer.frequency.decoderChannelsOut, layer.time.decoderChannelsOut]
        }
        for channels in normed where channels % normGroups != 0 {
            throw .invalid(
                key: "norm_groups", found: "\(normGroups)",
                allowed: "layer \(layer.index) normalises \(channels) channels, which it doesn't "
                    + "divide")
        }
    }
}
