// The networks BS-RoFormer and Mel-Band RoFormer.
// Reference: `BSRoformer.forward` and `MelBandRoformer.forward` of audio-separator 0.47.1.

import Layers
import Networks
import Signal
import System
import Tensor

/// BS-RoFormer (Lu, Wang, Kong, Hung 2023, arXiv:2309.02612) or Mel-Band RoFormer (Wang, Lu, Won
/// 2023, arXiv:2310.01809): the spectrogram's bands become tokens, transformers attend along time and
/// along the bands by turns, and each stem's tokens become complex masks of the spectrogram.
package struct RoFormer: SeparationNetwork {
    package let configuration: RoFormerConfiguration
    package internal(set) var backend: Backend
    package let parameterCount: Int
    let stft: STFT
    let bandSplit: BandSplit
    /// `layers`: a transformer along time, and one along the bands.
    let layers: [(time: Transformer, band: Transformer)]
    /// `final_norm` of BS-RoFormer.
    let finalNorm: RMSNorm?
    /// One for each stem.
    let maskEstimators: [MaskEstimator]

    /// The modules in the order of computation.
    package static let stages = [["band_split"], ["layers"], ["final_norm"], ["mask_estimators"]]

    /// Separates a piece of music into the network's stems, then the residual if the configuration
    /// names one. The observer's probe takes `stft_repr`, `x` (the numbers of all bands), and the
    /// outputs of modules.
    package func forward(
        _ mix: Tensor, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor {
        let backend = backend.until(observer.cancellation)
        let probe = observer.probe
        let samples = mix.shape[1]
        probe?("mix", .tokens, mix)
        let z = stft.forward(mix, on: backend)  // [freq, time, 2 · channel]
        probe?("stft_repr", .complexNumbers, z)
        try observer.completed(.stft)

        let numbers = probe.map { probe in
            let numbers = bandSplit.numbers(z, on: backend)
            probe("x", .tokens, numbers)
            return numbers
        }
        let x = bandSplit(z, numbers: numbers, on: backend)  // [frame, band, channel]
        probe?("band_split", .tokens, x)
        try observer.completed(.bandSplit)
        let (frames, bands) = (x.shape[0], x.shape[1])
        let (alongTime, alongBands) = (
            AxialSequences.alongTime(frames: frames, bands: bands),
            AxialSequences.alongBands(frames: frames, bands: bands)
        )
        for (index, layer) in layers.enumerated() {
            layer.time(
                x, alongTime, probe?.scope("layers.\(index).0"), .bandSequences, on: backend)
            try observer.completed(.transformer(index, alongTime: true))
            layer.band(x, alongBands, probe?.scope("layers.\(index).1"), .tokens, on: backend)
            try observer.completed(.transformer(index, alongTime: false))
        }
        if let finalNorm {
            normalise(x, finalNorm, on: backend)
            probe?("final_norm", .tokens, x)
        }

        let channels = configuration.audioChannels
        let stems = backend.keptTensor(Shape(configuration.sources.count, channels, samples))
        let bandCounts = configuration.layout.bandCounts()
        for (index, maskEstimator) in maskEstimators.enumerated() {
            let masks = maskEstimator(x, on: backend)  // [frame, numbers of all bands]
            probe?("mask_estimators.\(index)", .tokens, masks)
            let masked = maskEstimator.masked(z, by: masks, bandCounts: bandCounts, on: backend)
            let stem = stft.inverse(masked, samples: samples, on: backend)  // [channel, sample]
            (stems.pointer + index * stem.count).update(from: stem.pointer, count: stem.count)
            withExtendedLifetime(stem) {}
            try observer.completed(.maskEstimator(index))
        }
        if configuration.hasResidual {
            let (stem, residual) = (stems.pointer, stems.pointer + mix.count)
            for index in 0..<mix.count { residual[index] = mix.pointer[index] - stem[index] }
        }
        probe?("final", .tokens, stems)
        return withExtendedLifetime((mix, stems)) { stems }
    }

    package func running(on backend: Backend) -> RoFormer {
        var copy = self
        copy.backend = backend
        return copy
    }
}

/// A transformer along one axis: pairs of attention and feed-forward block, and Mel-Band RoFormer's
/// norm.
///
/// PyTorch: `Transformer` of the RoFormers.
struct Transformer: Sendable {
    /// `layers`
    let layers: [(attention: AxialAttention, feedForward: FeedForward)]
    /// `norm`; nil in BS-RoFormer.
    let norm: RMSNorm?
    /// `rotary_embed.freqs`, in radians for each position.
    let frequencies: [Float]

    /// Runs the transformer in place.
    ///
    /// - Parameters:
    ///   - x: `[frame, band, channel]`
    ///   - layout: that of x for the probe.
    func callAsFunction(
        _ x: Tensor, _ sequences: AxialSequences, _ probe: Probe?, _ layout: Probe.Layout,
        on backend: Backend
    ) {
        let rotary = RotaryEmbedding(
            frequencies: frequencies, positions: sequences.tokens, on: backend)
        for (index, layer) in layers.enumerated() {
            func run(_ part: Int, _ block: () -> Void) {
                guard let probe else { return block() }
                probe.residual("layers.\(index).\(part)", layout, of: x, on: backend, block)
            }
            run(0) { layer.attention(x, sequences, rotary, on: backend) }
            run(1) { layer.feedForward(x, on: backend) }
        }
        if let norm { normalise(x, norm, on: backend) }
        probe?.output(layout, x)
    }
}

/// Normalises each token in place.
private func normalise(_ x: Tensor, _ norm: RMSNorm, on backend: Backend) {
    let channels = norm.channels
    backend.forEachTile(of: x.count / channels, longest: Tiling.tokenRows) { range in
        let tokens = x.pointer + range.lowerBound * channels
        norm.normalise(
            rows: range.count, tokens, ld: channels, into: .floats(tokens, ld: channels),
            on: backend)
    }
}
