// The forward pass, in the order of the paper's figure 1 (Rouard, Massa, Défossez 2022,
// arXiv:2211.08553). Activations are `[freq, time, channel]`; waveforms are `[1, time, channel]`.
//
// Sizes in the comments are those of the published htdemucs on its training segment of 7.8 s:
// 343,980 samples, 336 frames, 4 sources, 2 audio channels.

import Layers
import Signal
import Tensor

extension HTDemucs {
    /// Separates a piece of music.
    ///
    /// - Parameters:
    ///   - mix: `[audioChannels, samples]`, at least one sample. If the configuration says
    ///     `use_train_segment`, shorter ones than a training segment are extended by zeros and the
    ///     result is cut again; longer ones, which the network was not trained on, are run as they
    ///     are: refusing them is up to the caller, as in the reference.
    ///   - observe: told of each block when it is done, on the calling thread.
    /// - Returns: `[sources, audioChannels, samples]`
    /// - Throws: `CancellationError`, within one block of the network of the token's cancellation.
    ///
    /// PyTorch: `HTDemucs.forward`.
    package func forward(
        _ mix: Tensor, cancellation: CancellationToken,
        observe: (NetworkBlock) -> Void = { _ in }
    ) throws -> Tensor {
        let samples = mix.shape[1]
        let mix = extended(mix)  // [2, 343980]

        let z = stft.forward(mix, on: backend)  // [2048, 336, 4]
        observe(.stft)
        let (x, xt) = try core(mix, z, cancellation: cancellation, observe: observe)
        // [2048, 336, 16], [1, 343980, 8]
        let waveforms = stft.inverse(x, samples: mix.shape[1], on: backend)  // [8, 343980]
        let stems = sum(waveforms, xt, samples: samples)  // [4, 2, samples]
        observe(.istft)

        return stems
    }

    /// The network between the two transforms: where it is cut for other runtimes.
    ///
    /// - Parameters:
    ///   - mix: `[audioChannels, samples]`
    ///   - z: its spectrogram with complex numbers as channels (L re, L im, R re, R im),
    ///     `[freq, time, 2 · audioChannels]`.
    ///   - observe: told of each block when it is done, on the calling thread.
    ///   - probe: takes values inside.
    /// - Returns: the spectrogram branch's output, `[freq, time, sources · 2 · audioChannels]`, and
    ///   the waveform branch's, `[1, samples, sources · audioChannels]`, both denormalised: the
    ///   outputs `output` and `add_67` of an ONNX export, channels last.
    package func core(
        _ mix: Tensor, _ z: Tensor, cancellation: CancellationToken,
        observe: (NetworkBlock) -> Void = { _ in }, probe: Probe? = nil
    ) throws -> (x: Tensor, xt: Tensor) {
        var (x, statistics) = normalised(z)  // [2048, 336, 4]
        var (xt, statisticsTime) = normalised(channelsLast(mix))  // [1, 343980, 2]
        observe(.normalisation)
        probe?("x", .spectrogram, x)
        probe?("xt", .waveform, xt)

        try descend(
            0, &x, &xt, outer: nil, outerTime: nil, cancellation: cancellation, observe: observe,
            probe: probe)

        denormalise(x, statistics)
        denormalise(xt, statisticsTime)
        observe(.normalisation)
        return (x, xt)
    }

