// Also Embedded Swift: typed throws, no key paths, no casts.
// Self-attention along one axis of a grid of tokens, with rotary positions and gates: the attention
// of the RoFormers (Lu et al. 2023, arXiv:2309.02612, section 3.3).

import System
import Tensor

/// The sequences of a grid of tokens `[frame, band]`: one along time for each band, or one along the
/// bands for each frame.
package struct AxialSequences: Sendable {
    package let count: Int
    package let tokens: Int
    /// Rows of the grid from one sequence to the next, and from one token to the next.
    let sequenceStride: Int
    let tokenStride: Int

    package static func alongTime(frames: Int, bands: Int) -> AxialSequences {
        AxialSequences(count: bands, tokens: frames, sequenceStride: 1, tokenStride: bands)
    }

    package static func alongBands(frames: Int, bands: Int) -> AxialSequences {
        AxialSequences(count: frames, tokens: bands, sequenceStride: bands, tokenStride: 1)
    }

    /// The row of the grid of a token.
    func row(_ sequence: Int, _ token: Int) -> Int {
        sequence * sequenceStride + token * tokenStride
    }
}

/// Pre-norm multi-head attention with its residual: x += out(σ(gates)·attention(q, k, v)), where q, k,
/// v and the gates, one for each head, are linear in the normalised x, and q and k are rotated.
///
/// PyTorch: `Attention` of the RoFormers, `x = attn(x) + x`.
package struct AxialAttention: Sendable {
    let norm: RMSNorm
    /// `to_qkv`: queries, keys, values, each `[heads · size]`.
    let projection: Linear
    /// `to_gates`
    let gates: Linear
    /// `to_out.0`
    let output: Linear
    let heads: Int
    /// Channels of a head.
    let size: Int

    /// Tokens that are projected at once: their queries, keys and values are the largest tensor of a
    /// pass (39 MB with 8 heads of 64 channels).
    private static let groupTokens = 6400
    /// Queries of a tile, and keys of a tile.
    private static let queryRows = 96
    private static let keyRows = 448

    package init(
        norm: RMSNorm, projection: Linear, gates: Linear, output: Linear, heads: Int
    ) {
        self.norm = norm
        self.projection = projection
        self.gates = gates
        self.output = output
        self.heads = heads
        size = output.inputs / heads
    }

    /// Runs the attention in place.
    ///
    /// - Parameters:
    ///   - x: `[frame, band, channel]`
    ///   - sequences: those of the frames and bands of x.
    ///   - rotary: has a position for each token of a sequence.
    package func callAsFunction(
        _ x: Tensor, _ sequences: AxialSequences, _ rotary: RotaryEmbedding, on backend: Backend
    ) {
        let atOnce = max(1, Self.groupTokens / sequences.tokens)
        for first in stride(from: 0, to: sequences.count, by: atOnce) {
            let group = first..<min(first + atOnce, sequences.count)
            let projected = backend.tensor(
                Shape(group.count * sequences.tokens, projection.outputs))
            let gates = backend.tensor(Shape(group.count * sequences.tokens, heads))
            project(x, group, sequences, rotary, into: projected, gates, on: backend)
            attend(projected, gates, sequences.tokens, on: backend)
            add(projected, to: x, group, sequences, on: backend)
        }
    }

    /// Tiles of the tokens of each sequence of a group, with scratch for a tile's channels.
    ///
    /// - Parameter body: takes a tile's sequence, its tokens, and its first row in the group.
    private func forEachTile(
        _ group: Range<Int>, _ sequences: AxialSequences, on backend: Backend,
        _ body: (
            _ sequence: Int, _ tokens: Range<Int>, _ row: Int,
            _ scratch: UnsafeMutablePointer<Float>
        ) -> Void
    ) {
        let tiling = Tiling(sequences.tokens, longest: Tiling.tokenRows)
        let scratch = tiling.length * norm.channels
        backend.parallelFor(group.count * tiling.tiles, scratch: scratch) { index, scratch in
            let (sequence, tokens) = (index / tiling.tiles, tiling[index % tiling.tiles])
            body(
                group.lowerBound + sequence, tokens,
                sequence * sequences.tokens + tokens.lowerBound, scratch)
        }
    }

    /// The rotated queries and keys, the values, and the gates before their sigmoid.
    private func project(
        _ x: Tensor, _ group: Range<Int>, _ sequences: AxialSequences, _ rotary: RotaryEmbedding,
        into projected: Tensor, _ gates: Tensor, on backend: Backend
    ) {
        let channels = norm.channels
        forEachTile(group, sequences, on: backend) {
            sequence, tokens, row, scratch in
            let normalised = projection.weight.operand(in: scratch, ld: channels)
            norm.normalise(
                rows: tokens.count,
                x.pointer + sequences.row(sequence, tokens.lowerBound) * channels,
                ld: sequences.tokenStride * channels, into: normalised, on: backend)
            let rows = row..<row + tokens.count
            projection.multiply(rows: rows, normalised, into: projected, on: backend)
            self.gates.multiply(rows: rows, normalised, into: gates, on: backend)
            // Queries and keys are neighbours.
            rotary.rotate(
                rows: tokens.count, from: tokens.lowerBound, heads: 2 * heads,
                projected.pointer + row * projection.outputs, ld: projection.outputs, on: backend)
        }
    }

    /// Replaces the queries by the gated result of their attention.
    private func attend(
        _ projected: Tensor, _ gates: Tensor, _ tokens: Int, on backend: Backend
    ) {
        let (inner, ld) = (heads * size, projection.outputs)
        let queryTiles = Tiling(tokens, longest: Self.queryRows)
        let keyTiles = Tiling(tokens, longest: Self.keyRows, unit: backend.panelColumns)
        let form = AttentionTile.Form(headSize: size, on: backend)
        let packedFloats = PackedHead.floats(form, size: size, tokens: tokens, on: backend)
        let tileOffset = packedFloats.keys + packedFloats.values
        let tileFloats = AttentionTile.floats(
            rows: queryTiles.length, keys: keyTiles.length, size: size)
        // A head of a sequence is packed by the thread that needs it: it stays in the cache.
        backend.parallelFor(
            projected.shape[0] / tokens * heads, scratch: tileOffset + tileFloats
        ) { index, scratch in
            let (sequence, head) = (index / heads, index % heads)
            let queries = projected.pointer + sequence * tokens * ld + head * size
            let source = PackedHead.Source(
                keys: queries + inner, values: queries + 2 * inner, ld: ld)
            let packed = PackedHead(
                form, size: size, tokens: tokens, keysIn: scratch,
                valuesIn: scratch + packedFloats.keys, on: backend)
            if form == .int8 { packed.prepare(source) }
            for tile in 0..<keyTiles.tiles { packed.pack(keyTiles[tile], of: source) }
            let gates = gates.pointer + sequence * tokens * heads + head
            for token in 0..<tokens { gates[token * heads] = sigmoid(gates[token * heads]) }
            for queryTile in 0..<queryTiles.tiles {
                let range = queryTiles[queryTile]
                let tile = AttentionTile(
                    form, rows: range.count, size: size, longestTile: keyTiles.length,
                    scratch: scratch + tileOffset, backend: backend)
                let query = queries + range.lowerBound * ld
                tile.begin(query, ld: ld)
                for keyTile in 0..<keyTiles.tiles {
                    tile.add(
                        keyTiles[keyTile], queries: query, ld: ld, keys: packed.keys,
                        values: packed.values)
                }
                tile.finish(
                    into: query, ld: ld, gates: gates + range.lowerBound * heads,
                    gateStride: heads)
            }
        }
    }

    /// x += output(attended)
    private func add(
        _ attended: Tensor, to x: Tensor, _ group: Range<Int>, _ sequences: AxialSequences,
        on backend: Backend
    ) {
        let channels = norm.channels
        forEachTile(group, sequences, on: backend) {
            sequence, tokens, row, scratch in
            output.weight.multiply(
                rows: tokens.count, attended.pointer + row * projection.outputs,
                lda: projection.outputs, into: scratch, ldc: channels, on: backend)
            let target = x.pointer + sequences.row(sequence, tokens.lowerBound) * channels
            let ld = sequences.tokenStride * channels
            backend.kernels.f32_add(
                tokens.count, channels, target, ld, scratch, channels, target, ld)
        }
    }
}

private func sigmoid(_ x: Float) -> Float { 1 / (1 + expf(-x)) }
