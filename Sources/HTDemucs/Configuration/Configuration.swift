// Also Embedded Swift: typed throws, no key paths, no casts.
// The model's configuration: checked arguments, and the sizes that follow from them.
// Reference: demucs 4.1.0, the constructors in `htdemucs.py`, `hdemucs.py` and `demucs.py`.

import Networks

/// A complete, checked description of one model, of any of the classes.
///
/// Every configuration can be built and run: sizes are positive, agree from layer to layer and stay
/// far from overflow.
package struct Configuration: Sendable, Equatable {
    /// The constructor arguments.
    package let arguments: Hyperparameters
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
    package init(_ arguments: Hyperparameters) throws(ConfigurationError) {
        try arguments.checkRanges()
        try ModelLimits.check(arguments.sources, key: "sources")
        self.arguments = arguments
        segmentSamples = try arguments.checkedSegmentSamples()
        layers = try arguments.layerShapes(segmentSamples: segmentSamples)
        innerChannels = layers[layers.count - 1].channelsOut
        transformerChannels =
            arguments.bottomChannels > 0 ? arguments.bottomChannels : innerChannels
        transformerHidden = try arguments.checkTransformer(
            inner: innerChannels, size: transformerChannels)
        try checkMemory()
    }

    /// HTDemucs ignores a segment longer than its own, which it can't run.
    ///
    /// - Throws: ``ConfigurationError`` if the segment is too short or too long for the model.
    /// - PyTorch: `segment` of `demucs.apply.BagOfModels`.
    package func inBag(
        ofSegmentSeconds seconds: Double
    ) throws(ConfigurationError) -> Configuration {
        guard arguments.architecture != .htdemucs || arguments.segment.isAtLeast(seconds) else {
            return self
        }
        var changed = arguments
        changed.segment = .float(seconds)
        return try Configuration(changed)
    }

    /// The waveform lengths that Demucs runs on; nil for a model with a spectrogram, which runs on
    /// all lengths.
    package var validLength: ValidLength? {
        guard arguments.architecture == .demucs else { return nil }
        return ValidLength(
            depth: arguments.depth, kernel: arguments.kernelSize, stride: arguments.stride,
            resamples: arguments.resample)
    }

    /// Samples from one spectrogram frame to the next.
    package var hopSamples: Int { arguments.nfft / 4 }

    /// Frequency bins of the model's input, without the Nyquist bin.
    package var frequencies: Int { arguments.nfft / 2 }

    /// Number of spectrogram frames of `samples` samples: samples / hop, rounded up.
    package func frames(samples: Int) -> Int {
        samples / hopSamples + (samples % hopSamples == 0 ? 0 : 1)
    }

    /// Spectrogram frames of a training segment.
    package var segmentFrames: Int { frames(samples: segmentSamples) }

    /// Whether encoder layers have a DConv.
    package var hasEncoderDConv: Bool { arguments.dconvMode & 1 != 0 }

    /// Whether decoder layers have a DConv.
    package var hasDecoderDConv: Bool { arguments.dconvMode & 2 != 0 }

    /// Whether a layer of the transformer attends across the branches.
    package func isCrossLayer(_ index: Int) -> Bool {
        (index % 2 == 0) == arguments.tCrossFirst
    }

    /// Dilation of each residual layer of a DConv, in samples (or frames).
    package var dconvDilations: [Int] {
        let depth = arguments.dconvDepth
        return (0..<abs(depth)).map { depth > 0 ? 1 << $0 : 1 }
    }
}
