// Also Embedded Swift: typed throws, no key paths, no casts.
// Hybrid Transformer Demucs: the model of Rouard, Massa, Défossez 2022, "Hybrid Transformers for
// Music Source Separation", arXiv:2211.08553. `HybridNetwork.swift` follows its figure 1.

import Layers
import Tensor
import WeightsLoader

/// A model with its weights, ready to run.
///
/// Two U-Nets, one over the complex spectrogram and one over the waveform, that meet in a
/// transformer.   PyTorch: `demucs.htdemucs.HTDemucs`.
package struct HTDemucs: HybridNetwork {
    package var properties: NetworkProperties
    package let branches: HybridBranches
    let samplers: Samplers?
    let crosstransformer: CrossTransformerEncoder?

    /// The 1×1 convolutions around the transformer, present if `bottom_channels` is not 0.
    struct Samplers: Sendable {
        let up: Linear
        let upTime: Linear
        let down: Linear
        let downTime: Linear
    }

    package init(_ reader: StateDictReader, _ parameters: ParameterReader) throws(WeightsError) {
        properties = NetworkProperties(reader)
        let configuration = reader.configuration
        branches = try reader.branches(parameters)

        let inner = configuration.innerChannels
        let bottom = configuration.arguments.bottomChannels
        func sampler(_ name: String, _ inputs: Int, _ outputs: Int) throws(WeightsError) -> Linear {
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
    }
}
