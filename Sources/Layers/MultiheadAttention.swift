// Also Embedded Swift: typed throws, no key paths, no casts.
// Multi-head attention (Vaswani et al. 2017, arXiv:1706.03762) in tiles with a running softmax
// (Milakov, Gimelshein 2018, arXiv:1805.02867): the scores of 2688 × 2688 tokens are never stored.

import System
import Tensor

/// Multi-head attention, softmax(Q·Kᵀ / √d)·V for each head, with the projections before and after.
///
/// PyTorch: `nn.MultiheadAttention(channels, heads, batch_first=True)`.
package struct MultiheadAttention: Sendable {
    package let channels: Int
    package let heads: Int
    /// The rows of `in_proj` for queries, and the rows for keys and values together.
    package let query: Linear
    package let keyValue: Linear
    package let output: Linear

    /// Queries of a tile, and keys of a tile: the scores (172 KB) with their keys and values stay
    /// in the L2 cache.
    private static let queryRows = 96
    private static let keyRows = 448

    /// - Parameters:
    ///   - inWeight: `in_proj_weight`, `[3 · channels, channels]`: queries, keys, values.
    ///   - inBias: `in_proj_bias`, `[3 · channels]`.
    ///   - outWeight: `out_proj.weight`, `[channels, channels]`.
    ///   - outBias: `out_proj.bias`, `[channels]`.
    package init(
        channels: Int, heads: Int, inWeight: LayerWeights, inBias: [Float],
        outWeight: LayerWeights, outBias: [Float], on backend: Backend
    ) {
        self.channels = channels
        self.heads = heads
        query = Linear(
            weight: inWeight, bias: inBias, inputs: channels, part: 0..<channels, on: backend)
        keyValue = Linear(
            weight: inWeight, bias: inBias, inputs: channels, part: channels..<3 * channels,
            on: backend)
        output = Linear(weight: outWeight, bias: outBias, inputs: channels, on: backend)
    }

    /// Attention without the output projection.
    ///
    /// - Parameters:
    ///   - queries: `[tokens, channels]`, projected; overwritten by the result.
    ///   - keysValues: `[others, 2 · channels]`, projected: keys, then values; freed once they are
    ///     packed.
    ///   - slopes: for local attention, `[tokens, heads]`: the penalty on a query's scores for each
    ///     step of distance; a position then does not attend to itself. Nil for plain attention.
    /// - Returns: `[tokens, channels]`
    package func attend(
        _ queries: consuming Tensor, _ keysValues: consuming Tensor, slopes: Tensor? = nil,
        on backend: Backend
    ) -> Tensor {
        let size = channels / heads
        let queryTiles = Tiling(queries.shape[0], longest: Self.queryRows)
        let keyTiles = Tiling(
            keysValues.shape[0], longest: Self.keyRows, unit: backend.panelColumns)
        let form = AttentionTile.Form(headSize: size, on: backend)
        let packed = packedHeads(consume keysValues, keyTiles, as: form, on: backend)
        // In place: only the result's own tile reads the queries that it overwrites.
        let result = queries
        let rows = queryTiles.length
        let floats = AttentionTile.floats(rows: rows, keys: keyTiles.length, size: size)
        backend.parallelFor(queryTiles.tiles * heads, scratch: floats) { index, scratch in
            // All query tiles of a head are neighbours in the loop, so its keys and values stay in
            // the cache.
            let head = index / queryTiles.tiles
            let range = queryTiles[index % queryTiles.tiles]
            let tile = AttentionTile(
                form, rows: range.count, size: size, longestTile: keyTiles.length,
                scratch: scratch, backend: backend)
            let query = result.pointer + range.lowerBound * channels + head * size
            let decay = slopes.map {
                AttentionTile.Decay(
                    slopes: $0.pointer + range.lowerBound * heads + head, ld: heads,
                    firstQuery: range.lowerBound)
            }
            tile.begin(query, ld: channels)
            for keyTile in 0..<keyTiles.tiles {
                tile.add(
                    keyTiles[keyTile], queries: query, ld: channels, keys: packed[head].keys,
                    values: packed[head].values, decay: decay)
            }
            tile.finish(into: query, ld: channels)
        }
        return result
    }

    /// The attention weights of one head, softmax(Q·Kᵀ / √d), one row for each query. Every row
    /// sums to one.
    ///
    /// `attend` never stores these weights; they are computed separately, in float32, for a probe.
    ///
    /// - Parameters:
    ///   - queries: `[tokens, channels]`, projected.
    ///   - keysValues: `[others, 2 · channels]`, projected: keys, then values.
    /// - Returns: `[tokens, others]`
    package func weights(
        _ head: Int, _ queries: Tensor, _ keysValues: Tensor, on backend: Backend
    ) -> Tensor {
        precondition((0..<heads).contains(head))
        let size = channels / heads
        let others = keysValues.shape[0]
        let scale = 1 / Float(size).squareRoot()
        let result = backend.tensor(Shape(queries.shape[0], others))
        backend.parallelFor(queries.shape[0]) { token in
            let query = queries.pointer + token * channels + head * size
            let row = result.pointer + token * others
            var largest = -Float.infinity
            for other in 0..<others {
                let key = keysValues.pointer + other * 2 * channels + head * size
                var score: Float = 0
                for channel in 0..<size { score += query[channel] * key[channel] }
                row[other] = score * scale
                largest = max(largest, row[other])
            }
            var sum: Float = 0
            for other in 0..<others {
                row[other] = expf(row[other] - largest)
                sum += row[other]
            }
            for other in 0..<others { row[other] /= sum }
        }
        return result
    }

    /// Attention of one head with given weights.
    ///
    /// - Parameters:
    ///   - weights: `[tokens, others]`
    ///   - keysValues: `[others, 2 · channels]`, projected: keys, then values.
    ///   - attended: `[tokens, channels]`, of which the head's channels change.
    package func attend(
        _ weights: Tensor, _ head: Int, _ keysValues: Tensor, into attended: Tensor,
        on backend: Backend
    ) {
        let size = channels / heads
        let others = keysValues.shape[0]
        backend.parallelFor(weights.shape[0]) { token in
            let row = attended.pointer + token * channels + head * size
            row.update(repeating: 0, count: size)
            for other in 0..<others {
                let weight = weights.pointer[token * others + other]
                let value = keysValues.pointer + (2 * other + 1) * channels + head * size
                for channel in 0..<size { row[channel] += weight * value[channel] }
            }
        }
    }

    /// The keys and values of all heads as packed operands.
    ///
    /// - Parameter keysValues: `[others, 2 · channels]`; freed once they are packed.
    private func packedHeads(
        _ keysValues: consuming Tensor, _ tiling: Tiling, as form: AttentionTile.Form,
        on backend: Backend
    ) -> PackedHeads {
        let size = channels / heads
        let stride = 2 * channels
        let heads = PackedHeads(heads, form, size: size, tokens: tiling.count, on: backend)
        let first = keysValues.pointer
        func source(_ head: Int) -> PackedHead.Source {
            PackedHead.Source(
                keys: first + head * size, values: first + channels + head * size, ld: stride)
        }
        if form == .int8 {
            backend.parallelFor(self.heads) { heads[$0].prepare(source($0)) }
        }
        backend.parallelFor(self.heads * tiling.tiles) { index in
            let head = index / tiling.tiles
            heads[head].pack(tiling[index % tiling.tiles], of: source(head))
        }
        withExtendedLifetime(keysValues) {}
        return heads
    }
}
