// Also Embedded Swift: typed throws, no key paths, no casts.
// Demucs v3 on waveforms alone: one U-Net of strided convolutions at twice the sample rate, with
// the DConvs of Défossez 2021, arXiv:2111.03600. Not called `Demucs`, because that is the library's
// module.

import Layers
import Networks
import Signal
import Tensor
import WeightsLoader

/// The waveform network of Demucs v3.
///
/// PyTorch: `demucs.demucs.Demucs`.
package struct TimeDemucs: DemucsNetwork {
    package var properties: NetworkProperties
    /// Encoder layers, outermost first.
    let encoder: [HEncLayer]
    /// Decoder layers, innermost first, as in the reference.
    let decoder: [HDecLayer]
    /// The LSTM between encoder and decoder; nil for none.
    let lstm: BLSTM?
    let upsampler: Resampler
    let downsampler: Resampler
    let validLength: ValidLength

    package init(_ reader: StateDictReader, _ parameters: ParameterReader) throws(WeightsError) {
        properties = NetworkProperties(reader)
        let configuration = reader.configuration
        let factor = configuration.arguments.resample ? 2 : 1
        upsampler = Resampler(from: 1, to: factor)
        downsampler = Resampler(from: factor, to: 1)
        validLength = ValidLength(
            depth: configuration.arguments.depth, kernel: configuration.arguments.kernelSize,
            stride: configuration.arguments.stride, resamples: configuration.arguments.resample)
        encoder = try configuration.layers.map { layer throws(WeightsError) in
            try reader.ofEncoder(layer).waveformEncoder(
                parameters.scope("encoder").scope("\(layer.index)"), layer)
        }
        decoder = try configuration.layers.reversed().enumerated().map {
            position, layer throws(WeightsError) in
            try reader.waveformDecoder(parameters.scope("decoder").scope("\(position)"), layer)
        }
        lstm =
            configuration.arguments.lstmLayers == 0
            ? nil
            : try reader.blstm(
                parameters.scope("lstm"), channels: configuration.innerChannels,
                layers: configuration.arguments.lstmLayers, windowTimes: nil, skips: false)
    }
}
