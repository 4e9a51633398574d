// Some queries of one head of attention, which pass over the keys and values tile by tile.

import CKernels
import Tensor

/// The keys or the values of a head as the right operand of a product: `[size, keys]`, so that
/// scores come out, or `[keys, size]`.
enum PackedOperand {
    case floats(UnsafePointer<Float>, PackedLayout)
    /// Codes with a scale for each column.
    case codes(UnsafePointer<Float>, scales: UnsafePointer<Float>)
}

/// The state of softmax(Q·Kᵀ / √size)·V for `rows` queries: what the keys so far add up to.
///
/// In bfloat16 and INT8 the queries are rounded once, and softmax writes its exponentials as the next
/// product reads them: the exponentials of a tile in INT8 are codes with a step for each query, a 127th
/// of its largest exponential in the tile.
struct AttentionTile {
    private let rows: Int
    /// Channels of a head.
    private let size: Int
    /// Keys in all.
    private let keyCount: Int
    private let backend: Backend
    private let form: Form
    /// `[rows, keys of a tile]`, with room for the longest tile of keys.
    private let scores: UnsafeMutablePointer<Float>
    /// `[rows, size]`: exponentials times values.
    private let sum: UnsafeMutablePointer<Float>
    /// `[rows]` each: what the running softmax keeps, and the steps of codes.
    private let maxima: UnsafeMutablePointer<Float>
    private let sums: UnsafeMutablePointer<Float>
    private let correction: UnsafeMutablePointer<Float>
    private let steps: UnsafeMutablePointer<Float>
    private let querySteps: UnsafeMutablePointer<Float>
    /// `[rows, size]` as halves or codes, rows `roundedStride` elements apart.
    private let roundedQueries: UnsafeMutableRawPointer

    /// What is multiplied.
    enum Form {
        case floats, halves, codes
    }

    /// Floats of scratch that tiles of at most `rows` queries and `keys` keys need.
    static func floats(rows: Int, keys: Int, size: Int) -> Int {
        rows * (keys + 2 * size + 8)
    }

    /// - Parameters:
    ///   - keys: how many there are, in tiles no longer than `longestTile`.
    ///   - scratch: `floats` elements.
    init(
        _ form: Form, rows: Int, size: Int, keys: Int, longestTile: Int,
        scratch: UnsafeMutablePointer<Float>, backend: Backend
    ) {
        self.form = form
        keyCount = keys
        self.rows = rows
        self.size = size
        self.backend = backend
        scores = scratch
        sum = scores + rows * longestTile
        maxima = sum + rows * size
        sums = maxima + rows
        correction = sums + rows
        steps = correction + rows
        querySteps = steps + rows
        roundedQueries = UnsafeMutableRawPointer(querySteps + rows)
    }

    private var roundedStride: Int { (size + 3) / 4 * 4 }

    private var halves: UnsafeMutablePointer<UInt16> {
        roundedQueries.assumingMemoryBound(to: UInt16.self)
    }

    private var codes: UnsafeMutablePointer<Int8> {
        roundedQueries.assumingMemoryBound(to: Int8.self)
    }

    /// - Parameter queries: `[rows, size]`, rows `ld` floats apart.
    func begin(_ queries: UnsafePointer<Float>, ld: Int) {
        maxima.update(repeating: -.infinity, count: rows)
        sums.update(repeating: 0, count: rows)
        switch form {
        case .floats: break
        case .halves: backend.kernels.bf16_round(rows, size, queries, ld, halves, roundedStride)
        case .codes:
            backend.kernels.q8_rows(rows, size, queries, ld, codes, roundedStride, querySteps)
        }
    }

    /// Adds the keys `range` and their values.
    ///
    /// - Parameters:
    ///   - queries: as in `begin`.
    ///   - keys: packed `[size, keys]`.
    ///   - values: packed `[keys, size]`.
    func add(
        _ range: Range<Int>, queries: UnsafePointer<Float>, ld: Int, keys: PackedOperand,
        values: PackedOperand
    ) {
        // Exponentials are powers of two.
        let slope = Float(1 / Double(size).squareRoot() * 1.4426950408889634)
        let columns = range.count
        let kernels = backend.kernels
        score(range, queries, ld: ld, keys)
        switch form {
        case .codes:
            kernels.q8_softmax_step(
                rows, columns, slope, scores, columns, maxima, sums, correction, steps)
        case .halves:
            kernels.bf16_softmax_step(
                rows, columns, slope, scores, columns, maxima, sums, correction)
        case .floats:
            kernels.f32_softmax_step(
                rows, columns, slope, scores, columns, maxima, sums, correction)
        }
        // Where no maximum has grown the factors are one.
        let isFirst = range.lowerBound == 0
        if !isFirst, (0..<rows).contains(where: { correction[$0] != 1 }) {
            kernels.f32_scale_rows(rows, size, correction, sum, size, sum, size)
        }
        addValues(range, values, isFirst: isFirst)
    }

    /// The exponentials of the keys `range` times their values.
    private func addValues(_ range: Range<Int>, _ values: PackedOperand, isFirst: Bool) {
        let columns = range.count
        let exponentials = UnsafeRawPointer(scores)
        switch values {
        case .codes(let values, let scales):
            backend.multiply(
                rows: rows, codes: exponentials.assumingMemoryBound(to: Int8.self),
                lda: 4 * columns, steps: steps, by: values, scales: scales, inner: keyCount,
                range, columns: size, into: sum, ldc: size, accumulate: !isFirst)
        case .floats(let values, let layout) where form == .halves:
            backend.multiply(
                rows: rows, rounded: exponentials.assumingMemoryBound(to: UInt16.self),
                lda: 2 * columns, by: values, layout, range, 0..<size, into: sum, ldc: size,
                accumulate: !isFirst)
        case .floats(let values, let layout):
            multiply(
                scores, lda: columns, by: values, layout, range, 0..<size, into: sum, ldc: size,
                accumulate: !isFirst)
        }
    }

    /// Q·Kᵀ of the keys `range`.
    private func score(
        _ range: Range<Int>, _ queries: UnsafePointer<Float>, ld: Int, _ keys: PackedOperand
    ) {
        switch keys {
        case .floats(let keys, let layout) where form == .halves:
            backend.multiply(
                rows: rows, rounded: halves, lda: roundedStride, by: keys, layout,
                0..<size, range, into: scores, ldc: range.count, accumulate: false)
        case .floats(let keys, let layout):
            multiply(
                queries, lda: ld, by: keys, layout, 0..<size, range, into: scores,
                ldc: range.count, accumulate: false)
        case .codes(let keys, let scales):
            backend.multiply(
                rows: rows, codes: codes, lda: roundedStride, steps: querySteps, by: keys,
                scales: scales, inner: size, columns: keyCount, range, into: scores,
                ldc: range.count)
        }
    }

    /// Writes the weighted means of the values.
    ///
    /// - Parameter out: `[rows, size]`, rows `ld` floats apart.
    func finish(into out: UnsafeMutablePointer<Float>, ld: Int) {
        for row in 0..<rows { sums[row] = 1 / sums[row] }
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
