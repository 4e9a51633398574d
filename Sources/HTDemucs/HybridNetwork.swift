// Also Embedded Swift: typed throws, no key paths, no casts.
// The forward pass of the models with a spectrogram, top to bottom as in the papers' figures
// (Défossez 2021, arXiv:2111.03600, figure 2; Rouard, Massa, Défossez 2022, arXiv:2211.08553,
// figure 1). Activations are `[freq, time, channel]`; waveforms are `[1, time, channel]`.
//
// Sizes in the comments are those of the published htdemucs on its training segment of 7.8 s:
// 343,980 samples, 336 frames, 4 sources, 2 audio channels.

import Layers
import Networks
import Signal
import System
import Tensor

/// The transform and the two U-Nets of a network with a spectrogram.
package struct HybridBranches: Sendable {
    let stft: STFT
    /// Outermost first.
    let encoder: [EncoderLevel]
    /// Innermost first, as in the reference.
    let decoder: [DecoderLevel]
}

/// A network with a spectrogram. The forward pass is in extensions of this protocol; the models
/// differ only in `bottom`, where the branches meet.
package protocol HybridNetwork: DemucsNetwork {
    var branches: HybridBranches { get }

    /// The layers between the encoders and the decoders, and the sum with the innermost skips: the
    /// encoders' outputs.
    ///
    /// - Parameters:
    ///   - x: the spectrogram encoder's output, `[freq, time, channel]`.
    ///   - xt: the waveform encoder's output, `[1, time, channel]`.
    ///   - skips: those of `x` and `xt`.
    /// - Returns: the inputs of the innermost decoder layers, which may change them in place.
    func bottom(
        _ x: consuming Tensor, _ xt: consuming Tensor, skips: LevelSkips, in pass: ForwardPass
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor)
}

extension HybridNetwork {
    /// Separates a piece of music. With `use_train_segment`, a mix shorter than a training segment is
    /// padded with zeros and the result is cropped. A longer mix is run as it is, although the network
    /// was not trained on it: refusing it is up to the caller, as in the reference.
    ///
    /// PyTorch: `HTDemucs.forward`, `HDemucs.forward`.
    package func forward(
        _ mix: Tensor, observer: some ForwardObserver = CancellationToken()
    ) throws(CancellationError) -> Tensor {
        // [2, 343980]
        try forward(extended(mix), z: nil, samples: mix.shape[1], observer: observer)
    }

    /// The same without padding.
    ///
    /// - Parameters:
    ///   - z: the spectrogram of `mix` where it was computed before, as ``core(_:_:observer:)`` takes
    ///     it.
    ///   - samples: samples of the result, from the beginning.
    ///   - observer: its probe also takes `mix`, `mag`, the core's outputs and `final`.
    package func forward(
        _ mix: Tensor, z: consuming Tensor?, samples: Int, observer: some ForwardObserver
    ) throws(CancellationError) -> Tensor {
        let probe = observer.probe
        probe?("mix", .tokens, mix)
        let z = z ?? branches.stft.forward(mix, on: backend)  // [2048, 336, 4]
        probe?("mag", .spectrogram, z)
        try observer.completed(.stft)
        // [2048, 336, 16], [1, 343980, 8]
        let (x, xt) = try core(mix, consume z, observer: observer)
        probe?("output", .stems, bySource(x))
        probe?("add_67", .stems, bySource(xt))
        let waveforms = branches.stft.inverse(x, samples: mix.shape[1], on: backend)  // [8, 343980]
        let stems = sum(waveforms, xt, samples: samples)  // [4, 2, samples]
        probe?("final", .tokens, stems)
        try observer.completed(.istft)
        return stems
    }

    /// `[freq, time, sources · channel]` as `[freq, time, source, channel]`.
    private func bySource(_ x: Tensor) -> Tensor {
        let sources = configuration.arguments.sources.count
        return x.reshaped([x.shape[0], x.shape[1], sources, x.shape[2] / sources])
    }

    /// The core, see `SeparationNetwork`. `z` is freed once it is normalised; both outputs are
    /// denormalised.
    package func core(
        _ mix: Tensor, _ z: consuming Tensor, observer: some ForwardObserver = CancellationToken()
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor) {
        let pass = ForwardPass(on: backend, observer: observer)
        var (x, statistics) = normalised(consume z)  // [2048, 336, 4]
        var (xt, statisticsTime) = normalised(channelsLast(mix))  // [1, 343980, 2]
        pass.probe?("x", .spectrogram, x)
        pass.probe?("xt", .waveform, xt)
        try pass.completed(.normalisation)

        var skips = [LevelSkips(times: x.shape[1], timesOfWaveform: xt.shape[1])]
        for level in branches.encoder {
            (x, xt) = try level(consume x, consume xt, skips: &skips, in: pass)
            // [512, 336, 48] … [8, 336, 384], [1, 85995, 48] … [1, 1344, 384]
        }
        (x, xt) = try bottom(consume x, consume xt, skips: skips.removeLast(), in: pass)
        for level in branches.decoder {
            (x, xt) = try level(
                consume x, consume xt, skips: &skips, statistics: (statistics, statisticsTime),
                in: pass)
            // [32, 336, 192] … [2048, 336, 16], [1, 5375, 192] … [1, 343980, 8]
        }

        try pass.completed(.normalisation)
        return (x, xt)
    }
}
