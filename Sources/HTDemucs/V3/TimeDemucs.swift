// Also Embedded Swift: typed throws, no key paths, no casts.
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

/// The shortest length, not below a given one, for which (length − kernel) is a multiple of the
/// stride in every layer.
///
/// PyTorch: `Demucs.valid_length`.
package struct ValidLength: Sendable, Equatable {
    private let depth: Int
    private let kernel: Int
    private let stride: Int
    /// Whether the layers run at twice the sample rate.
    private let resamples: Bool

    init(depth: Int, kernel: Int, stride: Int, resamples: Bool) {
        self.depth = depth
        self.kernel = kernel
        self.stride = stride
        self.resamples = resamples
    }

    package func callAsFunction(_ samples: Int) -> Int {
        // On 32 bits, intermediate lengths may not fit an Int.
        let (kernel, stride) = (Int64(kernel), Int64(stride))
        var length = Int64(resamples ? 2 * samples : samples)
        for _ in 0..<depth {
            // The excess may be negative; like Python's ceil, the division rounds it up.
            let excess = length - kernel
            length = max(1, (excess > 0 ? (excess + stride - 1) / stride : excess / stride) + 1)
        }
        // 2^40 is far above any real length; it keeps absurd configurations from overflowing.
        for _ in 0..<depth { length = min((length - 1) * stride + kernel, 1 << 40) }
        return Int(clamping: resamples ? (length + 1) / 2 : length)
    }
}
