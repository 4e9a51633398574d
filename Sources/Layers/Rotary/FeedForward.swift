// Also Embedded Swift: typed throws, no key paths, no casts.
// The feed-forward block of a transformer.

import Tensor

/// Pre-norm feed-forward block with its residual: x += linear2(GELU(linear1(norm(x)))).
///
/// PyTorch: `FeedForward` of the RoFormers, `x = ff(x) + x`.
package struct FeedForward: Sendable {
    let norm: RMSNorm
    let linear1: Linear
    let linear2: Linear

    package init(norm: RMSNorm, linear1: Linear, linear2: Linear) {
        self.norm = norm
        self.linear1 = linear1
        self.linear2 = linear2
    }

    /// Runs the block in place.
    ///
    /// - Parameter x: `[…, channel]`
    package func callAsFunction(_ x: Tensor, on backend: Backend) {
        let channels = norm.channels
        let tiling = Tiling(x.count / channels, longest: Tiling.tokenRows)
        // Not a power of two: such rows would compete for the same sets of the cache.
        let wideStride = linear1.outputs + 16
        backend.forEachTile(of: tiling, scratch: tiling.length * (channels + wideStride)) {
            range, scratch in
            let rows = range.count
            let tokens = x.pointer + range.lowerBound * channels
            let narrow = scratch
            let wide = scratch + tiling.length * channels
            let normalised = linear1.weight.operand(in: narrow, ld: channels)
            norm.normalise(rows: rows, tokens, ld: channels, into: normalised, on: backend)
            linear1.weight.multiply(
                rows: rows, normalised, into: wide, ldc: wideStride, on: backend)
            let activated = linear2.weight.operand(in: wide, ld: wideStride)
            linear1.bias.activate(rows: rows, wide, ld: wideStride, into: activated, on: backend)
            linear2.weight.multiply(
                rows: rows, activated, bias: linear2.bias.shift.pointer, into: narrow,
                ldc: channels, on: backend)
            backend.kernels.f32_add(
                rows, channels, tokens, channels, narrow, channels, tokens, channels)
        }
    }
}
