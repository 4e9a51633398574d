// The convolution with a gate that ends an encoder layer and begins a decoder layer.

import Layers
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

    func callAsFunction(_ x: Tensor, on backend: Backend) -> Tensor {
        if let norm { return normed(x, norm, on: backend) }
        let (freqs, times) = (x.shape[0], x.shape[1])
        let result = backend.tensor(Shape(freqs, times, channels))
        let tiling = Self.tiling(times)
        backend.parallelFor(freqs * tiling.tiles, scratch: scratchFloats(times: times)) {
            index, scratch in
            let (row, range) = (index / tiling.tiles, tiling[index % tiling.tiles])
            gate(
                row: row, range, x: x.pointer, freqs: freqs, times: times,
                into: result.pointer + (row * times + range.lowerBound) * channels,
                scratch: scratch, on: backend)
        }
        return result
    }

    private var channels: Int { conv.outputs / 2 }

    /// Whether a position depends on no other before the norm.
    var isPointwise: Bool { conv.isPointwise }

    /// Pieces of a row in time that are gated at once.
    static func tiling(_ times: Int) -> Tiling {
        Tiling(times, longest: Tiling.signalRows, unit: Conv2d.timeUnit)
    }

    /// Floats of scratch that `gate` needs for the tiles of a row.
    func scratchFloats(times: Int) -> Int {
        let longest = Self.tiling(times).length
        return longest * conv.outputs + conv.scratchFloats(times: longest)
    }

    /// A tile of one frequency row where no norm follows the convolution, on the calling thread.
    ///
    /// - Parameters:
    ///   - range: of the times, one of `tiling`.
    ///   - x: `[freqs, times, channels]`
    ///   - out: `[range.count, channels]`
    func gate(
        row: Int, _ range: Range<Int>, x: UnsafePointer<Float>, freqs: Int, times: Int,
        into out: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>,
        on backend: Backend
    ) {
        let wide = scratch
        conv.multiply(
            row: row, range, x: x, freqs: freqs, times: times, into: wide, ldo: conv.outputs,
            scratch: scratch + range.count * conv.outputs, on: backend)
        withExtendedLifetime(bias) {
            backend.kernels.f32_affine_glu(
                range.count, channels, bias.scale.pointer, bias.shift.pointer, wide, conv.outputs,
                out, channels)
        }
    }

    /// The statistics need every value before the gate can use one.
    private func normed(_ x: Tensor, _ norm: GroupNorm, on backend: Backend) -> Tensor {
        let (freqs, times) = (x.shape[0], x.shape[1])
        let result = backend.tensor(Shape(freqs, times, channels))
        let wide = convolve(x, on: backend)
        let affine = norm.statistics(of: wide, on: backend)
        let rows = Tiling(freqs * times, longest: Tiling.signalRows)
        backend.parallelFor(rows.tiles) { tile in
            let range = rows[tile]
            backend.kernels.f32_affine_glu(
                range.count, channels, affine.scale.pointer, affine.shift.pointer,
                wide.pointer + range.lowerBound * conv.outputs, conv.outputs,
                result.pointer + range.lowerBound * channels, channels)
        }
        return result
    }

    /// The convolution with its bias alone, `[freq, time, 2 · channels]`.
    func convolve(_ x: Tensor, on backend: Backend) -> Tensor {
        let (freqs, times) = (x.shape[0], x.shape[1])
        let tiling = Self.tiling(times)
        let wide = backend.tensor(Shape(freqs, times, conv.outputs))
        backend.parallelFor(freqs * tiling.tiles, scratch: conv.scratchFloats(times: tiling.length))
        { index, scratch in
            let (row, range) = (index / tiling.tiles, tiling[index % tiling.tiles])
            let target = wide.pointer + (row * times + range.lowerBound) * conv.outputs
            conv.multiply(
                row: row, range, x: x.pointer, freqs: freqs, times: times, into: target,
                ldo: conv.outputs, scratch: scratch, on: backend)
            bias.apply(rows: range.count, target, ld: conv.outputs, on: backend)
        }
        return wide
    }
}
