// The model's configuration: checked hyperparameters, and the sizes that follow from them.
// Reference: demucs 4.1.0, the constructors in `htdemucs.py`, `hdemucs.py` and `demucs.py`.

/// A complete, checked description of one model, of any of the classes.
///
/// The hyperparameters are properties too (`configuration.audioChannels`). Every configuration
/// can be built and run: sizes are positive, agree from layer to layer and stay far from
/// overflow.
package struct Configuration: Sendable, Equatable {
    /// The constructor arguments.
    package let hyperparameters: Hyperparameters
    /// Sizes of each level of the U-Nets, outermost first.
    package let layers: [LayerShape]
    /// `int(segment * samplerate)`: samples of a training segment.
    package let segmentSamples: Int
    /// Channels of the innermost encoder layers, in both branches.
    package let innerChannels: Int
    /// Size of the transformer: `bottom_channels`, or ``innerChannels`` if that is 0.
    package let transformerChannels: Int
    /// `int(dim * t_hidden_scale)`: hidden size of the transformer's feed-forward blocks.
    package let transformerHidden: Int

    /// Checks the values, alone and together, and derives the sizes.
    ///
    /// - Throws: ``ConfigurationError`` with the argument, its value and the allowed values.
    package init(_ hyperparameters: Hyperparameters) throws(ConfigurationError) {
        try hyperparameters.checkRanges()
        try hyperparameters.checkSources()
        self.hyperparameters = hyperparameters
        segmentSamples = try hyperparameters.checkedSegmentSamples()
        layers = try hyperparameters.layerShapes(segmentSamples: segmentSamples)
        innerChannels = layers[layers.count - 1].channelsOut
        transformerChannels =
            hyperparameters.bottomChannels > 0 ? hyperparameters.bottomChannels : innerChannels
        transformerHidden = try hyperparameters.checkTransformer(
            inner: innerChannels, size: transformerChannels)
        try checkMemory()
    }

    /// This configuration in a bag that sets a segment length. HTDemucs ignores a segment longer
    /// than its own, which it can't run.
    ///
    /// - Throws: ``ConfigurationError`` if the segment is too short or too long for the model.
    /// - PyTorch: `segment` of `demucs.apply.BagOfModels`.
    package func inBag(
        ofSegmentSeconds seconds: Double
    ) throws(ConfigurationError) -> Configuration {
        guard self.architecture != .htdemucs || hyperparameters.segment.isAtLeast(seconds) else {
            return self
        }
        var changed = hyperparameters
        changed.segment = .float(seconds)
        return try Configuration(changed)
    }

    /// The waveform lengths that Demucs runs on; nil for a model with a spectrogram, which runs on
    /// all lengths.
    package var validLength: ValidLength? {
        guard self.architecture == .demucs else { return nil }
        return ValidLength(
            depth: self.depth, kernel: self.kernelSize, stride: self.stride,
            resamples: self.resample)
    }

    /// Samples from one spectrogram frame to the next.
    package var hopSamples: Int { hyperparameters.nfft / 4 }

    /// Frequency bins of the model's input, without the Nyquist bin.
    package var frequencies: Int { hyperparameters.nfft / 2 }

    /// Number of spectrogram frames of `samples` samples: samples / hop, rounded up.
    package func frames(samples: Int) -> Int {
        samples / hopSamples + (samples % hopSamples == 0 ? 0 : 1)
    }

    /// Spectrogram frames of a training segment.
    package var segmentFrames: Int { frames(samples: segmentSamples) }

    /// Whether encoder layers have a DConv.
    package var hasEncoderDConv: Bool { hyperparameters.dconvMode & 1 != 0 }

    /// Whether decoder layers have a DConv.
    package var hasDecoderDConv: Bool { hyperparameters.dconvMode & 2 != 0 }

    /// Whether a layer of the transformer attends across the branches.
    package func isCrossLayer(_ index: Int) -> Bool {
        (index % 2 == 0) == hyperparameters.tCrossFirst
    }

    /// Dilation of each residual layer of a DConv, in samples (or frames).
    package var dconvDilations: [Int] {
        let depth = hyperparameters.dconvDepth
        return (0..<abs(depth)).map { depth > 0 ? 1 << $0 : 1 }
    }
}

// The hyperparameters as properties.
extension Configuration {
    package var architecture: Architecture { hyperparameters.architecture }
    package var sources: [String] { hyperparameters.sources }
    package var audioChannels: Int { hyperparameters.audioChannels }
    package var samplerate: Int { hyperparameters.samplerate }
    package var segment: Segment { hyperparameters.segment }
    package var useTrainSegment: Bool { hyperparameters.useTrainSegment }
    package var nfft: Int { hyperparameters.nfft }
    package var hybridOld: Bool { hyperparameters.hybridOld }
    package var normalize: Bool { hyperparameters.normalize }
    package var resample: Bool { hyperparameters.resample }
    package var lstmLayers: Int { hyperparameters.lstmLayers }
    package var depth: Int { hyperparameters.depth }
    package var channels: Int { hyperparameters.channels }
    package var growth: Double { hyperparameters.growth }
    package var kernelSize: Int { hyperparameters.kernelSize }
    package var stride: Int { hyperparameters.stride }
    package var timeStride: Int { hyperparameters.timeStride }
    package var context: Int { hyperparameters.context }
    package var contextEnc: Int { hyperparameters.contextEnc }
    package var normStarts: Int { hyperparameters.normStarts }
    package var normGroups: Int { hyperparameters.normGroups }
    package var freqEmb: Double { hyperparameters.freqEmb }
    package var embScale: Double { hyperparameters.embScale }
    package var dconvMode: Int { hyperparameters.dconvMode }
    package var dconvDepth: Int { hyperparameters.dconvDepth }
    package var dconvComp: Double { hyperparameters.dconvComp }
    package var dconvAttn: Int { hyperparameters.dconvAttn }
    package var dconvLSTM: Int { hyperparameters.dconvLSTM }
    package var bottomChannels: Int { hyperparameters.bottomChannels }
    package var tLayers: Int { hyperparameters.tLayers }
    package var tHiddenScale: Double { hyperparameters.tHiddenScale }
    package var tHeads: Int { hyperparameters.tHeads }
    package var tMaxPeriod: Double { hyperparameters.tMaxPeriod }
    package var tWeightPosEmbed: Double { hyperparameters.tWeightPosEmbed }
    package var tCrossFirst: Bool { hyperparameters.tCrossFirst }
}
