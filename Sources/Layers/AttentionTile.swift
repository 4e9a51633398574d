// Also Embedded Swift: typed throws, no key paths, no casts.
// Attention of a tile of queries of one head: the running softmax over tiles of keys and values.

import CKernels
import Tensor

/// The keys or the values of a head as the right operand of a product: keys as `[size, keys]`,
/// values as `[keys, size]`.
enum PackedOperand {
    case floats(UnsafePointer<Float>, PackedLayout)
    /// INT8 values with a scale for each column.
    case quantized(packed_matrix, scales: UnsafePointer<Float>)
}

/// The state of softmax(Q·Kᵀ / √size)·V for `rows` queries: the sums over the keys so far.
///
/// In bfloat16 and INT8 the queries are rounded once, and softmax writes its exponentials in the
/// type that the next product reads. In INT8 they have a row scale for each query and tile: a 127th
/// of the query's largest exponential in the tile.
struct AttentionTile {
    private let rows: Int
    /// Channels of a head.
    private let size: Int
    private let backend: Backend
    private let form: Form
    /// `[rows, keys of a tile]`, with room for the longest tile of keys.
    private let scores: UnsafeMutablePointer<Float>
    /// `[rows, size]`: the sum of exponentials times values.
    private let sum: UnsafeMutablePointer<Float>
    /// `[rows]` each: the state of the running softmax, and the row scales of the exponentials and
    /// of the queries.
    private let maxima: UnsafeMutablePointer<Float>
    private let sums: UnsafeMutablePointer<Float>
    private let correction: UnsafeMutablePointer<Float>
    private let rowScales: UnsafeMutablePointer<Float>
    private let queryScales: UnsafeMutablePointer<Float>
    /// The queries, `[rows, size]` in bfloat16 or INT8, rows `roundedStride` elements apart.
    private let operands: UnsafeMutableRawPointer

    /// The type of the operands of both products.
    enum Form {
        case float32, bfloat16, int8

        /// The fastest form that the backend's precision allows.
        init(headSize: Int, on backend: Backend) {
            switch backend.precision {
            case .int8 where headSize <= QD8_SEGMENT: self = .int8
            default: self = backend.precisionOfFloats == .bfloat16 ? .bfloat16 : .float32
            }
        }
    }

    /// Scratch for tiles of at most `rows` queries and `keys` keys, in floats.
    static func floats(rows: Int, keys: Int, size: Int) -> Int {
        rows * (keys + 2 * size + 8)
    }

    /// - Parameters:
    ///   - longestTile: the largest number of keys in a tile.
    ///   - scratch: `floats` elements.
    init(
        _ form: Form, rows: Int, size: Int, longestTile: Int,
        scratch: UnsafeMutablePointer<Float>, backend: Backend
    ) {
        self.form = form
        self.rows = rows
        self.size = size
        self.backend = backend
        scores = scratch
        sum = scores + rows * longestTile
        maxima = sum + rows * size
        sums = maxima + rows
        correction = sums + rows
        rowScales = correction + rows
        queryScales = rowScales + rows
        operands = UnsafeMutableRawPointer(queryScales + rows)
    }

    private var roundedStride: Int { (size + 3) / 4 * 4 }

    private var roundedQueries: UnsafeMutablePointer<UInt16> {
        operands.assumingMemoryBound(to: UInt16.self)
    }

    private var quantizedQueries: UnsafeMutablePointer<Int8> {
        operands.assumingMemoryBound(to: Int8.self)
    }

    /// Starts the running softmax, and rounds the queries for bfloat16 and INT8.
    ///
    /// - Parameter queries: `[rows, size]`, rows `ld` floats apart.
    func begin(_ queries: UnsafePointer<Float>, ld: Int) {
        maxima.update(repeating: -.infinity, count: rows)
        sums.update(repeating: 0, count: rows)
        switch form {
        case .float32: break
        case .bfloat16:
            backend.kernels.bf16_round(rows, size, queries, ld, roundedQueries, roundedStride)
        case .int8:
            backend.kernels.q8_rows(
                rows, size, queries, ld, quantizedQueries, roundedStride, queryScales)
        }
    }

    /// Adds the keys `range` and their values.
    ///
    /// - Parameters:
    ///   - queries: the queries given to `begin`.
    ///   - keys: packed `[size, keys]`.
    ///   - values: packed `[keys, size]`.
    ///   - decay: penalties on distance; nil for none.
    func add(
        _ range: Range<Int>, queries: UnsafePointer<Float>, ld: Int, keys: PackedOperand,
        values: PackedOperand, decay: Decay? = nil
    ) {
        // The factor log₂ e makes the exponentials powers of two.
        let slope = Float(1 / Double(size).squareRoot() * 1.4426950408889634)
        let columns = range.count
        let kernels = backend.kernels
        score(range, queries, ld: ld, keys)
        if let decay { penalise(range, decay) }
        switch form {
        case .int8:
            kernels.q8_softmax_step(
                rows, columns, slope, scores, columns, maxima, sums, correction, rowScales)
        case .bfloat16:
            kernels.bf16_softmax_step(
                rows, columns, slope, scores, columns, maxima, sums, correction)
        case .float32:
            kernels.f32_softmax_step(
                rows, columns, slope, scores, columns, maxima, sums, correction)
        }
        // All factors are one if no maximum has grown.
        let isFirst = range.lowerBound == 0
        if !isFirst, (0..<rows).contains(where: { correction[$0] != 1 }) {
            kernels.f32_scale_rows(rows, size, correction, sum, size, sum, size)
        }
        addValues(range, values, isFirst: isFirst)
    }