    /// Both U-Nets from a level down to the transformer and back up.
    ///
    /// - Parameters:
    ///   - level: 0 is the outermost.
    ///   - x: `[freq, time, channel]`
    ///   - xt: `[1, time, channel]`
    ///   - outer: the skip of the level above, which x comes back with; nil where it is not to be.
    ///   - outerTime: the same for xt.
    private func descend(
        _ level: Int, _ x: inout Tensor, _ xt: inout Tensor, outer: consuming Tensor?,
        outerTime: consuming Tensor?, cancellation: CancellationToken,
        observe: (NetworkBlock) -> Void, probe: Probe?
    ) throws {
        try cancellation.check()
        guard level < encoder.count else {
            (x, xt) = try transform(x, xt, cancellation: cancellation, probe: probe)
            // [8, 336, 384], [1, 1344, 384]
            observe(.crosstransformer)
            return
        }
        let (times, timesTime) = (x.shape[1], xt.shape[1])
        let (encode, encodeTime) = (encoder[level], tencoder[level])

        xt = encodeTime(xt, probe: probe?.scope("tencoder.\(level)"), on: backend)
        // [1, 85995, 48] … [1, 1344, 384]
        probe?("tencoder.\(level)", .waveform, xt)
        observe(.tencoder(level))
        let merges = encodeTime.rest == nil
        x = encode(
            x, inject: merges ? xt : nil, probe: probe?.scope("encoder.\(level)"), on: backend)
        // [512, 336, 48] … [8, 336, 384]
        probe?("encoder.\(level)", encode.layout, x)
        if level == 0, frequencyEmbedding != nil {
            embedFrequencies(x)
            probe?("encoder.0.embedded", encode.layout, x)
        }
        observe(.encoder(level))

        var skip: Tensor? = x
        var skipTime = merges ? nil : xt
        // The decoders below add them where they write what these are added to, unless somebody
        // wants to see that.
        let areAddedBelow = level + 1 < encoder.count && probe == nil
        try descend(
            level + 1, &x, &xt, outer: areAddedBelow ? skip.take() : nil,
            outerTime: areAddedBelow ? skipTime.take() : nil, cancellation: cancellation,
            observe: observe, probe: probe)

        let index = encoder.count - 1 - level
        let (decode, decodeTime) = (decoder[index], tdecoder[index])
        try cancellation.check()
        var before: Tensor?
        (x, before) = decode(
            consume x, skip: skip.take(), times: times, outer: consume outer,
            probe: probe?.scope("decoder.\(index)"), on: backend)
        // [32, 336, 192] … [2048, 336, 16]
        probe?("decoder.\(index)", decode.layout, x)
        if !merges { before = nil }
        observe(.decoder(index))
        // After a merge the waveform begins again where the spectrogram is.
        if let start = before.take() { xt = start }
        (xt, _) = decodeTime(
            consume xt, skip: skipTime.take(), times: timesTime, outer: consume outerTime,
            probe: probe?.scope("tdecoder.\(index)"), on: backend)
        // [1, 5375, 192] … [1, 343980, 8]
        probe?("tdecoder.\(index)", .waveform, xt)
        observe(.tdecoder(index))
    }

    /// The transformer between its 1×1 convolutions. Without a transformer the reference leaves
    /// out the convolutions too, though their weights exist.
    ///
    /// - Parameters:
    ///   - x: `[freq, time, channel]`
    ///   - xt: `[1, time, channel]`
    /// - Returns: the same shapes, in storage of their own: the inputs are skips too.
    private func transform(
        _ x: Tensor, _ xt: Tensor, cancellation: CancellationToken, probe: Probe?
    ) throws -> (x: Tensor, xt: Tensor) {
        guard let crosstransformer else { return (copy(x), copy(xt)) }
        let (freqs, times) = (x.shape[0], x.shape[1])
        // Tokens are ordered by time, and by frequency within it.
        var tokens = transposed(x)  // [336 · 8, 384]
        var tokensTime = xt.reshaped(Shape(xt.shape[1], xt.shape[2]))  // [1344, 384]
        if let samplers {
            tokens = samplers.up(tokens, on: backend)  // [336 · 8, 512]
            tokensTime = samplers.upTime(tokensTime, on: backend)  // [1344, 512]
            probe?("channel_upsampler", .positions(freqs: freqs), tokens)
            probe?("channel_upsampler_t", .waveform, tokensTime)
        }
        (tokens, tokensTime) = try crosstransformer(
            tokens, freqs: freqs, tokensTime, cancellation: cancellation,
            probe: probe?.scope("crosstransformer"), on: backend)
        if let samplers {
            tokens = samplers.down(tokens, on: backend)  // [336 · 8, 384]
            tokensTime = samplers.downTime(tokensTime, on: backend)  // [1344, 384]
            probe?("channel_downsampler", .positions(freqs: freqs), tokens)
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
