// Weights in the order in which products read them, packed once when the model loads.

import CKernels
import Tensor

/// A packed `[inner, columns]` = `[inputs, outputs]` matrix of weights: the right operand of a
/// product with channels-last activations.
package struct WeightMatrix: Sendable {
    /// Inputs: taps × input channels, the taps outermost.
    package let inner: Int
    /// Outputs.
    package let columns: Int
    private let packed: Tensor
    private let form: Form
    /// Sees the left operands during a calibration.
    private let observer: (any ProductObserver)?

    private enum Form: Sendable {
        case floats(PackedLayout)
        /// INT8 values with a scale for each column.
        case quantized(scales: Tensor, activations: Precision)
    }

    /// Gathers the matrix from PyTorch's order of weights.
    ///
    /// - Parameters:
    ///   - source: the weights of the layer, in PyTorch's order.
    ///   - rowOffsets: where each input stands in `source` for output 0.
    ///   - columnOffsets: what to add for each output; nil for an output that is zero throughout.
    ///   - channels: the output channel of each column, which has its scale; nil if they are one.
    package init(
        _ source: LayerWeights, rowOffsets: [Int], columnOffsets: [Int?],
        channels: ((_ column: Int) -> Int)? = nil, on backend: Backend
    ) {
        inner = rowOffsets.count
        columns = columnOffsets.count
        observer = source.observer(rowOffsets: rowOffsets, columnOffsets: columnOffsets)
        switch source.values {
        case .floats(let floats):
            let matrix = backend.tensor([rowOffsets.count, columnOffsets.count])
            let layout = PackedLayout(
                inner: matrix.shape[0], columns: matrix.shape[1], precision: source.activations)
            form = .floats(layout)
            packed = withExtendedLifetime(matrix) {
                Self.gather(
                    floats, rowOffsets, columnOffsets, into: matrix.pointer, on: backend)
                return Self.pack(
                    layout, matrix.pointer, innerStride: layout.columns, columnStride: 1,
                    on: backend)
            }
        case .quantized(let quantized, let scales):
            form = .quantized(
                scales: backend.tensor(
                    [columnOffsets.count],
                    columnOffsets.indices.map { scales[channels?($0) ?? $0] }),
                activations: source.activations)
            packed = Self.packedInt8(quantized, rowOffsets, columnOffsets, on: backend)
        }
    }

    /// The matrix of a linear layer whose PyTorch weight is `[outputs, inputs]`; `outputs` may be
    /// a part of the rows of `weight`.
    package init(
        linear weight: LayerWeights, inputs: Int, outputs: Range<Int>, on backend: Backend
    ) {
        let (rowOffsets, columnOffsets) = (Array(0..<inputs), outputs.map { $0 * inputs })
        guard case .floats(let floats) = weight.values else {
            self.init(
                weight, rowOffsets: rowOffsets, columnOffsets: columnOffsets,
                channels: { outputs.lowerBound + $0 }, on: backend)
            return
        }
        let layout = PackedLayout(
            inner: inputs, columns: outputs.count, precision: weight.activations)
        self.init(
            layout,
            packed: floats.withUnsafeBufferPointer { floats in
                Self.pack(
                    layout, floats.baseAddress! + outputs.lowerBound * inputs, innerStride: 1,
                    columnStride: inputs, on: backend)
            }, observer: weight.observer(rowOffsets: rowOffsets, columnOffsets: columnOffsets))
    }

    private init(_ layout: PackedLayout, packed: Tensor, observer: (any ProductObserver)?) {
        inner = layout.inner
        columns = layout.columns
        form = .floats(layout)
        self.packed = packed
        self.observer = observer
    }

    /// `matrix[row, column] = source[rowOffsets[row] + columnOffsets[column]]`
    private static func gather<Element: Numeric & Sendable>(
        _ source: [Element], _ rowOffsets: [Int], _ columnOffsets: [Int?],
        into matrix: UnsafeMutablePointer<Element>, on backend: Backend
    ) {
        let (inner, columns) = (rowOffsets.count, columnOffsets.count)
        // Blocks of inputs, so that a cache line of `source` is still there for its neighbours.
        let block = 16
        source.withUnsafeBufferPointer { source in
            backend.parallelFor((inner + block - 1) / block) { index in
                let rows = index * block..<min((index + 1) * block, inner)
                for column in 0..<columns {
                    guard let columnOffset = columnOffsets[column] else {
                        for row in rows { matrix[row * columns + column] = 0 }
                        continue
                    }
                    for row in rows {
                        matrix[row * columns + column] = source[rowOffsets[row] + columnOffset]
                    }
                }
            }
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

    private static func packedInt8(
        _ quantized: [Int8], _ rowOffsets: [Int], _ columnOffsets: [Int?], on backend: Backend
    ) -> Tensor {
        let (inner, columns) = (rowOffsets.count, columnOffsets.count)
        let packed = backend.tensor([backend.packedInt8Floats(inner: inner, columns: columns)])
        let width = backend.panelColumns
        withUnsafeTemporaryAllocation(of: Int8.self, capacity: max(inner * columns, 1)) { matrix in
            let first = matrix.baseAddress!
            gather(quantized, rowOffsets, columnOffsets, into: first, on: backend)
            backend.parallelFor((columns + width - 1) / width) { panel in
                let range = panel * width..<min((panel + 1) * width, columns)
                backend.packInt8(
                    inner: inner, columns: columns, range, from: first + range.lowerBound,
                    into: packed.pointer)
            }
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
        observer?.observe(rows: rows, segments, lda: lda)
        switch form {
        case .floats(let layout):
            withExtendedLifetime(packed) {
                backend.multiply(
                    rows: rows, segments, lda: lda, by: packed.pointer, layout, 0..<columns,
                    bias: bias, into: c, ldc: ldc, accumulate: accumulate)
            }
        case .quantized(let scales, let activations):
            withExtendedLifetime((packed, scales)) {
                backend.multiply(
                    rows: rows, segments, lda: lda, in: activations, by: packed.pointer,
                    scales: scales.pointer, inner: inner, columns: columns, bias: bias, into: c,
                    ldc: ldc, accumulate: accumulate)
            }
        }
    }

    /// Whether rows of A may come rounded to bfloat16: the product runs in bfloat16, no observer
    /// needs the unrounded values, and the inner dimension holds whole pairs.
    var takesBFloat16: Bool {
        guard case .floats(let layout) = form else { return false }
        return layout.precision == .bfloat16 && observer == nil && inner % 2 == 0
    }

    /// C = A·W + bias for rows of A in bfloat16 that belong to a part of W's rows, on
    /// the calling thread. Only if `takesBFloat16`.
    ///
    /// - Parameters:
    ///   - a: `[rows, part.count]`, rows `lda` elements apart, an even number.
    ///   - part: an even number of rows from an even one on.
    func multiply(
        rows: Int, bfloat16 a: UnsafePointer<UInt16>, lda: Int, _ part: Range<Int>,
        bias: UnsafePointer<Float>? = nil, into c: UnsafeMutablePointer<Float>, ldc: Int,
        on backend: Backend
    ) {
        guard case .floats(let layout) = form else {
            preconditionFailure("INT8 weights take floats")
        }
        withExtendedLifetime(packed) {
            backend.multiply(
                rows: rows, bfloat16: a, lda: lda, by: packed.pointer, layout, part, 0..<columns,
                bias: bias, into: c, ldc: ldc, accumulate: false)
        }
    }

    /// C = A·W + bias for `rows` rows of A, `[rows, inner]`, that are `lda` floats apart.
    package func multiply(
        rows: Int, _ a: UnsafePointer<Float>, lda: Int, bias: UnsafePointer<Float>? = nil,
        into c: UnsafeMutablePointer<Float>, ldc: Int, on backend: Backend
    ) {
        multiply(
            rows: rows, a, lda: lda, 0..<inner, bias: bias, into: c, ldc: ldc, on: backend)
    }

    /// The same for rows of A, `[rows, part.count]`, that belong to a part of W's rows.
    func multiply(
        rows: Int, _ a: UnsafePointer<Float>, lda: Int, _ part: Range<Int>,
        bias: UnsafePointer<Float>? = nil, into c: UnsafeMutablePointer<Float>, ldc: Int,
        on backend: Backend
    ) {
        let segment = gemm_segment(a: a, first: part.lowerBound, count: part.count)
        withUnsafePointer(to: segment) { segment in
            multiply(
                rows: rows, UnsafeBufferPointer(start: segment, count: 1), lda: lda, bias: bias,
                into: c, ldc: ldc, on: backend)
        }
    }
}