    /// Penalties of a tile of queries on the distance to their keys.
    struct Decay {
        /// Penalty of each query for each step of distance, queries `ld` floats apart.
        let slopes: UnsafePointer<Float>
        let ld: Int
        /// Position of the first query.
        let firstQuery: Int
        /// The score of a query with the key at its own position.
        static let selfScore: Float = -100
    }

    /// Subtracts the penalties from the scores, which are not divided by √size yet.
    private func penalise(_ range: Range<Int>, _ decay: Decay) {
        let factor = Float(Double(size).squareRoot())
        for row in 0..<rows {
            let query = decay.firstQuery + row
            let scores = scores + row * range.count
            let slope = decay.slopes[row * decay.ld] * factor
            let first = Float(range.lowerBound - query)
            for column in 0..<range.count {
                let distance = abs(first + Float(Int32(truncatingIfNeeded: column)))
                scores[column] -= slope * distance
            }
            if range.contains(query) {
                scores[query - range.lowerBound] = Decay.selfScore * factor
            }
        }
    }

    /// Adds the exponentials of the keys `range` times their values to the sum.
    private func addValues(_ range: Range<Int>, _ values: PackedOperand, isFirst: Bool) {
        let columns = range.count
        let exponentials = UnsafeRawPointer(scores)
        switch values {
        case .quantized(let values, let scales):
            backend.kernels.q8_qc8w_gemm(
                rows, range.lowerBound, columns, exponentials.assumingMemoryBound(to: Int8.self),
                4 * columns, rowScales, values, 0, size, scales, sum, size, isFirst ? 0 : 1)
        case .floats(let values, let layout) where form == .bfloat16:
            backend.multiply(
                rows: rows, bfloat16: exponentials.assumingMemoryBound(to: UInt16.self),
                lda: 2 * columns, by: values, layout, range, 0..<size, into: sum, ldc: size,
                accumulate: !isFirst)
        case .floats(let values, let layout):
            multiply(
                scores, lda: columns, by: values, layout, range, 0..<size, into: sum, ldc: size,
                accumulate: !isFirst)
        }
    }

    /// The scores Q·Kᵀ of the keys `range`.
    private func score(
        _ range: Range<Int>, _ queries: UnsafePointer<Float>, ld: Int, _ keys: PackedOperand
    ) {
        switch keys {
        case .floats(let keys, let layout) where form == .bfloat16:
            backend.multiply(
                rows: rows, bfloat16: roundedQueries, lda: roundedStride, by: keys, layout,
                0..<size, range, into: scores, ldc: range.count, accumulate: false)
        case .floats(let keys, let layout):
            multiply(
                queries, lda: ld, by: keys, layout, 0..<size, range, into: scores,
                ldc: range.count, accumulate: false)
        case .quantized(let keys, let scales):
            backend.kernels.q8_qc8w_gemm(
                rows, 0, size, quantizedQueries, roundedStride, queryScales, keys,
                range.lowerBound, range.count, scales + range.lowerBound, scores, range.count, 0)
        }
    }

    /// Writes the weighted means of the values.
    ///
    /// - Parameters:
    ///   - out: `[rows, size]`, rows `ld` floats apart.
    ///   - gates: a factor for each query, queries `gateStride` floats apart; nil for none.
    func finish(
        into out: UnsafeMutablePointer<Float>, ld: Int, gates: UnsafePointer<Float>? = nil,
        gateStride: Int = 1
    ) {
        for row in 0..<rows { sums[row] = (gates?[row * gateStride] ?? 1) / sums[row] }
        backend.kernels.f32_scale_rows(rows, size, sums, sum, size, out, ld)
    }

    /// A product with the part `[inner, columns]` of a packed matrix.
    private func multiply(
        _ a: UnsafePointer<Float>, lda: Int, by packed: UnsafePointer<Float>,
        _ layout: PackedLayout, _ inner: Range<Int>, _ columns: Range<Int>,
        into c: UnsafeMutablePointer<Float>, ldc: Int, accumulate: Bool
    ) {
        let segment = gemm_segment(a: a, first: inner.lowerBound, count: inner.count)
        withUnsafePointer(to: segment) { segment in
            backend.multiply(
                rows: rows, UnsafeBufferPointer(start: segment, count: 1), lda: lda, by: packed,
                layout, columns, into: c, ldc: ldc, accumulate: accumulate)
        }
    }
}
