// Also Embedded Swift: typed throws, no key paths, no casts.
// Packed weights, in the order in which products read them; packed once when the model loads.

import CKernels
import Tensor

/// A packed `[inner, columns]` = `[inputs, outputs]` matrix of weights: the right operand of a
/// product with channels-last activations.
package struct WeightMatrix: Sendable {
    /// Number of inputs: taps × input channels, the taps outermost.
    package let inner: Int
    /// Number of outputs.
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
    ///   - rowOffsets: index in `source` of each input's weight for output 0.
    ///   - columnOffsets: offset to add for each output; nil for an output whose weights are all
    ///     zero.
    ///   - channels: the output channel of each column, which selects its scale; nil if column and
    ///     channel are the same.
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
        let rowOffsets = Array(0..<inputs)
        let columnOffsets: [Int?] = outputs.map { $0 * inputs }
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
        // Blocks of inputs, so that a cache line of `source` is still in the cache for the next
        // inputs.
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
                backend.kernels.qc8w_pack(
                    packed_matrix(bytes: packed.pointer, inner: inner, columns: columns),
                    range.lowerBound, range.count, first + range.lowerBound, columns)
            }
        }
        return packed
    }

    /// C = A·W + bias, or C += A·W, on the calling thread, with the inner dimension in segments.
    ///
    /// - Parameters:
    ///   - segments: parts of the rows of A, which are `lda` floats apart, each with its position
    ///     in W's inner dimension.
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
            let product =
                switch activations {
                case .float32 where backend.quantizesTo14Bits: backend.kernels.qd14_qc8w_gemm
                case .float32: backend.kernels.f32_qc8w_gemm
                case .bfloat16: backend.kernels.bf16_qc8w_gemm
                // Each row of each segment has its own row scale.
                case .int8: backend.kernels.qd8_qc8w_gemm
                }
            withExtendedLifetime((packed, scales)) {
                product(
                    rows, segments.count, segments.baseAddress!, lda,
                    packed_matrix(bytes: packed.pointer, inner: inner, columns: columns), 0,
                    columns, scales.pointer, bias, c, ldc, accumulate ? 1 : 0)
            }
        }
    }

    /// Whether rows of A may be given in bfloat16: the product runs in bfloat16, no observer needs
    /// the unrounded values, and the inner dimension is even.
    var takesBFloat16: Bool {
        guard case .floats(let layout) = form else { return false }
        return layout.precision == .bfloat16 && observer == nil && inner % 2 == 0
    }

    /// C = A·W + bias, on the calling thread.
    ///
    /// - Parameters:
    ///   - a: `[rows, part.count]`, in bfloat16 only if `takesBFloat16`.
    ///   - part: the rows of W that A belongs to; in bfloat16 both bounds are even. Nil for all.
    ///   - bias: `[columns]`
    ///   - c: `[rows, columns]`, rows `ldc` floats apart.
    package func multiply(
        rows: Int, _ a: Operand, part: Range<Int>? = nil, bias: UnsafePointer<Float>? = nil,
        into c: UnsafeMutablePointer<Float>, ldc: Int, on backend: Backend
    ) {
        let part = part ?? 0..<inner
        switch (a, form) {
        case (.floats(let a, let ld), _):
            multiply(
                rows: rows, 0..<1, width: part.count, from: part.lowerBound, lda: ld, bias: bias,
                into: c, ldc: ldc, on: backend
            ) { _ in UnsafePointer(a) }
        case (.bfloat16(let a, let ld), .floats(let layout)):
            withExtendedLifetime(packed) {
                backend.multiply(
                    rows: rows, bfloat16: a, lda: ld, by: packed.pointer, layout, part,
                    0..<columns, bias: bias, into: c, ldc: ldc, accumulate: false)
            }
        case (.bfloat16, .quantized): preconditionFailure("INT8 weights take floats")
        }
    }

    /// C = A·W + bias for A = `[rows, inner]`, rows `lda` floats apart.
    package func multiply(
        rows: Int, _ a: UnsafePointer<Float>, lda: Int, bias: UnsafePointer<Float>? = nil,
        into c: UnsafeMutablePointer<Float>, ldc: Int, on backend: Backend
    ) {
        multiply(
            rows: rows, 0..<1, width: inner, lda: lda, bias: bias, into: c, ldc: ldc, on: backend
        ) { _ in a }
    }

    /// C = A·W + bias, or C += A·W, on the calling thread. W's rows are blocks of `width` rows, and
    /// A has one segment for each block of `blocks`.
    ///
    /// - Parameters:
    ///   - first: the row of W at which block 0 begins.
    ///   - segment: the address of a block's first row in A; rows are `lda` floats apart.
    func multiply(
        rows: Int, _ blocks: Range<Int>, width: Int, from first: Int = 0, lda: Int,
        bias: UnsafePointer<Float>? = nil, into c: UnsafeMutablePointer<Float>, ldc: Int,
        accumulate: Bool = false, on backend: Backend,
        segment: (_ block: Int) -> UnsafePointer<Float>
    ) {
        withUnsafeTemporaryAllocation(of: gemm_segment.self, capacity: blocks.count) { segments in
            for (index, block) in blocks.enumerated() {
                segments[index] = gemm_segment(
                    a: segment(block), first: first + block * width, count: width)
            }
            multiply(
                rows: rows, UnsafeBufferPointer(segments), lda: lda, bias: bias, into: c,
                ldc: ldc, accumulate: accumulate, on: backend)
        }
    }
}

/// Rows of activations in scratch memory, about to be multiplied by weights.
package enum Operand {
    /// Rows `ld` floats apart.
    case floats(UnsafeMutablePointer<Float>, ld: Int)
    /// Rows `ld` elements apart, already rounded to bfloat16 by the code that wrote them; `ld` is
    /// even.
    case bfloat16(UnsafeMutablePointer<UInt16>, ld: Int)
}

extension WeightMatrix {
    /// An operand for this matrix in scratch memory, which has room for its rows of `ld` floats.
    package func operand(in scratch: UnsafeMutablePointer<Float>, ld: Int) -> Operand {
        guard takesBFloat16, ld % 2 == 0 else { return .floats(scratch, ld: ld) }
        return .bfloat16(
            UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: UInt16.self), ld: ld)
    }
}
