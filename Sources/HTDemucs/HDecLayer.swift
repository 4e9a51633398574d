// Also Embedded Swift: typed throws, no key paths, no casts.
// A layer of the two decoders (Rouard, Massa, Défossez 2022, arXiv:2211.08553, figure 1).

import Layers
import Networks
import Tensor

/// rewrite, DConv, transposed convolution, norm, crop, GELU: the mirror of `HEncLayer`. The layer
/// before has already added the skip.
///
/// PyTorch: `demucs.hdemucs.HDecLayer`.
package struct HDecLayer: Sendable {
    let isFrequency: Bool
    /// The operations before the transposed convolution; nil in an `empty` layer, the first of the
    /// waveform decoder when the branches were merged.
    let body: Body?
    let convTranspose: ConvTranspose
    /// `[outputs]`
    let convTransposeBias: ChannelAffine
    let norm2: GroupNorm?
    /// Outputs cropped at the beginning (and at the end, in the spectrogram branch).
    let padding: Int
    /// Whether this is the outermost layer, which has no activation.
    let isLast: Bool

    struct Body: Sendable {
        let rewrite: Rewrite
        let dconv: DConv?
    }

    var layout: Probe.Layout { isFrequency ? .spectrogram : .waveform }

    /// - Parameters:
    ///   - x: `[freq, time, inputs]`, including the skip of this level; consumed.
    ///   - length: input length of the encoder layer at this level, to which a waveform is cropped;
    ///     not used in the spectrogram branch.
    ///   - nextSkip: the next level's skip, in the shape of the output, which is added while the
    ///     output is in the cache; nil for none.
    ///   - statistics: those of the network's input, with which the outermost layer denormalises its
    ///     output, in the same pass as its bias.
    ///   - returnsInner: whether to return the input of the transposed convolution too: after a
    ///     merge the waveform decoder starts from it.
    ///   - pass: its probe takes the output before the skip is added, and before it is denormalised.
    /// - Returns: the output, `[freq · stride, time, outputs]` or `[1, length, outputs]`, and the
    ///   input of the transposed convolution if `returnsInner`.
    package func callAsFunction(
        _ x: consuming Tensor, length: Int = 0, nextSkip: Skip? = nil,
        statistics: InputStatistics? = nil, returnsInner: Bool = false, in pass: ForwardPass
    ) -> (output: Tensor, inner: Tensor?) {
        let (backend, probe) = (pass.backend, pass.probe)
        if let body { x = rewritten(x, body, in: pass) }
        let y = x
        let whole = convTranspose.outputLength(isFrequency ? y.shape[0] : y.shape[1])
        let kept = padding..<(isFrequency ? whole - padding : min(whole, padding + length))
        // A probe takes the output before the skip is added.
        let fused = probe == nil ? nextSkip : nil
        let statistics = isLast ? statistics : nil
        let output: Tensor
        if norm2 != nil || probe != nil {
            // The norm's statistics, and what a probe takes, include the ends that are cropped.
            let uncropped = transpose(
                y, keeping: 0..<whole, convTransposeBias, activates: false, on: backend)
            probe?("conv_tr", layout, uncropped)
            let affine =
                norm2?.affine(normalizing: uncropped, on: backend)
                ?? .identity(convTranspose.outputs, on: backend)
            output = crop(uncropped, to: kept, affine, skip: fused, on: backend)
            probe?.output(layout, output)
            if let statistics { statistics.denormalise(output, on: backend) }
        } else {
            let bias = statistics?.denormalising(convTransposeBias, on: backend)
            output = transpose(
                y, keeping: kept, bias ?? convTransposeBias, activates: !isLast, skip: fused,
                on: backend)
        }
        if probe != nil { nextSkip?.add(to: output, on: backend) }
        return (output, returnsInner ? y : nil)
    }

    private func rewritten(_ x: Tensor, _ body: Body, in pass: ForwardPass) -> Tensor {
        let backend = pass.backend
        guard isFrequency, body.rewrite.norm == nil, pass.probe == nil, let dconv = body.dconv,
            dconv.isFusible
        else {
            let y = body.rewrite(x, layout, in: pass)
            body.dconv?(y, layout: layout, in: pass)
            return y
        }
        // Rewrite and DConv run on a row while it is in the L2 cache.
        let (freqs, times, channels) = (x.shape[0], x.shape[1], dconv.channels)
        let y = backend.tensor(x.shape)
        let (groups, tiling) = (body.rewrite.conv.rowGroups(freqs), Rewrite.tiling(times))
        let floats = max(
            body.rewrite.scratchFloats(times: times), dconv.scratchFloats(times: times))
        backend.parallelFor(groups.tiles, scratch: floats) { group, scratch in
            let rows = groups[group]
            let signals = y.pointer + rows.lowerBound * times * channels
            for tile in 0..<tiling.tiles {
                let range = tiling[tile]
                body.rewrite.gate(
                    rows: rows, range, x: x.pointer, freqs: freqs, times: times,
                    into: signals + range.lowerBound * channels, rowStride: times * channels,
                    scratch: scratch, on: backend)
            }
            for row in 0..<rows.count {
                dconv.applyRow(
                    signals + row * times * channels, times: times, scratch: scratch, on: backend)
            }
        }
        return y
    }

    /// The transposed convolution with a bias at the positions `kept`, then GELU if `activates`,
    /// then the sum with the skip.
    private func transpose(
        _ y: Tensor, keeping kept: Range<Int>, _ bias: ChannelAffine, activates: Bool,
        skip: Skip? = nil, on backend: Backend
    ) -> Tensor {
        let (freqs, times) = (y.shape[0], y.shape[1])
        let outputs = convTranspose.outputs
        let stride = convTranspose.stride
        if isFrequency {
            let result = backend.tensor(Shape(kept.count, times, outputs))
            let floats = times * convTranspose.groupFloats
            backend.parallelFor(convTranspose.groups(freqs), scratch: floats) { group, scratch in
                convTranspose.multiply(
                    group: group, x: y.pointer, freqs: freqs, times: times, into: scratch,
                    on: backend)
                for row in (group * stride..<(group + 1) * stride).clamped(to: kept) {
                    let first = (row - kept.lowerBound) * times * outputs
                    bias.apply(
                        rows: times, scratch + (row - group * stride) * outputs,
                        ld: convTranspose.groupFloats, into: result.pointer + first,
                        activates: activates, on: backend)
                    skip?.add(to: result, first..<first + times * outputs, on: backend)
                }
            }
            return result
        }
        let result = backend.tensor(Shape(1, kept.count, outputs))
        let tiling = Tiling(convTranspose.groups(times), longest: Tiling.signalRows)
        let floats = tiling.length * convTranspose.groupFloats
        backend.forEachTile(of: tiling, scratch: floats) { groups, scratch in
            convTranspose.multiply(
                groups: groups, x: y.pointer, length: times, into: scratch, on: backend)
            let first = groups.lowerBound * stride
            let rows = (first..<groups.upperBound * stride).clamped(to: kept)
            let start = (rows.lowerBound - kept.lowerBound) * outputs
            bias.apply(
                rows: rows.count, scratch + (rows.lowerBound - first) * outputs,
                into: result.pointer + start, activates: activates, on: backend)
            skip?.add(to: result, start..<start + rows.count * outputs, on: backend)
        }
        return result
    }

    /// The positions `kept` of `whole`, mapped by `affine`, then GELU unless this is the last
    /// layer, then the sum with the skip.
    private func crop(
        _ whole: Tensor, to kept: Range<Int>, _ affine: ChannelAffine, skip: Skip?,
        on backend: Backend
    ) -> Tensor {
        let outputs = convTranspose.outputs
        let times = isFrequency ? whole.shape[1] : 1
        let result = backend.tensor(
            isFrequency ? Shape(kept.count, times, outputs) : Shape(1, kept.count, outputs))
        backend.forEachTile(of: kept.count * times, longest: Tiling.signalRows) { range in
            let start = range.lowerBound * outputs
            affine.apply(
                rows: range.count, whole.pointer + kept.lowerBound * times * outputs + start,
                into: result.pointer + start, activates: !isLast, on: backend)
            skip?.add(to: result, start..<start + range.count * outputs, on: backend)
        }
        return result
    }
}
