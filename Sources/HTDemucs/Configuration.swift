// The model's configuration: checked hyperparameters, and the sizes that follow from them.
// Reference: demucs 4.1.0, the constructors in `htdemucs.py`, `hdemucs.py` and `demucs.py`.

/// A complete, checked description of one model, of any of the classes.
///
/// The hyperparameters are properties too (`configuration.audioChannels`). Every configuration
/// can be built and run: sizes are positive, agree from layer to layer and stay far from
/// overflow.
@dynamicMemberLookup
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
    package init(_ hyperparameters: Hyperparameters) throws {
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
    package func inBag(ofSegmentSeconds seconds: Double) throws -> Configuration {
        guard self.architecture != .htdemucs || hyperparameters.segment.isAtLeast(seconds) else {
            return self
        }
        var changed = hyperparameters
        changed.segment = .float(seconds)
        return try Configuration(changed)
    }

    package subscript<Value>(dynamicMember member: KeyPath<Hyperparameters, Value>) -> Value {
        hyperparameters[keyPath: member]
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
