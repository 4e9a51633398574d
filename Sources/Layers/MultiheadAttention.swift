// Multi-head attention (Vaswani et al. 2017, arXiv:1706.03762) in tiles with a running softmax
// (Milakov, Gimelshein 2018, arXiv:1805.02867): the scores of 2688 × 2688 tokens are never stored.

import CKernels
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
        let form = form(on: backend)
        let keys = packedKeys(keysValues, keyTiles, as: form, on: backend)
        let values = packedValues(consume keysValues, keyTiles, as: form, on: backend)
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
                    keyTiles[keyTile], queries: query, ld: channels, keys: keys(head),
                    values: values(head), decay: decay)
            }
            tile.finish(into: query, ld: channels)
        }
        return result
    }

    /// The attention weights of one head, softmax(Q·Kᵀ / √d), one row for each query. Every row
    /// sums to one.
    ///
    /// `attend` never stores these weights; they are computed separately, in float32, for a trace.
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

    /// The keys or the values of all heads as packed operands.
    private enum PackedHeads {
        /// `[heads, packed matrix]`
        case floats(Tensor, PackedLayout)
        /// `[heads, packed INT8 values]` of `inner` rows, and `[heads, columns]`
        case quantized(Tensor, inner: Int, scales: Tensor)

        func callAsFunction(_ head: Int) -> PackedOperand {
            switch self {
            case .floats(let values, let layout):
                .floats(values.pointer + head * values.shape[1], layout)
            case .quantized(let values, let inner, let scales):
                .quantized(
                    packed_matrix(
                        bytes: values.pointer + head * values.shape[1], inner: inner,
                        columns: scales.shape[1]),
                    scales: scales.pointer + head * scales.shape[1])
            }
        }
    }

    /// The type of queries, keys, exponentials and values.
    private func form(on backend: Backend) -> AttentionTile.Form {
        switch backend.precision {
        case .int8 where channels / heads <= QD8_SEGMENT: .int8
        default: backend.precisionOfFloats == .bfloat16 ? .bfloat16 : .float32
        }
    }

    /// Calls `body` for each tile of each head's keys or values, in parallel. They begin at the
    /// column `first`; rows are `2 · channels` floats apart.
    private func forEachTile(
        _ keysValues: Tensor, _ tiling: Tiling, from first: Int, on backend: Backend,
        _ body: (_ head: Int, _ range: Range<Int>, _ tile: UnsafePointer<Float>) -> Void
    ) {
        let size = channels / heads
        backend.parallelFor(heads * tiling.tiles) { index in
            let (head, range) = (index / tiling.tiles, tiling[index % tiling.tiles])
            let row = keysValues.pointer + range.lowerBound * 2 * channels
            body(head, range, row + first + head * size)
        }
    }

    private func packedKeys(
        _ keysValues: Tensor, _ tiling: Tiling, as form: AttentionTile.Form, on backend: Backend
    ) -> PackedHeads {
        let size = channels / heads
        let stride = 2 * channels
        guard form == .int8 else {
            let layout = PackedLayout(
                inner: size, columns: tiling.count, precision: backend.precisionOfFloats)
            let keys = backend.tensor(Shape(heads, backend.packedFloats(layout)))
            forEachTile(keysValues, tiling, from: 0, on: backend) { head, range, tile in
                backend.pack(
                    layout, 0..<size, range, from: tile, innerStride: 1, columnStride: stride,
                    into: keys.pointer + head * keys.shape[1])
            }
            return .floats(keys, layout)
        }
        let packed = backend.tensor(
            Shape(heads, backend.packedInt8Floats(inner: size, columns: tiling.count)))
        let scales = backend.tensor(Shape(heads, tiling.count))
        let offset = offset(keysValues, on: backend)
        forEachTile(keysValues, tiling, from: 0, on: backend) { head, range, tile in
            let matrix = packed_matrix(
                bytes: packed.pointer + head * packed.shape[1], inner: size,
                columns: tiling.count)
            backend.kernels.qc8w_pack_rows(
                matrix, range.lowerBound, range.count, tile, stride, offset.pointer + head * size,
                scales.pointer + head * tiling.count + range.lowerBound)
        }
        return .quantized(packed, inner: size, scales: scales)
    }

    /// The offset subtracted from all keys before they are quantised: the mean of every 16th key.
    ///
    /// Softmax does not depend on a term that all scores of a query share, so any offset is
    /// correct. With this one the channels of a key are similar in size, so that one scale fits
    /// them all (Zhang et al. 2024, arXiv:2410.02367).
    ///
    /// - Returns: `[channels]`
    private func offset(_ keysValues: Tensor, on backend: Backend) -> Tensor {
        let mean = backend.zeros(Shape(channels))
        let size = channels / heads
        let tokens = stride(from: 0, to: keysValues.shape[0], by: 16)
        let share = 1 / Float((keysValues.shape[0] + 15) / 16)
        backend.parallelFor(heads) { head in
            let (sum, first) = (mean.pointer + head * size, keysValues.pointer + head * size)
            for token in tokens {
                let keys = first + token * 2 * channels
                for channel in 0..<size { sum[channel] += share * keys[channel] }
            }
        }
        return mean
    }

    /// The packed values of all heads; in INT8 with a scale for each channel, the same for all
    /// tokens.
    private func packedValues(
        _ keysValues: Tensor, _ tiling: Tiling, as form: AttentionTile.Form, on backend: Backend
    ) -> PackedHeads {
        let size = channels / heads
        let stride = 2 * channels
        guard form == .int8 else {
            let layout = PackedLayout(
                inner: tiling.count, columns: size, precision: backend.precisionOfFloats)
            let values = backend.tensor(Shape(heads, backend.packedFloats(layout)))
            forEachTile(keysValues, tiling, from: channels, on: backend) { head, range, tile in
                backend.pack(
                    layout, range, 0..<size, from: tile, innerStride: stride, columnStride: 1,
                    into: values.pointer + head * values.shape[1])
            }
            return .floats(values, layout)
        }
        let packed = backend.tensor(
            Shape(heads, backend.packedInt8Floats(inner: tiling.count, columns: size)))
        let scales = backend.zeros(Shape(heads, size))
        backend.parallelFor(heads) { head in
            let largest = scales.pointer + head * size
            backend.kernels.f32_column_magnitudes(
                tiling.count, size, keysValues.pointer + channels + head * size, stride, largest)
            for channel in 0..<size { largest[channel] /= 127 }
        }
        forEachTile(keysValues, tiling, from: channels, on: backend) { head, range, tile in
            let matrix = packed_matrix(
                bytes: packed.pointer + head * packed.shape[1], inner: tiling.count,
                columns: size)
            backend.kernels.qc8w_pack_scaled(
                matrix, range.lowerBound, range.count, tile, stride, scales.pointer + head * size)
        }
        return .quantized(packed, inner: tiling.count, scales: scales)
    }
}
