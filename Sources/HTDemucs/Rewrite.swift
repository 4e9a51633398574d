// Also Embedded Swift: typed throws, no key paths, no casts.
// The convolution with a gate that ends an encoder layer and begins a decoder layer.

import Layers
import Networks
import Tensor

/// GLU(norm(conv(x))): `[freq, time, channels]` → `[freq, time, channels]`.
///
/// 1×1 in the encoder unless the configuration gives it context, 3×3 (k = 3 for waveforms) in the
/// decoder.   PyTorch: `rewrite`, `norm1` or `norm2` and `F.glu` of `HEncLayer` and `HDecLayer`.
struct Rewrite: Sendable {
    let conv: Conv2d
    /// `[2 · channels]`
    let bias: ChannelAffine
    let norm: GroupNorm?

    /// - Parameters:
    ///   - layout: that of x for the probe, which takes the convolution's output as `rewrite`.
    ///   - pass: in the scope of the layer.
    func callAsFunction(_ x: Tensor, _ layout: Probe.Layout, in pass: ForwardPass) -> Tensor {
        let backend = pass.backend
        if norm != nil || pass.probe != nil { return unfused(x, layout, in: pass) }
        let (freqs, times) = (x.shape[0], x.shape[1])
        let result = backend.tensor(Shape(freqs, times, channels))
        let (groups, tiling) = (conv.rowGroups(freqs), Self.tiling(times))
        backend.parallelFor(groups.tiles * tiling.tiles, scratch: scratchFloats(times: times)) {
            index, scratch in
            let (rows, range) = (groups[index / tiling.tiles], tiling[index % tiling.tiles])
            gate(
                rows: rows, range, x: x.pointer, freqs: freqs, times: times,
                into: result.pointer + (rows.lowerBound * times + range.lowerBound) * channels,
                rowStride: times * channels, scratch: scratch, on: backend)
        }
        return result
    }

    private var channels: Int { conv.outputs / 2 }

    /// Whether an output, before the norm, depends on a single position of the input.
    var isPointwise: Bool { conv.isPointwise }

    /// Tiles of a row in time that are gated at once.
    static func tiling(_ times: Int) -> Tiling {
        Tiling(times, longest: Tiling.signalRows, unit: Conv2d.timeUnit)
    }

    /// Scratch that `gate` needs for the tiles of a group of rows, in floats.
    func scratchFloats(times: Int) -> Int {
        let longest = Self.tiling(times).length
        return conv.longestGroup * longest * conv.outputs + conv.scratchFloats(times: longest)
    }

    /// Convolution and gate for a tile of a group of frequency rows, on the calling thread; only
    /// without a norm between them.
    ///
    /// - Parameters:
    ///   - rows: one of the convolution's `rowGroups`.
    ///   - range: times of the tile, one of `tiling`.
    ///   - x: `[freqs, times, channels]`
    ///   - out: `[range.count, channels]` of the first row, rows `rowStride` floats apart.
    func gate(
        rows: Range<Int>, _ range: Range<Int>, x: UnsafePointer<Float>, freqs: Int, times: Int,
        into out: UnsafeMutablePointer<Float>, rowStride: Int,
        scratch: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        let wide = scratch
        let wideStride = range.count * conv.outputs
        conv.multiply(
            rows: rows, range, x: x, freqs: freqs, times: times, into: wide,
            rowStride: wideStride, ldo: conv.outputs, scratch: wide + rows.count * wideStride,
            on: backend)
        withExtendedLifetime(bias) {
            for row in 0..<rows.count {
                backend.kernels.f32_affine_glu(
                    range.count, channels, bias.scale.pointer, bias.shift.pointer,
                    wide + row * wideStride, conv.outputs, out + row * rowStride, channels)
            }
        }
    }

    /// The version with all values before the gate: for a norm's statistics, or a probe.
    private func unfused(_ x: Tensor, _ layout: Probe.Layout, in pass: ForwardPass) -> Tensor {
        let backend = pass.backend
        let (freqs, times) = (x.shape[0], x.shape[1])
        let result = backend.tensor(Shape(freqs, times, channels))
        let wide = convolve(x, on: backend)
        pass.probe?("rewrite", layout, wide)
        let affine =
            norm?.affine(normalizing: wide, on: backend)
            ?? .identity(conv.outputs, on: backend)
        backend.forEachTile(of: freqs * times, longest: Tiling.signalRows) { range in
            backend.kernels.f32_affine_glu(
                range.count, channels, affine.scale.pointer, affine.shift.pointer,
                wide.pointer + range.lowerBound * conv.outputs, conv.outputs,
                result.pointer + range.lowerBound * channels, channels)
        }
        return result
    }

    /// The convolution with its bias, without norm and gate: `[freq, time, 2 · channels]`.
    private func convolve(_ x: Tensor, on backend: Backend) -> Tensor {
        let (freqs, times) = (x.shape[0], x.shape[1])
        let (groups, tiling) = (conv.rowGroups(freqs), Self.tiling(times))
        let outputs = conv.outputs
        let wide = backend.tensor(Shape(freqs, times, outputs))
        backend.parallelFor(
            groups.tiles * tiling.tiles, scratch: conv.scratchFloats(times: tiling.length)
        ) { index, scratch in
            let (rows, range) = (groups[index / tiling.tiles], tiling[index % tiling.tiles])
            let target = wide.pointer + (rows.lowerBound * times + range.lowerBound) * outputs
            conv.multiply(
                rows: rows, range, x: x.pointer, freqs: freqs, times: times, into: target,
                rowStride: times * outputs, ldo: outputs, scratch: scratch, on: backend)
            for row in 0..<rows.count {
                bias.apply(rows: range.count, target + row * times * outputs, on: backend)
            }
        }
        return wide
    }
}
