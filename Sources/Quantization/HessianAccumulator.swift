// Second moments of the inputs of a matrix product, summed over the segments of a calibration.

import CKernels
import Layers
import Synchronization
import Tensor

/// Sums xᵀx over the rows x of a product's left operand: half the Hessian of |x·(Ŵ − W)|² with
/// respect to each column of the rounded weights Ŵ.
package final class HessianAccumulator: ProductObserver {
    /// The moments Σ x and Σ xᵀx over a sample of the rows.
    package struct Moments: Sendable {
        /// Number of rows in the sums.
        package fileprivate(set) var count = 0
        /// `[inner]`
        package fileprivate(set) var sums: [Double]
        /// `[inner, inner]`, row-major; valid on and below the diagonal.
        package fileprivate(set) var squares: [Float]
    }

    private struct State {
        /// Rows kept of the present segment, `[kept, inner]`.
        var rows: [Float] = []
        /// Every `interval`-th row of the segment is kept.
        var interval = 1
        /// Number of rows of the segment so far.
        var seen = 0
        var moments = Moments(sums: [], squares: [])
    }

    /// Number of elements of a row.
    package let inner: Int
    package let columns: Int
    private let rowOffsets: [Int]
    private let columnOffsets: [Int?]
    private let order: [Int?]?
    private let rowsPerSegment: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - rowOffsets: the weights' offsets of each input, see ``Layers/LayerObserver`` also for
    ///     `columnOffsets` and `order`.
    ///   - rowsPerSegment: the most rows kept of each segment; even.
    init(rowOffsets: [Int], columnOffsets: [Int?], order: [Int?]?, rowsPerSegment: Int) {
        inner = rowOffsets.count
        columns = columnOffsets.count
        self.rowOffsets = rowOffsets
        self.columnOffsets = columnOffsets
        self.order = order
        self.rowsPerSegment = rowsPerSegment
    }

    /// The index in the tensor of the weight of an input and a column; nil for a zero that the tensor
    /// does not store.
    package func place(_ input: Int, _ column: Int) -> Int? {
        guard let columnOffset = columnOffsets[column] else { return nil }
        let index = rowOffsets[input] + columnOffset
        return order.map { $0[index] } ?? index
    }

    package var moments: Moments { state.withLock { $0.moments } }

    /// Keeps rows at equal intervals over a segment: when they become too many, every other kept
    /// row is dropped.
    ///
    /// The choice depends on the order of the calls, so run the network on one thread.
    package func observe(
        rows: Int, _ segments: UnsafeBufferPointer<gemm_segment>, lda: Int
    ) {
        state.withLock { state in
            for row in 0..<rows {
                defer { state.seen += 1 }
                guard state.seen % state.interval == 0 else { continue }
                if state.rows.count == rowsPerSegment * inner {
                    for kept in 0..<rowsPerSegment / 2 {
                        for k in 0..<inner {
                            state.rows[kept * inner + k] = state.rows[2 * kept * inner + k]
                        }
                    }
                    state.rows.removeLast(rowsPerSegment / 2 * inner)
                    state.interval *= 2
                    guard state.seen % state.interval == 0 else { continue }
                }
                // Zeros first, because a convolution has no segment for its padding.
                let first = state.rows.count
                state.rows.append(contentsOf: repeatElement(0, count: inner))
                for segment in segments {
                    let values = segment.a.assumingMemoryBound(to: Float.self) + row * lda
                    for k in 0..<segment.count {
                        state.rows[first + segment.first + k] = values[k]
                    }
                }
            }
        }
    }

    /// Ends a segment: adds its kept rows to the moments.
    package func endSegment(on backend: Backend) {
        state.withLock { state in
            let count = state.rows.count / inner
            guard count > 0 else { return }
            if state.moments.count == 0 {
                state.moments.sums = Array(repeating: 0, count: inner)
                state.moments.squares = Array(repeating: 0, count: inner * inner)
            }
            state.moments.count += count
            for row in 0..<count {
                for k in 0..<inner {
                    state.moments.sums[k] += Double(state.rows[row * inner + k])
                }
            }
            let rows = backend.tensor([count, inner], state.rows)
            withExtendedLifetime(rows) {
                Self.addSquares(rows, to: &state.moments.squares, on: backend)
            }
            state.rows.removeAll(keepingCapacity: true)
            (state.interval, state.seen) = (1, 0)
        }
    }

    /// squares += xᵀ·x for x `[count, inner]`, on and below the diagonal.
    private static func addSquares(
        _ x: Tensor, to squares: inout [Float], on backend: Backend
    ) {
        let (count, inner) = (x.shape[0], x.shape[1])
        let transposed = backend.tensor([inner, count])
        let layout = PackedLayout(inner: count, columns: inner, precision: .float32)
        let packed = backend.tensor(Shape(backend.packedFloats(layout)))
        let width = backend.panelColumns
        backend.parallelFor((inner + width - 1) / width) { panel in
            let range = panel * width..<min((panel + 1) * width, inner)
            backend.pack(
                layout, 0..<count, range, from: x.pointer + range.lowerBound, innerStride: inner,
                columnStride: 1, into: packed.pointer)
            for k in range {
                for row in 0..<count {
                    transposed.pointer[k * count + row] = x.pointer[row * inner + k]
                }
            }
        }
        squares.withUnsafeMutableBufferPointer { squares in
            // The closure runs on several threads, so it captures a constant; each call writes its
            // own rows.
            let squares = squares.baseAddress!
            let rows = 48
            backend.parallelFor((inner + rows - 1) / rows) { block in
                let range = block * rows..<min((block + 1) * rows, inner)
                // Columns up to the end of the panel with the diagonal.
                let columns = min(inner, (range.upperBound + width - 1) / width * width)
                let segment = gemm_segment(
                    a: transposed.pointer + range.lowerBound * count, first: 0, count: count)
                withUnsafePointer(to: segment) { segment in
                    backend.multiply(
                        rows: range.count, UnsafeBufferPointer(start: segment, count: 1),
                        lda: count, by: packed.pointer, layout, 0..<columns,
                        into: squares + range.lowerBound * inner, ldc: inner, accumulate: true)
                }
            }
        }
        withExtendedLifetime((transposed, packed)) {}
    }
}

