// Some queries of one head of attention, which pass over the keys and values tile by tile.

import CKernels
import Tensor

/// The keys of a head as the right operand of the scores' product, `[size, keys]`.
enum PackedKeys {
    case floats(UnsafePointer<Float>, PackedLayout)
    /// Codes with a scale for each key.
    case codes(UnsafePointer<Float>, scales: UnsafePointer<Float>)
}

/// The state of softmax(Q·Kᵀ / √size)·V for `rows` queries: what the keys so far add up to.
///
/// In bfloat16 the queries are rounded once, and softmax writes its exponentials as the next product
/// reads them. With codes for keys the queries are quantised on the way.
struct AttentionTile {
    private let rows: Int
    /// Channels of a head.
    private let size: Int
    private let backend: Backend
    private let isNarrow: Bool
    /// `[rows, keys of a tile]`, with room for the longest tile of keys.
    private let scores: UnsafeMutablePointer<Float>
    /// `[rows, size]`: exponentials times values.
    private let sum: UnsafeMutablePointer<Float>
    /// `[rows]` each: what the running softmax keeps.
    private let maxima: UnsafeMutablePointer<Float>
    private let sums: UnsafeMutablePointer<Float>
    private let correction: UnsafeMutablePointer<Float>
    /// `[rows, size]` with rows of an even length.
    private let roundedQueries: UnsafeMutablePointer<UInt16>

    /// Floats of scratch that tiles of at most `rows` queries and `keys` keys need.
    static func floats(rows: Int, keys: Int, size: Int) -> Int {
        rows * (keys + 2 * size + 4)
    }

    /// - Parameters:
    ///   - longestKeys: of the tiles of keys.
    ///   - scratch: `floats` elements.
    init(
        rows: Int, size: Int, longestKeys: Int, scratch: UnsafeMutablePointer<Float>,
        backend: Backend
    ) {
        self.rows = rows
        self.size = size
        self.backend = backend
        isNarrow = backend.precision.ofFloats == .bfloat16
        scores = scratch
        sum = scores + rows * longestKeys
        maxima = sum + rows * size
        sums = maxima + rows
        correction = sums + rows
        roundedQueries = UnsafeMutableRawPointer(correction + rows)
            .assumingMemoryBound(to: UInt16.self)
    }

    private var roundedStride: Int { (size + 1) / 2 * 2 }

    /// - Parameter queries: `[rows, size]`, rows `ld` floats apart.
    func begin(_ queries: UnsafePointer<Float>, ld: Int) {
        maxima.update(repeating: -.infinity, count: rows)
        sums.update(repeating: 0, count: rows)
        guard isNarrow else { return }
        backend.kernels.bf16_round(rows, size, queries, ld, roundedQueries, roundedStride)
    }

    /// Adds the keys `range` and their values.
    ///
    /// - Parameters:
    ///   - queries: as in `begin`.
    ///   - values: packed `[keys, size]`.
    func add(
        _ range: Range<Int>, queries: UnsafePointer<Float>, ld: Int, keys: PackedKeys,
        values: UnsafePointer<Float>, _ valueLayout: PackedLayout
    ) {
        // Exponentials are powers of two.
        let slope = Float(1 / Double(size).squareRoot() * 1.4426950408889634)
        let isFirst = range.lowerBound == 0
        let columns = range.count
        score(range, queries, ld: ld, keys)
        let step =
            isNarrow ? backend.kernels.bf16_softmax_step : backend.kernels.f32_softmax_step
        step(rows, columns, slope, scores, columns, maxima, sums, correction)
        // Where no maximum has grown, as in most tiles after the first few, the factors are one.
        if !isFirst, (0..<rows).contains(where: { correction[$0] != 1 }) {
            backend.kernels.f32_scale_rows(rows, size, correction, sum, size, sum, size)
        }
        if isNarrow {
            let exponentials = UnsafeRawPointer(scores).assumingMemoryBound(to: UInt16.self)
            backend.multiply(
                rows: rows, rounded: exponentials, lda: 2 * columns, by: values, valueLayout,
                range, 0..<size, into: sum, ldc: size, accumulate: !isFirst)
        } else {
            multiply(
                scores, lda: columns, by: values, valueLayout, range, 0..<size, into: sum,
                ldc: size, accumulate: !isFirst)
        }
    }

    /// Q·Kᵀ of the keys `range`.
    private func score(
        _ range: Range<Int>, _ queries: UnsafePointer<Float>, ld: Int, _ keys: PackedKeys
    ) {
        switch keys {
        case .floats(let keys, let layout) where isNarrow:
            backend.multiply(
                rows: rows, rounded: roundedQueries, lda: roundedStride, by: keys, layout,
                0..<size, range, into: scores, ldc: range.count, accumulate: false)
        case .floats(let keys, let layout):
            multiply(
                queries, lda: ld, by: keys, layout, 0..<size, range, into: scores,
                ldc: range.count, accumulate: false)
        case .codes(let keys, let scales):
            backend.multiply(
                rows: rows, quantising: queries, lda: ld, by: keys, scales: scales, inner: size,
                range, into: scores, ldc: range.count)
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
