// Multi-head attention (Vaswani et al. 2017, arXiv:1706.03762), tile by tile with a running softmax
// (Milakov, Gimelshein 2018, arXiv:1805.02867): the scores of 2688 × 2688 tokens are never stored.

import CKernels
import Tensor

/// softmax(Q·Kᵀ / √d)·V for each head, with the projections before and the one after it.
///
/// PyTorch: `nn.MultiheadAttention(channels, heads, batch_first=True)`.
package struct MultiheadAttention: Sendable {
    package let channels: Int
    package let heads: Int
    /// The rows of `in_proj` for queries, and those for keys and values together.
    package let query: Linear
    package let keyValue: Linear
    package let output: Linear

    /// Queries of a tile, and keys: a tile of scores (172 KB) with its keys and values stays in
    /// the L2 cache.
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

    /// What attention gives before the output projection.
    ///
    /// - Parameters:
    ///   - queries: `[tokens, channels]`, projected.
    ///   - keysValues: `[others, 2 · channels]`, projected: keys, then values.
    /// - Returns: `[tokens, channels]`
    package func attend(_ queries: Tensor, _ keysValues: Tensor, on backend: Backend) -> Tensor {
        let size = channels / heads
        let queryTiles = Tiling(queries.shape[0], longest: Self.queryRows)
        let keyTiles = Tiling(
            keysValues.shape[0], longest: Self.keyRows, unit: backend.panelColumns)
        let keyLayout = PackedLayout(
            inner: size, columns: keyTiles.count, precision: backend.precision)
        let valueLayout = PackedLayout(
            inner: keyTiles.count, columns: size, precision: backend.precision)
        let (keys, values) = pack(keysValues, keyTiles, keyLayout, valueLayout, on: backend)
        let result = backend.tensor(queries.shape)
        let rows = queryTiles.length
        let floats = AttentionTile.floats(rows: rows, keys: keyTiles.length, size: size)
        backend.parallelFor(queryTiles.tiles * heads, scratch: floats) { index, scratch in
            // All queries of a head after each other: its keys and values stay in the cache.
            let head = index / queryTiles.tiles
            let range = queryTiles[index % queryTiles.tiles]
            let tile = AttentionTile(
                rows: range.count, size: size, longestKeys: keyTiles.length, scratch: scratch,
                backend: backend)
            let query = queries.pointer + range.lowerBound * channels + head * size
            tile.begin(query, ld: channels)
            for keyTile in 0..<keyTiles.tiles {
                tile.add(
                    keyTiles[keyTile], queries: query, ld: channels,
                    keys: keys.pointer + head * keys.shape[1], keyLayout,
                    values: values.pointer + head * values.shape[1], valueLayout)
            }
            tile.finish(
                into: result.pointer + range.lowerBound * channels + head * size, ld: channels)
        }
        return result
    }

    /// Keys, transposed, and values of each head as packed operands.
    ///
    /// - Returns: `[heads, packed [size, tokens]]` and `[heads, packed [tokens, size]]`.
    private func pack(
        _ keysValues: Tensor, _ tiling: Tiling, _ keyLayout: PackedLayout,
        _ valueLayout: PackedLayout, on backend: Backend
    ) -> (keys: Tensor, values: Tensor) {
        let size = channels / heads
        let keys = backend.tensor(Shape(heads, backend.packedFloats(keyLayout)))
        let values = backend.tensor(Shape(heads, backend.packedFloats(valueLayout)))
        backend.parallelFor(heads * tiling.tiles) { index in
            let (head, range) = (index / tiling.tiles, tiling[index % tiling.tiles])
            let key = keysValues.pointer + range.lowerBound * 2 * channels + head * size
            backend.pack(
                keyLayout, 0..<size, range, from: key, innerStride: 1,
                columnStride: 2 * channels, into: keys.pointer + head * keys.shape[1])
            backend.pack(
                valueLayout, range, 0..<size, from: key + channels, innerStride: 2 * channels,
                columnStride: 1, into: values.pointer + head * values.shape[1])
        }
        return (keys, values)
    }
}
