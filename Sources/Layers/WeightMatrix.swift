// Weights in the order in which products read them, packed once when the model loads.

import CKernels
import Tensor

/// A packed `[inner, columns]` = `[inputs, outputs]` matrix of weights: the right operand of a
/// product with channels-last activations.
package struct WeightMatrix: Sendable {
    private let layout: PackedLayout
    private let packed: Tensor

    /// Inputs: taps × input channels, the taps outermost.
    package var inner: Int { layout.inner }
    /// Outputs.
    package var columns: Int { layout.columns }

    /// Gathers the matrix from PyTorch's order of weights.
    ///
    /// - Parameters:
    ///   - source: the weights of the layer, in PyTorch's order.
    ///   - rowOffsets: where each input stands in `source` for output 0.
    ///   - columnOffsets: what to add for each output; nil for an output that is zero throughout.
    package init(
        _ source: [Float], rowOffsets: [Int], columnOffsets: [Int?], on backend: Backend
    ) {
        let (inner, columns) = (rowOffsets.count, columnOffsets.count)
        let matrix = backend.tensor(Shape(inner, columns))
        // Blocks of inputs, so that a cache line of `source` is still there for its neighbours.
        let block = 16
        let blocks = (inner + block - 1) / block
        source.withUnsafeBufferPointer { source in
            backend.parallelFor(blocks) { index in
                let target = matrix.pointer
                let rows = index * block..<min((index + 1) * block, inner)
                for column in 0..<columns {
                    guard let columnOffset = columnOffsets[column] else {
                        for row in rows { target[row * columns + column] = 0 }
                        continue
                    }
                    for row in rows {
                        target[row * columns + column] = source[rowOffsets[row] + columnOffset]
                    }
                }
            }
        }
        let layout = PackedLayout(inner: inner, columns: columns, precision: backend.precision)
        self.layout = layout
        packed = withExtendedLifetime(matrix) {
            Self.pack(
                layout, matrix.pointer, innerStride: columns, columnStride: 1, on: backend)
        }
    }

    /// The matrix of a linear layer whose PyTorch weight is `[outputs, inputs]`; `outputs` may be
    /// a part of the rows of `weight`.
    package init(linear weight: [Float], inputs: Int, outputs: Range<Int>, on backend: Backend) {
        let layout = PackedLayout(
            inner: inputs, columns: outputs.count, precision: backend.precision)
        self.layout = layout
        packed = weight.withUnsafeBufferPointer { weight in
            Self.pack(
                layout, weight.baseAddress! + outputs.lowerBound * inputs, innerStride: 1,
                columnStride: inputs, on: backend)
        }
    }

    private static func pack(
        _ layout: PackedLayout, _ b: UnsafePointer<Float>, innerStride: Int, columnStride: Int,
        on backend: Backend
    ) -> Tensor {
        let packed = backend.tensor(Shape(backend.packedFloats(layout)))
        let width = backend.panelColumns
        backend.parallelFor((layout.columns + width - 1) / width) { panel in
            let range = panel * width..<min((panel + 1) * width, layout.columns)
            backend.pack(
                layout, 0..<layout.inner, range,
                from: b + range.lowerBound * columnStride, innerStride: innerStride,
                columnStride: columnStride, into: packed.pointer)
        }
        return packed
    }

    /// C = A·W + bias, or C += A·W, on the calling thread, with the inner dimension in segments.
    ///
    /// - Parameters:
    ///   - segments: parts of the rows of A, which are `lda` floats apart, each with its place in
    ///     W's inner dimension.
    ///   - bias: `[columns]`, not used if `accumulate`.
    ///   - c: `[rows, columns]`, rows `ldc` floats apart.
    package func multiply(
        rows: Int, _ segments: UnsafeBufferPointer<gemm_segment>, lda: Int,
        bias: UnsafePointer<Float>? = nil, into c: UnsafeMutablePointer<Float>, ldc: Int,
        accumulate: Bool = false,
        on backend: Backend
    ) {
        withExtendedLifetime(packed) {
            backend.multiply(
                rows: rows, segments, lda: lda, by: packed.pointer, layout, 0..<columns,
                bias: bias, into: c, ldc: ldc, accumulate: accumulate)
        }
    }

    /// C = A·W + bias for `rows` rows of A, `[rows, inner]`, that are `lda` floats apart.
    package func multiply(
        rows: Int, _ a: UnsafePointer<Float>, lda: Int, bias: UnsafePointer<Float>? = nil,
        into c: UnsafeMutablePointer<Float>, ldc: Int, on backend: Backend
    ) {
        withUnsafePointer(to: gemm_segment(a: a, first: 0, count: inner)) { segment in
            multiply(
                rows: rows, UnsafeBufferPointer(start: segment, count: 1), lda: lda, bias: bias,
                into: c, ldc: ldc, on: backend)
        }
    }
}
