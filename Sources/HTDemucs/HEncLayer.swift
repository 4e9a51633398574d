// Also Embedded Swift: typed throws, no key paths, no casts.
// A layer of the two encoders (Rouard, Massa, Défossez 2022, arXiv:2211.08553, figure 1).

import Layers
import Networks
import Tensor

/// conv, norm, GELU, DConv, rewrite: `[freq, time, inputs]` → `[freq / stride, time, outputs]`, or
/// `[1, time, inputs]` → `[1, time / stride, outputs]` for waveforms.
///
/// PyTorch: `demucs.hdemucs.HEncLayer`.
package struct HEncLayer: Sendable {
    let conv: Conv2d
    /// `[outputs]`
    let convBias: ChannelAffine
    /// The stride in time: a waveform is extended by zeros to a multiple of it. 1 in the
    /// spectrogram branch.
    let timeStride: Int
    /// The operations after the convolution; nil in an `empty` layer, the last of the waveform
    /// encoder when the branches merge.
    let body: Body?

    struct Body: Sendable {
        let norm1: GroupNorm?
        let dconv: DConv?
        let rewrite: Rewrite

        /// Whether everything after the convolution except DConv is pointwise.
        var isPointwise: Bool { norm1 == nil && rewrite.isPointwise && rewrite.norm == nil }
        /// Whether the layer can run row by row, or tile by tile.
        var isFusible: Bool { isPointwise && dconv?.isFusible ?? true }
    }

    /// The reference's layout of the output: a waveform where the stride is along time.
    var layout: Probe.Layout { timeStride == 1 ? .spectrogram : .waveform }

    /// - Parameters:
    ///   - x: `[freq, time, inputs]`
    ///   - inject: `[1, time, outputs]`, added after the convolution where the branches merge: the
    ///     waveform branch's output.
    ///   - embedding: `[freq / stride, outputs]`, added to the output; nil for none.
    /// - Returns: the output, `[freq / stride, time, outputs]`, and its skip, unless the layer is
    ///   empty. A probe takes the output before the embedding, and after it as `embedded`.
    package func callAsFunction(
        _ x: Tensor, inject: Tensor? = nil, embedding: Tensor? = nil, in pass: ForwardPass
    ) -> (output: Tensor, skip: Skip?) {
        let (backend, probe) = (pass.backend, pass.probe)
        // Tiles with an odd number of elements would write into each other's skips.
        if inject == nil, probe == nil, conv.outputs % 2 == 0, let body, body.isFusible {
            return x.shape[0] > 1 || embedding != nil
                ? rows(x, body, embedding, on: backend) : signal(x, body, in: pass)
        }
        // A probe takes the convolution's output as it is.
        let isFused = probe == nil
        var y = convolve(
            x, inject: isFused ? inject : nil,
            activates: isFused && body != nil && body?.norm1 == nil, on: backend)
        if let probe {
            probe("conv", layout, y)
            if let inject { backend.add(inject, to: y, 0..<y.count) }
        }
        if let body {
            if body.norm1 != nil || !isFused {
                let affine =
                    body.norm1?.affine(normalizing: y, on: backend)
                    ?? .identity(conv.outputs, on: backend)
                backend.forEachTile(
                    of: y.count / conv.outputs, longest: Tiling.signalRows
                ) { range in
                    affine.apply(
                        rows: range.count, y.pointer + range.lowerBound * conv.outputs,
                        activates: true, on: backend)
                }
            }
            body.dconv?(y, layout: layout, in: pass)
            y = body.rewrite(y, layout, in: pass)
        }
        probe?.output(layout, y)
        if let embedding {
            let times = y.shape[1]
            backend.parallelFor(y.shape[0]) { row in
                add(embedding, row, to: y, row * times..<(row + 1) * times, on: backend)
            }
            probe?("embedded", layout, y)
        }
        guard body != nil else { return (y, nil) }
        return (y, Skip(probe?.skip(layout, y, on: backend) ?? y, on: backend))
    }

    /// Adds row `row` of the embedding to the positions `range` of y, on the calling thread.
    private func add(
        _ embedding: Tensor, _ row: Int, to y: Tensor, _ range: Range<Int>, on backend: Backend
    ) {
        let target = y.pointer + range.lowerBound * conv.outputs
        withExtendedLifetime((embedding, y)) {
            // The scales of a bias are 1.
            backend.kernels.f32_affine(
                range.count, conv.outputs, convBias.scale.pointer,
                embedding.pointer + row * conv.outputs, target, conv.outputs, target, conv.outputs)
        }
    }

    /// The layer on a waveform: the gate and the skip follow DConv on each tile while it is in the
    /// cache.
    private func signal(
        _ x: Tensor, _ body: Body, in pass: ForwardPass
    ) -> (output: Tensor, skip: Skip?) {
        let backend = pass.backend
        let y = convolve(x, inject: nil, activates: true, on: backend)
        guard let dconv = body.dconv, !dconv.layers.isEmpty else {
            let result = body.rewrite(y, layout, in: pass)
            return (result, Skip(result, on: backend))
        }
        let times = y.shape[1]
        let result = backend.tensor(y.shape)
        let skip = Skip(of: result, on: backend)
        dconv.applySignal(y, on: backend, scratch: body.rewrite.scratchFloats(times: times)) {
            range, scratch in
            body.rewrite.gate(
                rows: 0..<1, range, x: y.pointer, freqs: 1, times: times,
                into: result.pointer + range.lowerBound * conv.outputs, rowStride: 0,
                scratch: scratch, on: backend)
            skip.take(
                range.lowerBound * conv.outputs..<range.upperBound * conv.outputs, of: result,
                on: backend)
        }
        return (result, skip)
    }

    /// The layer on a spectrogram: each row runs from the convolution to the skip in the L2 cache.
    private func rows(
        _ x: Tensor, _ body: Body, _ embedding: Tensor?, on backend: Backend
    ) -> (output: Tensor, skip: Skip?) {
        let (freqs, times) = (x.shape[0], x.shape[1])
        let outputs = conv.outputs
        let result = backend.tensor(Shape(conv.outputFreqs(freqs), times, outputs))
        let skip = Skip(of: result, on: backend)
        let tiling = Rewrite.tiling(times)
        let floats = max(
            conv.scratchFloats(times: tiling.length), body.rewrite.scratchFloats(times: times),
            body.dconv?.scratchFloats(times: times) ?? 0)
        // A strided convolution computes its rows one by one.
        backend.parallelFor(result.shape[0], scratch: times * outputs + floats) { row, y in
            let scratch = y + times * outputs
            for tile in 0..<tiling.tiles {
                let range = tiling[tile]
                let target = y + range.lowerBound * outputs
                conv.multiply(
                    rows: row..<row + 1, range, x: x.pointer, freqs: freqs, times: times,
                    into: target, rowStride: 0, ldo: outputs, scratch: scratch, on: backend)
                convBias.apply(rows: range.count, target, activates: true, on: backend)
            }
            body.dconv?.applyRow(y, times: times, scratch: scratch, on: backend)
            for tile in 0..<tiling.tiles {
                let range = tiling[tile]
                let positions = row * times + range.lowerBound..<row * times + range.upperBound
                body.rewrite.gate(
                    rows: 0..<1, range, x: y, freqs: 1, times: times,
                    into: result.pointer + positions.lowerBound * outputs,
                    rowStride: 0, scratch: scratch, on: backend)
                if let embedding { add(embedding, row, to: result, positions, on: backend) }
                skip.take(
                    positions.lowerBound * outputs..<positions.upperBound * outputs, of: result,
                    on: backend)
            }
        }
        return (result, skip)
    }

    /// conv(x) + inject + bias, then GELU if `activates`.
    private func convolve(
        _ x: Tensor, inject: Tensor?, activates: Bool, on backend: Backend
    ) -> Tensor {
        let (freqs, times) = (x.shape[0], x.shape[1])
        let paddedTimes = (times + timeStride - 1) / timeStride * timeStride
        let outputs = conv.outputs
        let y = backend.tensor(
            Shape(conv.outputFreqs(freqs), conv.outputTimes(paddedTimes), outputs))
        let tiling = Tiling(y.shape[1], longest: Tiling.signalRows, unit: Conv2d.timeUnit)
        backend.parallelFor(
            y.shape[0] * tiling.tiles, scratch: conv.scratchFloats(times: tiling.length)
        ) {
            index, scratch in
            let (row, range) = (index / tiling.tiles, tiling[index % tiling.tiles])
            let target = y.pointer + (row * tiling.count + range.lowerBound) * outputs
            conv.multiply(
                rows: row..<row + 1, range, x: x.pointer, freqs: freqs, times: times,
                into: target, rowStride: 0, ldo: outputs, scratch: scratch, on: backend)
            if let inject {
                backend.add(
                    inject, to: y, range.lowerBound * outputs..<range.upperBound * outputs)
            }
            convBias.apply(rows: range.count, target, activates: activates, on: backend)
        }
        return y
    }
}
