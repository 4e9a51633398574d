// Hybrid Transformer Demucs: the model of Rouard, Massa, Défossez 2022, "Hybrid Transformers for
// Music Source Separation", arXiv:2211.08553. `HTDemucs+Forward.swift` follows its figure 1.

import Layers
import Signal
import Tensor
import WeightsLoader

/// A model with its weights, ready to run.
///
/// Two U-Nets, one over the complex spectrogram and one over the waveform, that meet in a
/// transformer.   PyTorch: `demucs.htdemucs.HTDemucs`.
package struct HTDemucs: Sendable {
    package let configuration: Configuration

    /// Contents of the checkpoint that this engine ignores, a line each.
    package let warnings: [String]

    /// Numbers in all of its parameters.
    package let parameterCount: Int

    package private(set) var backend: Backend
    let stft: STFT
    /// Outermost first.
    let encoder: [HEncLayer]
    let tencoder: [HEncLayer]
    /// Innermost first, as in the reference.
    let decoder: [HDecLayer]
    let tdecoder: [HDecLayer]
    /// `[freq, channel]`, or nil if the configuration has none.
    let frequencyEmbedding: Tensor?
    let samplers: Samplers?
    let crosstransformer: CrossTransformerEncoder?

    /// The 1×1 convolutions around the transformer, present if `bottom_channels` is not 0.
    struct Samplers: Sendable {
        let up: Linear
        let upTime: Linear
        let down: Linear
        let downTime: Linear
    }

    /// The same weights on the threads of another backend of the same kernels and precision.
    package func running(on backend: Backend) -> HTDemucs {
        var copy = self
        copy.backend = backend
        return copy
    }

    /// Builds the model that a checkpoint describes or implies.
    ///
    /// - Parameters:
    ///   - overriding: constructor arguments that replace the file's.
    ///   - segmentSeconds: the segment of a bag that the model is part of.
    /// - Throws: ``WeightsError`` if tensors are missing, unused or of another shape,
    ///   ``ConfigurationError`` if the model has an option that this engine does not build.
    package init(
        _ checkpoint: Checkpoint, overriding: [String: ArgumentValue] = [:],
        segmentSeconds: Double? = nil, backend: Backend
    ) throws {
        let (stored, warnings) = try Configuration.read(from: checkpoint, overriding: overriding)
        let configuration =
            try segmentSeconds.map { try stored.shortened(toSegmentSeconds: $0) } ?? stored
        try self.init(
            configuration, warnings: warnings, parameters: checkpoint.parameters(),
            backend: backend)
    }

    /// Builds a model of this configuration.
    ///
    /// - Parameters:
    ///   - parameters: all of a checkpoint's; none may be left over.
    ///   - plan: which layers run in INT8. With nil and a backend in INT8, the layers that the
    ///     checkpoint stores in INT8 or, for float weights, the recommended ones; else none.
    ///   - observer: sees the inputs of the layers.
    /// - Throws: ``WeightsError``.
    package init(
        _ configuration: Configuration, warnings: [String], parameters: ParameterReader,
        backend: Backend, plan: QuantizationPlan? = nil, observer: (any ModelObserver)? = nil
    ) throws {
        var plan = plan
        if plan == nil, backend.precision == .int8 {
            plan =
                try parameters.storedForms().map { QuantizationPlan($0) }
                ?? .recommended(for: configuration)
        }
        let reader = StateDictReader(
            configuration: configuration, backend: backend, plan: plan, observer: observer)
        self.configuration = configuration
        self.warnings = warnings
        self.backend = backend
        stft = STFT(nfft: configuration.nfft)

        let layers = configuration.layers
        func encoders(_ name: String, isFrequency: Bool) throws -> [HEncLayer] {
            try layers.map { layer in
                try reader.encoderLayer(
                    parameters.scope(name).scope("\(layer.index)"), layer,
                    isFrequency: isFrequency)
            }
        }
        func decoders(_ name: String, isFrequency: Bool) throws -> [HDecLayer] {
            try layers.reversed().enumerated().map { position, layer in
                try reader.decoderLayer(
                    parameters.scope(name).scope("\(position)"), layer, isFrequency: isFrequency)
            }
        }
        encoder = try encoders("encoder", isFrequency: true)
        tencoder = try encoders("tencoder", isFrequency: false)
        decoder = try decoders("decoder", isFrequency: true)
        tdecoder = try decoders("tdecoder", isFrequency: false)
        frequencyEmbedding = try reader.frequencyEmbedding(parameters.scope("freq_emb"))

        let inner = configuration.innerChannels
        let bottom = configuration.bottomChannels
        func sampler(_ name: String, _ inputs: Int, _ outputs: Int) throws -> Linear {
            try reader.sampler(parameters.scope(name), inputs: inputs, outputs: outputs)
        }
        samplers =
            bottom == 0
            ? nil
            : Samplers(
                up: try sampler("channel_upsampler", inner, bottom),
                upTime: try sampler("channel_upsampler_t", inner, bottom),
                down: try sampler("channel_downsampler", bottom, inner),
                downTime: try sampler("channel_downsampler_t", bottom, inner))
        crosstransformer = try reader.crossTransformer(parameters.scope("crosstransformer"))
        try parameters.finish()
        parameterCount = parameters.askedShapes.values.reduce(0) { $0 + $1.reduce(1, *) }
    }
}
