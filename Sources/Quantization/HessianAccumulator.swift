// What the products of a layer are given, gathered over the segments of a calibration.

import CKernels
import Layers
import Synchronization
import Tensor

/// The products that a tensor of weights becomes: most layers have one; a strided convolution has one
/// for each block of its taps, an attention one for its queries and one for keys and values.
package final class LayerInputs: LayerObserver {
    private let found = Mutex<[HessianAccumulator]>([])
    /// Rows kept of each segment.
    private let rowsPerSegment: Int

    /// - Parameter rowsPerSegment: that are kept for each product, at most; even.
    package init(rowsPerSegment: Int) { self.rowsPerSegment = rowsPerSegment }

    /// In the order in which they were built.
    package var products: [HessianAccumulator] { found.withLock { $0 } }

    /// - Parameters:
    ///   - order: where each element of what the offsets point into stands in the tensor; nil where
    ///     that is the tensor itself.
    package func product(
        rowOffsets: [Int], columnOffsets: [Int?], order: [Int?]?
    ) -> any ProductObserver {
        let product = HessianAccumulator(
            rowOffsets: rowOffsets, columnOffsets: columnOffsets, order: order,
            rowsPerSegment: rowsPerSegment)
        found.withLock { $0.append(product) }
        return product
    }
}

/// The second moments of a product's left operand: Σ xᵀx over its rows x.
package final class HessianAccumulator: ProductObserver {
    /// Σ x and Σ xᵀx of `count` rows, of `countAll` that there were.
    package struct Moments: Sendable {
        package fileprivate(set) var count = 0
        package fileprivate(set) var countAll = 0
        package fileprivate(set) var sums: [Double]
        /// `[inner, inner]`, row-major; of use on and below the diagonal.
        package fileprivate(set) var squares: [Float]
    }

    private struct State {
        /// Rows of the present segment, one after the other.
        var rows: [Float] = []
        /// Every `step`-th row of the segment is kept.
        var step = 1
        var seen = 0
        var moments = Moments(sums: [], squares: [])
    }

    /// Elements of a row.
    package let inner: Int
    package let columns: Int
    private let rowOffsets: [Int]
    private let columnOffsets: [Int?]
    private let order: [Int?]?
    private let rowsPerSegment: Int
    private let state = Mutex(State())

    fileprivate init(
        rowOffsets: [Int], columnOffsets: [Int?], order: [Int?]?, rowsPerSegment: Int
    ) {
        inner = rowOffsets.count
        columns = columnOffsets.count
        self.rowOffsets = rowOffsets
        self.columnOffsets = columnOffsets
        self.order = order
        self.rowsPerSegment = rowsPerSegment
    }

    /// Where the weight of an input and a column stands in the tensor; nil for one that is zero
    /// because the tensor has none there.
    package func place(_ input: Int, _ column: Int) -> Int? {
        guard let columnOffset = columnOffsets[column] else { return nil }
        let index = rowOffsets[input] + columnOffset
        return order.map { $0[index] } ?? index
    }

    package var moments: Moments { state.withLock { $0.moments } }

    /// Keeps rows of a product's left operand, evenly spread over those of a segment: whenever there
    /// are too many, every other one goes.
    ///
    /// Which they are depends on the order of the calls: use one thread.
    package func observe(
        rows: Int, _ segments: UnsafeBufferPointer<gemm_segment>, lda: Int
    ) {
        state.withLock { state in
            for row in 0..<rows {
                defer { state.seen += 1 }
                guard state.seen % state.step == 0 else { continue }
                if state.rows.count == rowsPerSegment * inner {
                    for kept in 0..<rowsPerSegment / 2 {
                        for k in 0..<inner {
                            state.rows[kept * inner + k] = state.rows[2 * kept * inner + k]
                        }
                    }
                    state.rows.removeLast(rowsPerSegment / 2 * inner)
                    state.step *= 2
                    guard state.seen % state.step == 0 else { continue }
                }
                // A convolution has no segment for what lies outside.
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

    /// Adds the rows of the segment that has ended to the moments.
    package func endSegment(on backend: Backend) {
        state.withLock { state in
            let count = state.rows.count / inner
            guard count > 0 else { return }
            if state.moments.count == 0 {
                state.moments.sums = Array(repeating: 0, count: inner)
                state.moments.squares = Array(repeating: 0, count: inner * inner)
            }
            state.moments.count += count
            state.moments.countAll += state.seen
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
            (state.step, state.seen) = (1, 0)
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
            // Bound to a constant for the closure that runs on several threads; each writes rows of
            // its own.
            let squares = squares.baseAddress!
            let rows = 48
            backend.parallelFor((inner + rows - 1) / rows) { block in
                let range = block * rows..<min((block + 1) * rows, inner)
                // Whole panels.
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
