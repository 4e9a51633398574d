// Demucs v3 on waveforms alone: one U-Net of strided convolutions at twice the sample rate, with
// the DConvs of Défossez 2021, arXiv:2111.03600. Not called `Demucs`, because that is the library's
// module.

import Layers
import Signal
import Tensor
import WeightsLoader

/// The waveform network of Demucs v3.
///
/// PyTorch: `demucs.demucs.Demucs`.
package struct TimeDemucs: SeparationNetwork {
    package let configuration: Configuration
    package let warnings: [String]
    package let parameterCount: Int
    package var backend: Backend
    /// Encoder layers, outermost first.
    let encoder: [HEncLayer]
    /// Decoder layers, innermost first, as in the reference.
    let decoder: [HDecLayer]
    /// The LSTM between encoder and decoder; nil for none.
    let lstm: BLSTM?
    let upsampler: Resampler
    let downsampler: Resampler
    let validLength: ValidLength

    package init(
        _ reader: StateDictReader, _ parameters: ParameterReader, warnings: [String]
    ) throws {
        configuration = reader.configuration
        self.warnings = warnings
        backend = reader.backend
        let factor = configuration.resample ? 2 : 1
        upsampler = Resampler(from: 1, to: factor)
        downsampler = Resampler(from: factor, to: 1)
        validLength = ValidLength(
            depth: configuration.depth, kernel: configuration.kernelSize,
            stride: configuration.stride, resamples: configuration.resample)
        encoder = try configuration.layers.map { layer in
            try reader.ofEncoder(layer).waveformEncoder(
                parameters.scope("encoder").scope("\(layer.index)"), layer)
        }
        decoder = try configuration.layers.reversed().enumerated().map { position, layer in
            try reader.waveformDecoder(parameters.scope("decoder").scope("\(position)"), layer)
        }
        lstm =
            configuration.lstmLayers == 0
            ? nil
            : try reader.blstm(
                parameters.scope("lstm"), channels: configuration.innerChannels,
                layers: configuration.lstmLayers, windowTimes: nil, skips: false)
        parameterCount = parameters.askedCount
    }
}
