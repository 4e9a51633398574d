// The forward pass of the models with a spectrogram, top to bottom as in the papers' figures
// (Défossez 2021, arXiv:2111.03600, figure 2; Rouard, Massa, Défossez 2022, arXiv:2211.08553,
// figure 1). Activations are `[freq, time, channel]`; waveforms are `[1, time, channel]`.
//
// Sizes in the comments are those of the published htdemucs on its training segment of 7.8 s:
// 343,980 samples, 336 frames, 4 sources, 2 audio channels.

import Layers
import Signal
import Tensor

extension HybridNetwork {
    /// Separates a piece of music.
    ///
    /// - Parameters:
    ///   - mix: `[audioChannels, samples]`, at least one sample. With `use_train_segment`, a mix
    ///     shorter than a training segment is padded with zeros and the result is cropped. A longer
    ///     mix is run as it is, although the network was not trained on it: refusing it is up to
    ///     the caller, as in the reference.
    ///   - observer: notified after each block; may stop the pass.
    /// - Returns: `[sources, audioChannels, samples]`
    /// - Throws: the observer's errors, at the next block of the network.
    ///
    /// PyTorch: `HTDemucs.forward`, `HDemucs.forward`.
    package func forward(
        _ mix: Tensor, observer: some ForwardObserver = CancellationToken()
    ) throws -> Tensor {
        let samples = mix.shape[1]
        let mix = extended(mix)  // [2, 343980]

        let z = branches.stft.forward(mix, on: backend)  // [2048, 336, 4]
        try observer.completed(.stft)
        // [2048, 336, 16], [1, 343980, 8]
        let (x, xt) = try core(mix, consume z, observer: observer)
        let waveforms = branches.stft.inverse(x, samples: mix.shape[1], on: backend)  // [8, 343980]
        let stems = sum(waveforms, xt, samples: samples)  // [4, 2, samples]
        try observer.completed(.istft)
        return stems
    }

    /// The core: the network between the two transforms, as other runtimes run it.
    ///
    /// - Parameters:
    ///   - mix: `[audioChannels, samples]`
    ///   - z: its spectrogram with complex numbers as channels (L re, L im, R re, R im),
    ///     `[freq, time, 2 · audioChannels]`; freed once it is normalised.
    ///   - observer: notified after each block; may take intermediate values and stop the pass.
    /// - Returns: the spectrogram branch's output, `[freq, time, sources · 2 · audioChannels]`, and
    ///   the waveform branch's, `[1, samples, sources · audioChannels]`, both denormalised: the
    ///   outputs `output` and `add_67` of an ONNX export, channels last.
    /// - Throws: the observer's errors.
    package func core(
        _ mix: Tensor, _ z: consuming Tensor, observer: some ForwardObserver = CancellationToken()
    ) throws -> (x: Tensor, xt: Tensor) {
        let probe = observer.probe
        var (x, statistics) = normalised(consume z)  // [2048, 336, 4]
        var (xt, statisticsTime) = normalised(channelsLast(mix))  // [1, 343980, 2]
        probe?("x", .spectrogram, x)
        probe?("xt", .waveform, xt)
        try observer.completed(.normalisation)

        // One entry for each level, outermost first. The waveform branch has no skip at the level
        // where it merges into the spectrogram, and no entries after it.
        var skips: [Skip] = []
        var skipsTime: [Skip?] = []
        var lengths: [Int] = []
        var lengthsTime: [Int] = []
        for (level, encode) in branches.encoder.enumerated() {
            lengths.append(x.shape[1])
            var inject: Tensor?
            if level < branches.tencoder.count {
                let encodeTime = branches.tencoder[level]
                lengthsTime.append(xt.shape[1])
                xt = encodeTime(xt, probe: probe?.scope("tencoder.\(level)"), on: backend)
                // [1, 85995, 48] … [1, 1344, 384]
                try observer.completed(.tencoder(level))
                inject = encodeTime.body == nil ? xt : nil
                skipsTime.append(inject == nil ? Skip(xt, on: backend) : nil)
            }
            x = encode(x, inject: inject, probe: probe?.scope("encoder.\(level)"), on: backend)
            // [512, 336, 48] … [8, 336, 384]
            if level == 0 { embedFrequencies(x, probe) }
            try observer.completed(.encoder(level))
            skips.append(Skip(x, on: backend))
        }

        // `bottom` adds the innermost skips. Each other skip is added by the decoder layer before
        // it, to an output that is still in the cache.
        (x, xt) = try bottom(
            consume x, consume xt, skip: skips.removeLast(), skipTime: skipsTime.removeLast(),
            observer: observer)
        let merged = branches.decoder.count - branches.tdecoder.count
        for (index, decode) in branches.decoder.enumerated() {
            let decodeTime = index < merged ? nil : branches.tdecoder[index - merged]
            let (output, transposed) = decode(
                consume x, length: lengths.removeLast(), nextSkip: skips.popLast(),
                returnsInner: decodeTime != nil && decodeTime?.body == nil,
                probe: probe?.scope("decoder.\(index)"), on: backend)
            x = output  // [32, 336, 192] … [2048, 336, 16]
            try observer.completed(.decoder(index))
            guard let decodeTime else { continue }
            // After a merge the waveform decoder starts from an inner value of the spectrogram's
            // layer.
            if let transposed { xt = transposed }
            (xt, _) = decodeTime(
                consume xt, length: lengthsTime.removeLast(),
                nextSkip: skipsTime.popLast() ?? nil,
                probe: probe?.scope("tdecoder.\(index - merged)"), on: backend)
            // [1, 5375, 192] … [1, 343980, 8]
            try observer.completed(.tdecoder(index - merged))
        }

        denormalise(x, statistics)
        denormalise(xt, statisticsTime)
        try observer.completed(.normalisation)
        return (x, xt)
    }
}
