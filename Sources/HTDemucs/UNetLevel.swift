// Also Embedded Swift: typed throws, no key paths, no casts.
// A level of the two U-Nets: the layers of both branches at one depth (Défossez 2021,
// arXiv:2111.03600, figure 2; Rouard, Massa, Défossez 2022, arXiv:2211.08553, figure 1).

import Networks
import System
import Tensor

/// The encoder layers of a level.
struct EncoderLevel: Sendable {
    /// 0 for the outermost level.
    let index: Int
    let spectrogram: HEncLayer
    /// The layer of the waveform branch. An empty one ends that branch: its output is injected into
    /// the spectrogram's layer, and the levels after it have none.
    let waveform: HEncLayer?

    /// Whether the waveform branch goes on after this level.
    var hasWaveformOutput: Bool { waveform?.body != nil }

    /// Added to the outputs of the outermost level, `[freq, channel]`, so that the convolutions know
    /// the position on the frequency axis (Isik et al. 2020, arXiv:2008.04470); nil for none.
    let frequencyEmbedding: Tensor?

    /// - Parameters:
    ///   - x: the spectrogram branch, `[freq, time, channel]`.
    ///   - xt: the waveform branch, `[1, time, channel]`; returned as it is where the level has no
    ///     layer for it.
    ///   - skips: gets those of the outputs.
    func callAsFunction(
        _ x: consuming Tensor, _ xt: consuming Tensor, skips: inout [LevelSkips],
        in pass: ForwardPass
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor) {
        var (x, xt) = (x, xt)
        var (inject, skip, skipTime): (Tensor?, Skip?, Skip?)
        if let waveform {
            (xt, skipTime) = waveform(xt, in: pass.scope("tencoder.\(index)"))
            try pass.completed(.tencoder(index))
            if !hasWaveformOutput { inject = xt }
        }
        (x, skip) = spectrogram(
            x, inject: inject, embedding: frequencyEmbedding,
            in: pass.scope("encoder.\(index)"))
        try pass.completed(.encoder(index))
        skips.append(
            LevelSkips(
                times: x.shape[1], timesOfWaveform: xt.shape[1], skip: skip, skipTime: skipTime))
        return (x, xt)
    }
}

/// The decoder layers of a level.
struct DecoderLevel: Sendable {
    /// 0 for the innermost level, as in the reference.
    let index: Int
    let spectrogram: HDecLayer
    /// The layer of the waveform branch and its index; nil at the levels where the branches are
    /// merged. An empty layer begins that branch with an inner value of the spectrogram's layer.
    let waveform: (index: Int, layer: HDecLayer)?

    /// - Parameters:
    ///   - x: the spectrogram branch with this level's skip, `[freq, time, channel]`.
    ///   - xt: the waveform branch with this level's skip, `[1, time, channel]`.
    ///   - skips: those of the inputs of the encoder levels from the outermost to this one; the last
    ///     one is removed.
    ///   - statistics: those of the network's inputs, with which the outermost level denormalises its
    ///     outputs.
    /// - Returns: tensors in the shapes of the encoder level's inputs, with the next level's skips:
    ///   these are added while the outputs are in the cache.
    func callAsFunction(
        _ x: consuming Tensor, _ xt: consuming Tensor, skips: inout [LevelSkips],
        statistics: (x: InputStatistics, xt: InputStatistics), in pass: ForwardPass
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor) {
        var (x, xt) = (x, xt)
        var inputs = skips.removeLast()
        let output = spectrogram(
            consume x, length: inputs.times, nextSkip: inputs.skip.take(),
            statistics: statistics.x,
            returnsInner: waveform.map { $0.layer.body == nil } ?? false,
            in: pass.scope("decoder.\(index)"))
        x = output.output
        try pass.completed(.decoder(index))
        guard let waveform else { return (x, xt) }
        if let inner = output.inner { xt = inner }
        xt =
            waveform.layer(
                consume xt, length: inputs.timesOfWaveform, nextSkip: inputs.skipTime.take(),
                statistics: statistics.xt, in: pass.scope("tdecoder.\(waveform.index)")
            ).output
        try pass.completed(.tdecoder(waveform.index))
        return (x, xt)
    }
}

/// The skips of the values between two levels, and their lengths in time.
package struct LevelSkips {
    let times: Int
    let timesOfWaveform: Int
    /// nil outside the outermost level, where the values are the network's inputs.
    var skip: Skip?
    /// nil too where the waveform branch has ended.
    var skipTime: Skip?

    func add(to x: Tensor, _ xt: Tensor, on backend: Backend) {
        skip?.add(to: x, on: backend)
        skipTime?.add(to: xt, on: backend)
    }
}
