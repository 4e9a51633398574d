// A layer of the two decoders (Rouard, Massa, Défossez 2022, arXiv:2211.08553, figure 1).

import Layers
import Tensor

/// + skip, rewrite, DConv, transposed convolution, norm, crop, GELU: the way back of `HEncLayer`.
///
/// PyTorch: `demucs.hdemucs.HDecLayer`.
package struct HDecLayer: Sendable {
    let isFrequency: Bool
    /// What precedes the transposed convolution; nil in an `empty` layer, the first of the waveform
    /// decoder when the branches were merged.
    let first: First?
    let convTranspose: ConvTranspose
    /// `[outputs]`
    let convTransposeBias: ChannelAffine
    let norm2: GroupNorm?
    /// Outputs cut off at the beginning (and at the end, in the frequency branch).
    let padding: Int
    /// The outermost layer has no activation.
    let isLast: Bool

    struct First: Sendable {
        let rewrite: Rewrite
        let dconv: DConv?
    }

    var layout: Probe.Layout { isFrequency ? .spectrogram : .waveform }

    /// - Parameters:
    ///   - x: `[freq, time, inputs]`, used up.
    ///   - skip: the output of the encoder layer at the same level, of the same shape, used up;
    ///     nil where there is none, or where x has it already.
    ///   - times: the length of that encoder layer's input, which a waveform is cut to.
    ///   - outer: the skip of the next layer, which is added to the output while that is in the
    ///     cache; nil where it is not to be.
    ///   - probe: takes values inside.
    /// - Returns: the output, and what went into the transposed convolution, which is where the
    ///   waveform branch begins again after a merge.
    package func callAsFunction(
        _ x: consuming Tensor, skip: consuming Tensor?, times: Int, outer: Tensor? = nil,
        probe: Probe? = nil, on backend: Backend
    ) -> (output: Tensor, beforeTransposition: Tensor) {
        if let skip {
            let tiling = Tiling(x.count, longest: 1 << 16)
            let x = x  // Closures can't capture what will be used up.
            backend.parallelFor(tiling.tiles) { add(skip, to: x, tiling[$0], on: backend) }
        }
        // Gone before the output takes memory.
        skip = nil
        if let first { x = rewritten(x, first, probe: probe, on: backend) }
        let y = x
        let length = convTranspose.outputLength(isFrequency ? y.shape[0] : y.shape[1])
        probe?("conv_tr", layout, transpose(y, keeping: 0..<length, activates: false, on: backend))
        let kept =
            isFrequency ? padding..<length - padding : padding..<min(length, padding + times)
        guard let norm2 else {
            let output = transpose(
                y, keeping: kept, activates: !isLast, outer: outer, on: backend)
            return (output, y)
        }
        // The norm sees what will be cut off too.
        let whole = transpose(y, keeping: 0..<length, activates: false, on: backend)
        let affine = norm2.statistics(of: whole, on: backend)
        return (crop(whole, to: kept, affine, outer: outer, on: backend), y)
    }

    private func rewritten(
        _ x: Tensor, _ first: First, probe: Probe?, on backend: Backend
    ) -> Tensor {
        guard isFrequency, first.rewrite.norm == nil, probe == nil, let dconv = first.dconv else {
            probe?("rewrite", layout, first.rewrite.convolve(x, on: backend))
            let y = first.rewrite(x, on: backend)
            first.dconv?(y, layout: layout, probe: probe, on: backend)
            return y
        }
        // Rows go through both while they are in the L2 cache.
        let (freqs, times, channels) = (x.shape[0], x.shape[1], dconv.channels)
        let y = backend.tensor(x.shape)
        let (groups, tiling) = (first.rewrite.conv.rowGroups(freqs), Rewrite.tiling(times))
        let floats = max(
            first.rewrite.scratchFloats(times: times), dconv.scratchFloats(times: times))
        backend.parallelFor(groups.tiles, scratch: floats) { group, scratch in
            let rows = groups[group]
            let signals = y.pointer + rows.lowerBound * times * channels
            for tile in 0..<tiling.tiles {
                let range = tiling[tile]
                first.rewrite.gate(
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

    /// The elements `range` of a skip, on the calling thread.
    private func add(_ skip: Tensor?, to x: Tensor, _ range: Range<Int>, on backend: Backend) {
        guard let skip else { return }
        let target = x.pointer + range.lowerBound
        backend.kernels.f32_add(
            1, range.count, target, range.count, skip.pointer + range.lowerBound, range.count,
            target, range.count)
    }

    /// The transposed convolution and its bias at the positions `kept`, with GELU if it `activates`,
    /// and what the next layer adds.
    private func transpose(
        _ y: Tensor, keeping kept: Range<Int>, activates: Bool, outer: Tensor? = nil,
        on backend: Backend
    ) -> Tensor {
        let epilogue =
            activates ? backend.kernels.f32_affine_gelu : backend.kernels.f32_affine
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
                    epilogue(
                        times, outputs, convTransposeBias.scale.pointer,
                        convTransposeBias.shift.pointer,
                        scratch + (row - group * stride) * outputs, convTranspose.groupFloats,
                        result.pointer + first, outputs)
                    add(outer, to: result, first..<first + times * outputs, on: backend)
                }
            }
            return result
        }
        let result = backend.tensor(Shape(1, kept.count, outputs))
        let tiling = Tiling(convTranspose.groups(times), longest: Tiling.signalRows)
        let floats = tiling.length * convTranspose.groupFloats
        backend.parallelFor(tiling.tiles, scratch: floats) { tile, scratch in
            let groups = tiling[tile]
            convTranspose.multiply(
                groups: groups, x: y.pointer, length: times, into: scratch, on: backend)
            let first = groups.lowerBound * stride
            let rows = (first..<groups.upperBound * stride).clamped(to: kept)
            let start = (rows.lowerBound - kept.lowerBound) * outputs
            epilogue(
                rows.count, outputs, convTransposeBias.scale.pointer,
                convTransposeBias.shift.pointer, scratch + (rows.lowerBound - first) * outputs,
                outputs, result.pointer + start, outputs)
            add(outer, to: result, start..<start + rows.count * outputs, on: backend)
        }
        return result
    }

    /// The positions `kept` of `whole`, mapped by `affine`, with GELU unless this is the last layer,
    /// and what the next layer adds.
    private func crop(
        _ whole: Tensor, to kept: Range<Int>, _ affine: ChannelAffine, outer: Tensor?,
        on backend: Backend
    ) -> Tensor {
        let epilogue = isLast ? backend.kernels.f32_affine : backend.kernels.f32_affine_gelu
        let outputs = convTranspose.outputs
        let times = isFrequency ? whole.shape[1] : 1
        let result = backend.tensor(
            isFrequency ? Shape(kept.count, times, outputs) : Shape(1, kept.count, outputs))
        let tiling = Tiling(kept.count * times, longest: Tiling.signalRows)
        backend.parallelFor(tiling.tiles) { tile in
            let range = tiling[tile]
            epilogue(
                range.count, outputs, affine.scale.pointer, affine.shift.pointer,
                whole.pointer + (kept.lowerBound * times + range.lowerBound) * outputs, outputs,
                result.pointer + range.lowerBound * outputs, outputs)
            let start = range.lowerBound * outputs
            add(outer, to: result, start..<start + range.count * outputs, on: backend)
        }
        return result
    }
}
