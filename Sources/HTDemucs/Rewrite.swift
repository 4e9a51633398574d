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
        let (freqs, times) = (x.shape[0], x.shape[1])
        let channels = conv.outputs / 2
        let tiling = Tiling(times, longest: Tiling.signalRows, unit: Conv2d.timeUnit)
        let result = backend.tensor([freqs, times, channels])

        guard let norm else {
            let tileFloats = tiling.length * conv.outputs
            backend.parallelFor(
                freqs * tiling.tiles, scratch: tileFloats + conv.scratchFloats(times: tiling.length)
            ) {
                index, scratch in
                let (row, range) = (index / tiling.tiles, tiling[index % tiling.tiles])
                conv.multiply(
                    row: row, range, x: x.pointer, freqs: freqs, times: times, into: scratch,
                    ldo: conv.outputs, scratch: scratch + tileFloats, on: backend)
                backend.kernels.f32_affine_glu(
                    range.count, channels, bias.scale.pointer, bias.shift.pointer, scratch,
                    conv.outputs, result.pointer + (row * times + range.lowerBound) * channels,
                    channels)
            }
            return result
        }

        // The statistics need every value before the gate can use one.
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
        let tiling = Tiling(times, longest: Tiling.signalRows, unit: Conv2d.timeUnit)
        let wide = backend.tensor([freqs, times, conv.outputs])
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
