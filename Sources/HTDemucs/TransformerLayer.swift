// Also Embedded Swift: typed throws, no key paths, no casts.
// A layer of the cross-domain transformer: self-attention, or cross-attention to the other branch.

import Layers
import Networks
import Tensor

/// A norm-first transformer layer with LayerScale, and a GroupNorm at the end:
///
///     x = x + γ₁·attention(norm(x), norm(other))
///     x = x + γ₂·linear2(GELU(linear1(norm(x))))
///     x = norm_out(x)
///
/// PyTorch: `demucs.transformer.MyTransformerEncoderLayer` and `CrossTransformerEncoderLayer`.
package struct TransformerLayer: Sendable {
    /// `norm1`: norm of the queries, in a self-attention layer also of the keys and values.
    let norm: LayerNorm
    /// `norm2` of a cross-attention layer: norm of the keys and values, from the other branch.
    let otherNorm: LayerNorm?
    /// Whether keys and values come from the other branch.
    var isCross: Bool { otherNorm != nil }
    /// Norm of the feed-forward part: `norm2` in a self-attention layer, `norm3` in a
    /// cross-attention layer.
    let feedForwardNorm: LayerNorm
    let attention: MultiheadAttention
    let linear1: Linear
    let linear2: Linear
    /// γ₁ with the bias of attention's output projection, and γ₂ with the bias of `linear2`.
    let gamma1: ChannelAffine
    let gamma2: ChannelAffine
    /// GroupNorm of one group: over all tokens and channels.
    let normOut: GroupNorm

    /// The projected queries of `x`, `[tokens, channels]`, and the projected keys and values of
    /// `others`, `[others, 2 · channels]`. `others` are the other branch's tokens, or `x` in a
    /// self-attention layer.
    package func project(
        _ x: Tensor, others: Tensor, on backend: Backend
    ) -> (queries: Tensor, keysValues: Tensor) {
        let (query, keyValue) = (attention.query, attention.keyValue)
        let queries = backend.tensor(Shape(x.shape[0], query.outputs))
        let keysValues = backend.tensor(Shape(others.shape[0], keyValue.outputs))
        normalise(x, norm, for: query, on: backend) { range, normalised in
            query.multiply(rows: range, normalised, into: queries, on: backend)
            if otherNorm == nil {
                keyValue.multiply(rows: range, normalised, into: keysValues, on: backend)
            }
        }
        if let otherNorm {
            normalise(others, otherNorm, for: keyValue, on: backend) { range, normalised in
                keyValue.multiply(rows: range, normalised, into: keysValues, on: backend)
            }
        }
        return (queries, keysValues)
    }

    /// Runs a self-attention layer, in place.
    ///
    /// - Parameter x: `[tokens, channels]`
    package func attend(_ x: Tensor, in pass: ForwardPass) {
        let (queries, keysValues) = project(x, others: x, on: pass.backend)
        finish(x, queries: consume queries, keysValues: consume keysValues, in: pass)
    }

    /// Runs the layer after the projections, in place.
    ///
    /// - Parameters:
    ///   - x: `[tokens, channels]`
    ///   - queries: projected queries of `x`; consumed.
    ///   - keysValues: projected keys and values of `x` or of the other branch's tokens; consumed.
    package func finish(
        _ x: Tensor, queries: consuming Tensor, keysValues: consuming Tensor,
        in pass: ForwardPass
    ) {
        let (backend, probe) = (pass.backend, pass.probe)
        let part = isCross ? "cross_attn" : "self_attn"
        let heads =
            probe.map { weights(of: $0.scope(part), queries, keysValues, on: backend) } ?? []
        let keptKeysValues = heads.isEmpty ? nil : keysValues
        let attended = attention.attend(consume queries, consume keysValues, on: backend)
        if let keptKeysValues {
            for (head, weights) in heads {
                attention.attend(weights, head, keptKeysValues, into: attended, on: backend)
            }
        }
        // A probe takes the projection with its bias; else both are added while in the cache.
        let projected = probe.map { probe in
            let projected = attention.output(attended, on: backend)
            probe(part, .tokens, projected)
            let gamma = ChannelAffine(
                scale: gamma1.scale.floats,
                shift: [Float](repeating: 0, count: gamma1.channels), on: backend)
            return (values: projected, gamma: gamma)
        }
        let channels = attention.channels
        let tiling = Tiling(x.shape[0], longest: Tiling.tokenRows)
        // Not a power of two: such rows would compete for the same sets of the cache.
        let wideStride = linear1.outputs + 16
        let moments = backend.sumOfMoments(
            tiling, scratch: tiling.length * (channels + wideStride)
        ) { range, scratch in
            let rows = range.count
            let tokens = x.pointer + range.lowerBound * channels
            let narrow = scratch
            let wide = scratch + tiling.length * channels
            if let projected {
                let source = projected.values.pointer + range.lowerBound * channels
                add(projected.gamma, rows, source, to: tokens, on: backend)
            } else {
                attention.output.weight.multiply(
                    rows: rows, attended.pointer + range.lowerBound * channels, lda: channels,
                    into: narrow, ldc: channels, on: backend)
                add(gamma1, rows, narrow, to: tokens, on: backend)
            }

            let normalised = linear1.weight.operand(in: narrow, ld: channels)
            feedForwardNorm.normalise(rows: rows, tokens, into: normalised, on: backend)
            linear1.weight.multiply(
                rows: rows, normalised, into: wide, ldc: wideStride, on: backend)
            let activated = linear2.weight.operand(in: wide, ld: wideStride)
            linear1.bias.activate(rows: rows, wide, ld: wideStride, into: activated, on: backend)
            linear2.weight.multiply(
                rows: rows, activated, into: narrow, ldc: channels, on: backend)
            add(gamma2, rows, narrow, to: tokens, on: backend)
            return backend.moments(rows: rows, columns: channels, tokens, ld: channels)
        }
        normalise(x, moments, on: backend)
        probe?.output(.tokens, x)
    }

    /// The attention weights of the heads that the probe wants, as it leaves them.
    private func weights(
        of probe: Probe, _ queries: Tensor, _ keysValues: Tensor, on backend: Backend
    ) -> [(head: Int, weights: Tensor)] {
        (0..<attention.heads).filter { probe.wants("weights.\($0)") }.map { head in
            let weights = attention.weights(head, queries, keysValues, on: backend)
            probe("weights.\(head)", .tokens, weights)
            return (head, weights)
        }
    }

    /// Calls `then` with tiles of normalised tokens, as operands of `linear`.
    private func normalise(
        _ x: Tensor, _ norm: LayerNorm, for linear: Linear, on backend: Backend,
        then: (Range<Int>, Operand) -> Void
    ) {
        let channels = linear.inputs
        let tiling = Tiling(x.shape[0], longest: Tiling.tokenRows)
        backend.forEachTile(of: tiling, scratch: tiling.length * channels) { range, scratch in
            let normalised = linear.weight.operand(in: scratch, ld: channels)
            norm.normalise(
                rows: range.count, x.pointer + range.lowerBound * channels, into: normalised,
                on: backend)
            then(range, normalised)
        }
    }

    private func add(
        _ gamma: ChannelAffine, _ rows: Int, _ y: UnsafePointer<Float>,
        to tokens: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        let channels = attention.channels
        withExtendedLifetime(gamma) {
            backend.kernels.f32_affine_add(
                rows, channels, gamma.scale.pointer, gamma.shift.pointer, y, channels, tokens,
                channels)
        }
    }

    private func normalise(_ x: Tensor, _ moments: Moments, on backend: Backend) {
        let channels = attention.channels
        let affine = backend.tensor(Shape(2, channels))
        withExtendedLifetime(affine) {
            normOut.resolve(
                moments, count: x.count, scale: affine.pointer, shift: affine.pointer + channels)
        }
        backend.forEachTile(of: x.shape[0], longest: Tiling.tokenRows) { range in
            let tokens = x.pointer + range.lowerBound * channels
            backend.kernels.f32_affine(
                range.count, channels, affine.pointer, affine.pointer + channels, tokens, channels,
                tokens, channels)
        }
    }
}
