// The forward pass, top to bottom as in the paper's figure 1 (Rouard, Massa, Défossez 2022,
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
    ///     `use_train_segment`, a piece shorter than a training segment is extended by zeros and the
    ///     result is cut again. A longer one is run as it is, though the network was not trained on
    ///     it: refusing that is up to the caller, as in the reference.
    ///   - observer: told of each block; may stop the pass.
    /// - Returns: `[sources, audioChannels, samples]`
    /// - Throws: the observer's errors, at the next block of the network.
    ///
    /// PyTorch: `HTDemucs.forward`.
    package func forward(
        _ mix: Tensor, observer: some ForwardObserver = CancellationToken()
    ) throws -> Tensor {
        let samples = mix.shape[1]
        let mix = extended(mix)  // [2, 343980]

        let z = stft.forward(mix, on: backend)  // [2048, 336, 4]
        try observer.completed(.stft)
        let (x, xt) = try core(mix, z, observer: observer)  // [2048, 336, 16], [1, 343980, 8]
        let waveforms = stft.inverse(x, samples: mix.shape[1], on: backend)  // [8, 343980]
        let stems = sum(waveforms, xt, samples: samples)  // [4, 2, samples]
        try observer.completed(.istft)
        return stems
    }

    /// The network between the two transforms: where it is cut for other runtimes.
    ///
    /// - Parameters:
    ///   - mix: `[audioChannels, samples]`
    ///   - z: its spectrogram with complex numbers as channels (L re, L im, R re, R im),
    ///     `[freq, time, 2 · audioChannels]`.
    ///   - observer: told of each block; may take values inside and stop the pass.
    /// - Returns: the spectrogram branch's output, `[freq, time, sources · 2 · audioChannels]`, and
    ///   the waveform branch's, `[1, samples, sources · audioChannels]`, both denormalised: the
    ///   outputs `output` and `add_67` of an ONNX export, channels last.
    /// - Throws: the observer's errors.
    package func core(
        _ mix: Tensor, _ z: Tensor, observer: some ForwardObserver = CancellationToken()
    ) throws -> (x: Tensor, xt: Tensor) {
        let probe = observer.probe
        var (x, statistics) = normalised(z)  // [2048, 336, 4]
        var (xt, statisticsTime) = normalised(channelsLast(mix))  // [1, 343980, 2]
        probe?("x", .spectrogram, x)
        probe?("xt", .waveform, xt)
        try observer.completed(.normalisation)

        // One entry for each level, outermost first. A waveform that merges into the spectrogram has
        // no skip of its own.
        var skips: [Tensor] = []
        var skipsTime: [Tensor?] = []
        var lengthsTime: [Int] = []
        for (level, (encode, encodeTime)) in zip(encoder, tencoder).enumerated() {
            lengthsTime.append(xt.shape[1])
            xt = encodeTime(xt, probe: probe?.scope("tencoder.\(level)"), on: backend)
            // [1, 85995, 48] … [1, 1344, 384]
            try observer.completed(.tencoder(level))
            let merges = encodeTime.body == nil
            x = encode(
                x, inject: merges ? xt : nil, probe: probe?.scope("encoder.\(level)"), on: backend)
            // [512, 336, 48] … [8, 336, 384]
            if level == 0 { embedFrequencies(x, probe) }
            try observer.completed(.encoder(level))
            skips.append(x)
            skipsTime.append(merges ? nil : xt)
        }

        (x, xt) = try transform(x, xt, observer: observer)  // [8, 336, 384], [1, 1344, 384]
        try observer.completed(.crosstransformer)

        // The innermost skips; all others are added by the decoder below them, to an output that is
        // still in the cache.
        backend.add(skips.removeLast(), to: x)
        if let skip = skipsTime.removeLast() { backend.add(skip, to: xt) }
        for (index, (decode, decodeTime)) in zip(decoder, tdecoder).enumerated() {
            let merged = decodeTime.body == nil
            let (output, transposed) = decode(
                consume x, nextSkip: skips.popLast(), returnsInner: merged,
                probe: probe?.scope("decoder.\(index)"), on: backend)
            x = output  // [32, 336, 192] … [2048, 336, 16]
            try observer.completed(.decoder(index))
            // After a merge the waveform begins again inside the spectrogram's layer.
            if let transposed { xt = transposed }
            (xt, _) = decodeTime(
                consume xt, length: lengthsTime.removeLast(),
                nextSkip: skipsTime.popLast() ?? nil,
                probe: probe?.scope("tdecoder.\(index)"), on: backend)
            // [1, 5375, 192] … [1, 343980, 8]
            try observer.completed(.tdecoder(index))
        }

        denormalise(x, statistics)
        denormalise(xt, statisticsTime)
        try observer.completed(.normalisation)
        return (x, xt)
    }

    /// The transformer between its 1×1 convolutions. Without a transformer the reference leaves
    /// out the convolutions too, though their weights exist.
    ///
    /// - Parameters:
    ///   - x: `[freq, time, channel]`
    ///   - xt: `[1, time, channel]`
    /// - Returns: the same shapes, in storage of their own: the inputs are skips too.
    private func transform(
        _ x: Tensor, _ xt: Tensor, observer: some ForwardObserver
    ) throws -> (x: Tensor, xt: Tensor) {
        guard let crosstransformer else { return (copy(x), copy(xt)) }
        let probe = observer.probe
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
            tokens, freqs: freqs, tokensTime, observer: observer, on: backend)
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
