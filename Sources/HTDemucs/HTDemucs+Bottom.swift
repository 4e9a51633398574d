// Also Embedded Swift: typed throws, no key paths, no casts.
// HTDemucs between its encoders and decoders: the transformer and the innermost skips (Rouard,
// Massa, Défossez 2022, arXiv:2211.08553, figure 1). Activations are `[freq, time, channel]`;
// waveforms are `[1, time, channel]`.
//
// Sizes in the comments are those of the published htdemucs on its training segment of 7.8 s:
// 343,980 samples, 336 frames, 4 sources, 2 audio channels.

import Layers
import Networks
import Signal
import System
import Tensor

extension HTDemucs {
    package func bottom(
        _ x: consuming Tensor, _ xt: consuming Tensor, skips: LevelSkips, in pass: ForwardPass
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor) {
        // [8, 336, 384], [1, 1344, 384]
        (x, xt) = try transform(consume x, consume xt, in: pass)
        try pass.completed(.crosstransformer)
        skips.add(to: x, xt, on: backend)
        return (x, xt)
    }

    /// Tokens `[time · freq, channel]` as `[time, freq, channel]`.
    private func positions(_ tokens: Tensor, freqs: Int) -> Tensor {
        tokens.reshaped(Shape(tokens.shape[0] / freqs, freqs, tokens.shape[1]))
    }

    /// The transformer between its 1×1 convolutions. Without a transformer the reference skips the
    /// convolutions too, although their weights exist.
    ///
    /// - Parameters:
    ///   - x: `[freq, time, channel]`
    ///   - xt: `[1, time, channel]`
    /// - Returns: tensors of the same shapes in new storage, because the inputs may also be skips.
    private func transform(
        _ x: consuming Tensor, _ xt: consuming Tensor, in pass: ForwardPass
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor) {
        guard let crosstransformer else { return (copy(x), copy(xt)) }
        let probe = pass.probe
        let (freqs, times, timesOfWaveform) = (x.shape[0], x.shape[1], xt.shape[1])
        // Tokens are ordered by time, and by frequency within it.
        var tokens = transposed(consume x)  // [336 · 8, 384]
        // [1344, 384]
        var tokensTime = (consume xt).reshaped(Shape(timesOfWaveform, tokens.shape[1]))
        if let samplers {
            tokens = samplers.up(tokens, on: backend)  // [336 · 8, 512]
            tokensTime = samplers.upTime(tokensTime, on: backend)  // [1344, 512]
            probe?("channel_upsampler", .positions, positions(tokens, freqs: freqs))
            probe?("channel_upsampler_t", .waveform, tokensTime)
        }
        (tokens, tokensTime) = try crosstransformer(
            consume tokens, freqs: freqs, consume tokensTime, in: pass.scope("crosstransformer"))
        if let samplers {
            tokens = samplers.down(tokens, on: backend)  // [336 · 8, 384]
            tokensTime = samplers.downTime(tokensTime, on: backend)  // [1344, 384]
            probe?("channel_downsampler", .positions, positions(tokens, freqs: freqs))
            probe?("channel_downsampler_t", .waveform, tokensTime)
        }
        let channels = tokens.shape[1]
        return (
            transposed(tokens.reshaped(Shape(times, freqs, channels)))
                .reshaped(Shape(freqs, times, channels)),
            tokensTime.reshaped(Shape(1, tokensTime.shape[0], channels))
        )
    }
}