// MARK: - Rounding the product's weights

extension HessianAccumulator {
    /// Sets E[x²] for each weight of the product.
    ///
    /// - Parameter values: mean squares in the order of the tensor.
    func fillMeanSquares(_ values: inout [Float]) {
        let moments = moments
        for input in 0..<inner {
            let mean = moments.squares[input * inner + input] / Float(moments.count)
            for column in 0..<columns {
                if let place = place(input, column) { values[place] = mean }
            }
        }
    }

    /// Rounds the product's weights with ``GPTQ``.
    ///
    /// - Parameters:
    ///   - weights: weights of the whole tensor.
    ///   - scales: scales of the output channels.
    ///   - quantized: rounded weights of the whole tensor; those of the product are set.
    func round(
        _ weights: [Float], _ quantizer: Quantizer, scales: [Float], into quantized: inout [Int8],
        on backend: Backend
    ) {
        let (inner, columns) = (inner, columns)
        let places = (0..<inner * columns).map { place($0 / columns, $0 % columns) }
        let columnScales = (0..<columns).map { column in
            (0..<inner).lazy.compactMap { places[$0 * columns + column] }.first
                .map { scales[quantizer.channel(ofPlace: $0)] } ?? 1
        }
        let rounded = GPTQ(squares: moments.squares, order: inner, on: backend)
            .quantized(
                places.map { $0.map { weights[$0] } ?? 0 }, scales: columnScales, on: backend)
        for (place, value) in zip(places, rounded) {
            if let place { quantized[place] = value }
        }
    }

    /// Adds the mean error of each output channel, Σ E[x]·error over its inputs.
    ///
    /// A transposed convolution computes neighbouring samples of a channel in one product, with a
    /// column for each: the mean over these columns is added.
    ///
    /// - Parameters:
    ///   - errors: errors of the weights, in the order of the tensor.
    ///   - means: mean errors of the output channels.
    package func addMeanErrors(
        of errors: [Float], _ quantizer: Quantizer, to means: inout [Double]
    ) {
        let moments = moments
        var sums = means.map { _ in 0.0 }
        var countColumns = means.map { _ in 0.0 }
        for column in 0..<columns {
            var (sum, channel) = (0.0, Int?.none)
            for input in 0..<inner {
                guard let place = place(input, column) else { continue }
                channel = quantizer.channel(ofPlace: place)
                sum += moments.sums[input] / Double(moments.count) * Double(errors[place])
            }
            guard let channel else { continue }
            sums[channel] += sum
            countColumns[channel] += 1
        }
        for channel in means.indices where countColumns[channel] > 0 {
            means[channel] += sums[channel] / countColumns[channel]
        }
    }
}
