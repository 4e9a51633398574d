// The residual branch of the encoder and decoder layers (Défossez 2021, arXiv:2111.03600, section
// 3.2): two dilated convolutions in a subspace an eighth as wide, each with its own way back.

import Layers
import Tensor

/// x + γ·GLU(norm(1×1(GELU(norm(dilated(x)))))) for each of its layers, in place.
///
/// In the frequency branch every frequency row is a signal of its own, with its own statistics; the
/// waveform branch is a single row.   PyTorch: `demucs.demucs.DConv`.
package struct DConv: Sendable {
    /// One residual layer.
    struct Layer: Sendable {
        let dilation: Int
        /// The dilated convolution, its taps side by side: `[channels, 3 · hidden]`, and zeros up
        /// to a whole number of vectors. One product gives what each position contributes to the
        /// outputs around it.
        let reduce: WeightMatrix
        let reduceBias: ChannelAffine
        let norm1: GroupNorm
        /// The 1×1 convolution with its bias as a last row: `[hidden + 1, 2 · channels]`.
        let expand: WeightMatrix
        let norm2: GroupNorm
        /// LayerScale, `[channels]`.
        let gamma: Tensor
    }

    /// Taps of the dilated convolutions; the reference has no option for it here.
    static let taps = 3

    let channels: Int
    let hidden: Int
    let layers: [Layer]

    /// Columns of the dilated convolution's product.
    private var tapColumns: Int { Self.tapColumns(hidden: hidden) }

    static func tapColumns(hidden: Int) -> Int { (taps * hidden + 15) / 16 * 16 }

    /// - Parameters:
    ///   - x: `[freq, time, channels]`, changed in place.
    ///   - layout: of the block that this is a part of.
    ///   - probe: takes values inside, in that block's scope.
    package func callAsFunction(
        _ x: Tensor, layout: Probe.Layout = .spectrogram, probe: Probe? = nil, on backend: Backend
    ) {
        var rows = layout
        if case .spectrogram = layout { rows = .rows }
        for (index, layer) in layers.enumerated() {
            let name = "dconv.layers.\(index)"
            let before = probe?.wants(name) == true ? x.floats : nil
            if x.shape[0] == 1 {
                applySignal(layer, x, on: backend)
            } else {
                applyRows(layer, x, on: backend)
            }
            // The reference's layer is what is added to its input.
            if let before {
                probe?(name, rows, backend.tensor(x.shape, zip(x.floats, before).map(-)))
            }
        }
        probe?("dconv", rows, x)
    }

    /// Each row from beginning to end while it is in the L2 cache.
    private func applyRows(_ layer: Layer, _ x: Tensor, on backend: Backend) {
        let times = x.shape[1]
        let spread = times * tapColumns
        let wide = times * (hidden + 1)
        let floats = spread + wide + times * 2 * channels + 4 * channels
        backend.parallelFor(x.shape[0], scratch: floats) { row, scratch in
            let signal = x.pointer + row * times * channels
            let taps = scratch
            let narrow = taps + spread
            let expanded = narrow + wide
            let scale = expanded + times * 2 * channels
            let shift = scale + 2 * channels

            layer.reduce.multiply(
                rows: times, signal, lda: channels, into: taps,
                ldc: tapColumns, on: backend)
            gather(layer, 0..<times, taps, length: times, into: narrow, on: backend)
            layer.norm1.resolve(
                narrowMoments(times, narrow, on: backend), count: times * hidden,
                scale: scale, shift: shift)
            activate(times, narrow, scale: scale, shift: shift, on: backend)
            expand(layer, times, narrow, into: expanded, on: backend)
            layer.norm2.resolve(
                expandedMoments(times, expanded, on: backend), count: times * 2 * channels,
                scale: scale, shift: shift)
            gate(layer, times, expanded, scale: scale, shift: shift, into: signal, on: backend)
        }
    }

    /// A long signal in tiles, with a pass for each of the two statistics. The expansion is
    /// computed twice: its inner dimension is so small that storing it would cost more.
    private func applySignal(_ layer: Layer, _ x: Tensor, on backend: Backend) {
        let length = x.shape[1]
        let tiling = Tiling(length, longest: Tiling.signalRows)
        let taps = backend.tensor([length, tapColumns])
        let narrow = backend.tensor([length, hidden + 1])
        let affine = backend.tensor([2, 2 * channels])

        backend.parallelFor(tiling.tiles) { tile in
            let range = tiling[tile]
            layer.reduce.multiply(
                rows: range.count, x.pointer + range.lowerBound * channels, lda: channels,
                into: taps.pointer + range.lowerBound * tapColumns,
                ldc: tapColumns, on: backend)
        }
        let narrowSum = backend.sumOfMoments(tiling) { range in
            let rows = narrow.pointer + range.lowerBound * (hidden + 1)
            gather(layer, range, taps.pointer, length: length, into: rows, on: backend)
            return narrowMoments(range.count, rows, on: backend)
        }
        withExtendedLifetime(affine) {
            layer.norm1.resolve(
                narrowSum, count: length * hidden,
                scale: affine.pointer, shift: affine.pointer + 2 * channels)
        }
        let tileFloats = tiling.length * 2 * channels
        let expandedSum = backend.sumOfMoments(tiling, scratch: tileFloats) { range, expanded in
            let rows = narrow.pointer + range.lowerBound * (hidden + 1)
            activate(
                range.count, rows, scale: affine.pointer, shift: affine.pointer + 2 * channels,
                on: backend)
            expand(layer, range.count, rows, into: expanded, on: backend)
            return expandedMoments(range.count, expanded, on: backend)
        }
        withExtendedLifetime(affine) {
            layer.norm2.resolve(
                expandedSum, count: length * 2 * channels,
                scale: affine.pointer, shift: affine.pointer + 2 * channels)
        }
        backend.parallelFor(tiling.tiles, scratch: tileFloats) { tile, expanded in
            let range = tiling[tile]
            expand(
                layer, range.count, narrow.pointer + range.lowerBound * (hidden + 1),
                into: expanded, on: backend)
            gate(
                layer, range.count, expanded, scale: affine.pointer,
                shift: affine.pointer + 2 * channels,
                into: x.pointer + range.lowerBound * channels, on: backend)
        }
    }

    /// narrow[t] = taps0[t − dilation] + taps1[t] + taps2[t + dilation] + bias, zero outside the
    /// signal, and 1 in the last column, which multiplies the bias of the expansion.
    ///
    /// - Parameters:
    ///   - taps: `[length, 3 · hidden]`, the whole signal.
    ///   - narrow: row `range.lowerBound` of `[length, hidden + 1]`.
    private func gather(
        _ layer: Layer, _ range: Range<Int>, _ taps: UnsafePointer<Float>, length: Int,
        into narrow: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        let stride = tapColumns
        let ld = hidden + 1
        withExtendedLifetime(layer) {
            backend.kernels.f32_affine(
                range.count, hidden, layer.reduceBias.scale.pointer,
                layer.reduceBias.shift.pointer,
                taps + range.lowerBound * stride + hidden, stride, narrow, ld)
        }
        for (tap, offset) in [(0, -layer.dilation), (2, layer.dilation)] {
            let reached = range.clamped(
                to: max(0, -offset)..<max(0, -offset, length - max(0, offset)))
            guard !reached.isEmpty else { continue }
            let target = narrow + (reached.lowerBound - range.lowerBound) * ld
            backend.kernels.f32_add(
                reached.count, hidden, target, ld,
                taps + (reached.lowerBound + offset) * stride + tap * hidden, stride, target, ld)
        }
        for row in 0..<range.count { narrow[row * ld + hidden] = 1 }
    }

    private func narrowMoments(
        _ rows: Int, _ narrow: UnsafePointer<Float>, on backend: Backend
    ) -> Moments {
        backend.moments(rows: rows, columns: hidden, narrow, ld: hidden + 1)
    }

    private func activate(
        _ rows: Int, _ narrow: UnsafeMutablePointer<Float>, scale: UnsafePointer<Float>,
        shift: UnsafePointer<Float>, on backend: Backend
    ) {
        backend.kernels.f32_affine_gelu(
            rows, hidden, scale, shift, narrow, hidden + 1, narrow, hidden + 1)
    }

    private func expand(
        _ layer: Layer, _ rows: Int, _ narrow: UnsafePointer<Float>,
        into expanded: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        layer.expand.multiply(
            rows: rows, narrow, lda: hidden + 1, into: expanded,
            ldc: 2 * channels, on: backend)
    }

    private func expandedMoments(
        _ rows: Int, _ expanded: UnsafePointer<Float>, on backend: Backend
    ) -> Moments {
        backend.moments(rows: rows, columns: 2 * channels, expanded, ld: 2 * channels)
    }

    private func gate(
        _ layer: Layer, _ rows: Int, _ expanded: UnsafePointer<Float>,
        scale: UnsafePointer<Float>, shift: UnsafePointer<Float>,
        into signal: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        withExtendedLifetime(layer) {
            backend.kernels.f32_affine_glu_add(
                rows, channels, scale, shift, layer.gamma.pointer, expanded, 2 * channels, signal,
                channels)
        }
    }
}
