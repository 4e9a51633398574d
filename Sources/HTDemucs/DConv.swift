// Also Embedded Swift: typed throws, no key paths, no casts.
// DConv, the residual branch of the encoder and decoder layers (Défossez 2021, arXiv:2111.03600,
// section 3.2): two residual layers, each a dilated convolution to an eighth or a quarter of the
// channels and a 1×1 convolution back; in the inner layers of Hybrid Demucs with an LSTM and local
// attention between.

import Layers
import Networks
import Tensor

/// x + γ·GLU(norm(1×1(attention(LSTM(GELU(norm(dilated(x)))))))) for each residual layer, in place;
/// most layers have neither LSTM nor attention.
///
/// In the spectrogram branch every frequency row is a separate signal with its own statistics; the
/// waveform branch is a single row.   PyTorch: `demucs.demucs.DConv`.
package struct DConv: Sendable {
    /// One residual layer.
    struct Layer: Sendable {
        let dilation: Int
        /// The dilated convolution, its taps side by side: `[channels, 3 · hidden]`, and zero
        /// columns up to a whole number of vectors. One product gives each position's contributions
        /// to the outputs around it.
        let reduce: WeightMatrix
        let reduceBias: ChannelAffine
        let norm1: GroupNorm
        /// LSTM and attention between the two convolutions, in the inner layers of Hybrid Demucs;
        /// nil elsewhere.
        let lstm: BLSTM?
        let attention: LocalState?
        /// The 1×1 convolution, `[hidden, 2 · channels]`.
        let expand: Linear
        let norm2: GroupNorm
        /// LayerScale, `[channels]`.
        let gamma: Tensor

        /// Whether an output depends on distant times, so that the layer can't run tile by tile.
        var isDeep: Bool { lstm != nil || attention != nil }
    }

    /// Taps of the dilated convolutions; the reference has no option for them here.
    package static let taps = 3
    /// Layers of the LSTM and its window, heads of the attention and decay controls of each head;
    /// the reference has no options for them.
    package static let lstmLayers = 2
    package static let lstmWindow = 200
    package static let heads = 4
    package static let decays = 4

    let channels: Int
    let hidden: Int
    let layers: [Layer]

    /// Columns of the dilated convolution's product: 3 · hidden, rounded up to a multiple of 16.
    private var tapColumns: Int { Self.tapColumns(hidden: hidden) }

    static func tapColumns(hidden: Int) -> Int { (taps * hidden + 15) / 16 * 16 }

    /// - Parameters:
    ///   - x: `[freq, time, channels]`, changed in place.
    ///   - layout: layout of the encoder or decoder layer that contains this DConv.
    ///   - pass: in that layer's scope.
    package func callAsFunction(
        _ x: Tensor, layout: Probe.Layout = .spectrogram, in pass: ForwardPass
    ) {
        let backend = pass.backend
        guard let probe = pass.probe else { return apply(layers[...], x, on: backend) }
        var rows = layout
        if case .spectrogram = layout { rows = .rows }
        for index in layers.indices {
            probe.residual("dconv.layers.\(index)", rows, of: x, on: backend) {
                apply(layers[index...index], x, on: backend)
            }
        }
        probe("dconv", rows, x)
    }

    /// Applies all layers, at least one, to a waveform, `[1, time, channels]`, in place.
    ///
    /// - Parameters:
    ///   - scratch: floats of scratch that `then` needs.
    ///   - then: called with each finished range of times, while it is in the cache; on any thread,
    ///     like a body of `parallelFor`.
    func applySignal(
        _ x: Tensor, on backend: Backend, scratch: Int,
        then: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) {
        for layer in layers.dropLast() { apply(layer, toSignal: x, on: backend) }
        apply(layers[layers.count - 1], toSignal: x, on: backend, scratch: scratch, then: then)
    }

    /// Whether all layers can run tile by tile, fused with the other operations of the encoder or
    /// decoder layer.
    var isFusible: Bool { !layers.contains(where: { $0.isDeep }) }

    private func apply(_ layers: ArraySlice<Layer>, _ x: Tensor, on backend: Backend) {
        if layers.contains(where: { $0.isDeep }) {
            for layer in layers { applyDeep(layer, x, on: backend) }
            return
        }
        if x.shape[0] == 1 {
            for layer in layers { apply(layer, toSignal: x, on: backend) }
            return
        }
        let times = x.shape[1]
        backend.parallelFor(x.shape[0], scratch: scratchFloats(times: times)) { row, scratch in
            applyRow(
                x.pointer + row * times * channels, times: times, layers, scratch: scratch,
                on: backend)
        }
    }

    /// Scratch that `applyRow` needs, in floats.
    func scratchFloats(times: Int) -> Int {
        times * (tapColumns + hidden + 2 * channels) + affineFloats
    }

    /// Floats for scales and shifts: of each channel of the wide activations, or of `unit` copies
    /// of the narrow channels.
    private var affineFloats: Int { 2 * max(2 * channels, unit * hidden) }

    /// Rows of narrow activations that fill whole vectors.
    ///
    /// `hidden` is not a multiple of the vector length in the outer layers. Rows are contiguous, so
    /// a map of the channels is applied to `unit` rows at once.
    private var unit: Int {
        let vector = 16
        var rows = 1
        while rows * hidden % vector != 0 { rows *= 2 }
        return rows
    }

    /// Applies the layers to one signal, which stays in the L2 cache, on the calling thread.
    ///
    /// - Parameters:
    ///   - signal: `[times, channels]`, changed in place.
    ///   - part: the layers to apply; nil for all.
    func applyRow(
        _ signal: UnsafeMutablePointer<Float>, times: Int, _ part: ArraySlice<Layer>? = nil,
        scratch: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        let taps = scratch
        let narrow = taps + times * tapColumns
        let expanded = narrow + times * hidden
        let scale = expanded + times * 2 * channels
        let shift = scale + affineFloats / 2
        for layer in part ?? layers[...] {
            layer.reduce.multiply(
                rows: times, signal, lda: channels, into: taps,
                ldc: tapColumns, on: backend)
            gather(layer, 0..<times, taps, length: times, into: narrow, on: backend)
            resolveNarrow(
                layer, narrowMoments(times, narrow, on: backend), times, scale: scale,
                shift: shift)
            activate(times, narrow, scale: scale, shift: shift, on: backend)
            layer.expand.multiply(rows: times, narrow, into: expanded, on: backend)
            layer.norm2.resolve(
                expandedMoments(times, expanded, on: backend), count: times * 2 * channels,
                scale: scale, shift: shift)
            gate(layer, times, expanded, scale: scale, shift: shift, into: signal, on: backend)
        }
    }

    /// Applies one layer to a long signal in tiles, with a pass for the statistics of each of the
    /// two norms. The expansion is computed twice: its inner dimension is so small that storing it
    /// would take longer.
    private func apply(
        _ layer: Layer, toSignal x: Tensor, on backend: Backend, scratch: Int = 0,
        then: (Range<Int>, UnsafeMutablePointer<Float>) -> Void = { _, _ in }
    ) {
        let length = x.shape[1]
        let narrow = backend.tensor(Shape(length, hidden))
        let affine = backend.tensor(Shape(affineFloats))
        withExtendedLifetime((x, narrow, affine)) {
            reduce(
                layer, x.pointer, length: length, into: narrow.pointer, affine.pointer,
                on: backend)
            expand(
                layer, narrow.pointer, length: length, activating: true, affine.pointer,
                into: x.pointer, on: backend, scratch: scratch, then: then)
        }
    }

    /// Applies a layer with an LSTM or attention, which need whole signals, to `[freq, time,
    /// channels]`, in place.
    private func applyDeep(_ layer: Layer, _ x: Tensor, on backend: Backend) {
        let (signals, length) = (x.shape[0], x.shape[1])
        var narrow = backend.tensor(Shape(signals, length, hidden))
        let affine = backend.tensor(Shape(affineFloats))
        let (scale, shift) = (affine.pointer, affine.pointer + affineFloats / 2)
        withExtendedLifetime((x, affine)) {
            for signal in 0..<signals {
                let rows = narrow.pointer + signal * length * hidden
                reduce(
                    layer, x.pointer + signal * length * channels, length: length, into: rows,
                    affine.pointer, on: backend)
                backend.forEachTile(of: length, longest: Tiling.signalRows) { range in
                    activate(
                        range.count, rows + range.lowerBound * hidden, scale: scale, shift: shift,
                        on: backend)
                }
            }
            if let lstm = layer.lstm { narrow = lstm(narrow, on: backend) }
            layer.attention?(narrow, on: backend)
            for signal in 0..<signals {
                expand(
                    layer, narrow.pointer + signal * length * hidden, length: length,
                    activating: false, affine.pointer,
                    into: x.pointer + signal * length * channels, on: backend)
            }
        }
        withExtendedLifetime(narrow) {}
    }

    /// The dilated convolution of a signal, and the affine map of the first norm.
    ///
    /// - Parameters:
    ///   - x: `[length, channels]`
    ///   - narrow: `[length, hidden]`
    ///   - affine: `affineFloats` floats for scale and shift of the first norm, `unit` copies of
    ///     each.
    private func reduce(
        _ layer: Layer, _ x: UnsafePointer<Float>, length: Int,
        into narrow: UnsafeMutablePointer<Float>, _ affine: UnsafeMutablePointer<Float>,
        on backend: Backend
    ) {
        let tiling = Tiling(length, longest: Tiling.signalRows)
        let reach = layer.dilation
        let narrowSum = backend.sumOfMoments(
            tiling, scratch: (tiling.length + 2 * reach) * tapColumns
        ) { range, taps in
            // The tile and the neighbours that it depends on: computing these neighbours again
            // takes less time than a pass over stored taps.
            let part = max(0, range.lowerBound - reach)..<min(length, range.upperBound + reach)
            layer.reduce.multiply(
                rows: part.count, x + part.lowerBound * channels, lda: channels,
                into: taps, ldc: tapColumns, on: backend)
            let rows = narrow + range.lowerBound * hidden
            let first = range.lowerBound - part.lowerBound
            gather(
                layer, first..<first + range.count, taps, length: part.count, into: rows,
                on: backend)
            return narrowMoments(range.count, rows, on: backend)
        }
        resolveNarrow(
            layer, narrowSum, length, scale: affine, shift: affine + affineFloats / 2)
    }

    /// The 1×1 convolution, its norm and the gate, added to a signal.
    ///
    /// - Parameters:
    ///   - narrow: `[length, hidden]`, changed.
    ///   - activating: whether to normalise and activate `narrow` first.
    ///   - affine: scale and shift from `reduce`; overwritten by those of the second norm.
    ///   - signal: `[length, channels]`
    private func expand(
        _ layer: Layer, _ narrow: UnsafeMutablePointer<Float>, length: Int, activating: Bool,
        _ affine: UnsafeMutablePointer<Float>, into signal: UnsafeMutablePointer<Float>,
        on backend: Backend, scratch: Int = 0,
        then: (Range<Int>, UnsafeMutablePointer<Float>) -> Void = { _, _ in }
    ) {
        let tiling = Tiling(length, longest: Tiling.signalRows)
        let (scale, shift) = (affine, affine + affineFloats / 2)
        let tileFloats = tiling.length * 2 * channels
        let expandedSum = backend.sumOfMoments(tiling, scratch: tileFloats) { range, expanded in
            let rows = narrow + range.lowerBound * hidden
            if activating {
                activate(range.count, rows, scale: scale, shift: shift, on: backend)
            }
            layer.expand.multiply(rows: range.count, rows, into: expanded, on: backend)
            return expandedMoments(range.count, expanded, on: backend)
        }
        layer.norm2.resolve(
            expandedSum, count: length * 2 * channels, scale: scale, shift: shift)
        backend.forEachTile(of: tiling, scratch: tileFloats + scratch) { range, expanded in
            layer.expand.multiply(
                rows: range.count, narrow + range.lowerBound * hidden, into: expanded,
                on: backend)
            gate(
                layer, range.count, expanded, scale: scale, shift: shift,
                into: signal + range.lowerBound * channels, on: backend)
            then(range, expanded + tileFloats)
        }
    }

    /// narrow[t] = taps0[t − dilation] + taps1[t] + taps2[t + dilation] + bias, zero outside the
    /// signal.
    ///
    /// - Parameters:
    ///   - taps: `[length, 3 · hidden]`, the whole signal.
    ///   - narrow: row `range.lowerBound` of `[length, hidden]`.
    private func gather(
        _ layer: Layer, _ range: Range<Int>, _ taps: UnsafePointer<Float>, length: Int,
        into narrow: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        withExtendedLifetime(layer) {
            backend.kernels.f32_gather_taps(
                range.lowerBound, range.count, hidden, layer.dilation,
                layer.reduceBias.shift.pointer, taps, tapColumns, length, narrow, hidden)
        }
    }

    private func narrowMoments(
        _ rows: Int, _ narrow: UnsafePointer<Float>, on backend: Backend
    ) -> Moments {
        backend.moments(rows: 1, columns: rows * hidden, narrow, ld: rows * hidden)
    }

    /// Scale and shift of the first norm, `unit` copies of each.
    private func resolveNarrow(
        _ layer: Layer, _ moments: Moments, _ length: Int, scale: UnsafeMutablePointer<Float>,
        shift: UnsafeMutablePointer<Float>
    ) {
        layer.norm1.resolve(moments, count: length * hidden, scale: scale, shift: shift)
        for index in hidden..<max(hidden, unit * hidden) {
            scale[index] = scale[index - hidden]
            shift[index] = shift[index - hidden]
        }
    }

    /// GELU of the normalised narrow activations, in place.
    ///
    /// - Parameters:
    ///   - scale: scales of the first norm from `resolveNarrow`, `unit` copies.
    ///   - shift: shifts of the first norm, `unit` copies.
    private func activate(
        _ rows: Int, _ narrow: UnsafeMutablePointer<Float>, scale: UnsafePointer<Float>,
        shift: UnsafePointer<Float>, on backend: Backend
    ) {
        let width = unit * hidden
        let (whole, rest) = (rows / unit, rows % unit)
        backend.kernels.f32_affine_gelu(whole, width, scale, shift, narrow, width, narrow, width)
        let last = narrow + whole * width
        backend.kernels.f32_affine_gelu(rest, hidden, scale, shift, last, hidden, last, hidden)
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
