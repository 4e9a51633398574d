// Products with INT8 weights: integers from -127 to 127 and a scale for each column.

import CKernels

extension Backend {
    /// Floats of memory that packed INT8 values of `[inner, columns]` take.
    package func packedInt8Floats(inner: Int, columns: Int) -> Int {
        (kernels.qc8w_packed_bytes(inner, columns) + 3) / 4
    }

    /// Packs the quantized columns `range`, which starts at a multiple of `panelColumns`.
    ///
    /// - Parameter quantized: `[inner, columns]`, row-major, from the first of these columns on.
    package func packInt8(
        inner: Int, columns: Int, _ range: Range<Int>, from quantized: UnsafePointer<Int8>,
        into packed: UnsafeMutablePointer<Float>
    ) {
        kernels.qc8w_pack(
            inner, range.count, quantized, columns,
            UnsafeMutableRawPointer(packed) + kernels.qc8w_packed_bytes(inner, range.lowerBound))
    }

    /// Quantises and packs the columns `range` of a B whose columns are rows of floats, less an offset.
    ///
    /// - Parameters:
    ///   - b: the first of these columns, `[range.count, inner]`, `ldb` floats apart.
    ///   - range: from a multiple of `panelColumns` on.
    ///   - offset: `[inner]`
    ///   - packed: of all columns.
    ///   - scales: of all columns; those of the range are written.
    package func packInt8(
        inner: Int, _ range: Range<Int>, quantizing b: UnsafePointer<Float>, ldb: Int,
        less offset: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>,
        scales: UnsafeMutablePointer<Float>
    ) {
        kernels.qc8w_pack_rows(
            inner, range.count, b, ldb, offset,
            UnsafeMutableRawPointer(packed) + kernels.qc8w_packed_bytes(inner, range.lowerBound),
            scales + range.lowerBound)
    }

    /// Quantises and packs the rows `range` of a `[inner, columns]` matrix with given scales.
    ///
    /// - Parameters:
    ///   - b: `[range.count, columns]`, rows `ldb` floats apart.
    ///   - range: from a multiple of 4 on, as long as one but for the last.
    ///   - scales: `[columns]`
    package func packInt8(
        inner: Int, _ range: Range<Int>, columns: Int, quantizing b: UnsafePointer<Float>,
        ldb: Int, scales: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>
    ) {
        kernels.qc8w_pack_scaled(
            inner, range.lowerBound, range.count, columns, b, ldb, scales, packed)
    }

    /// C = A·B, or C += A·B, on the calling thread, for a quantized A that belongs to the rows `part`
    /// of a packed B.
    ///
    /// - Parameters:
    ///   - a: `[rows, part.count]`, rows `lda` bytes apart.
    ///   - rowScales: `[rows]`, the value of one step of each row of A.
    ///   - part: from a multiple of 4 on.
    package func multiply(
        rows: Int, quantized a: UnsafePointer<Int8>, lda: Int, rowScales: UnsafePointer<Float>,
        by packed: UnsafePointer<Float>, scales: UnsafePointer<Float>, inner: Int,
        _ part: Range<Int>, columns: Int, into c: UnsafeMutablePointer<Float>, ldc: Int,
        accumulate: Bool
    ) {
        kernels.q8_qc8w_gemm(
            rows, columns, part.lowerBound, part.count, a, lda, rowScales, packed, inner, scales, c,
            ldc, accumulate ? 1 : 0)
    }

    /// C = A·B, on the calling thread, for a quantized A and the columns `range` of a packed B.
    ///
    /// - Parameters:
    ///   - a: `[rows, inner]`, rows `lda` bytes apart.
    ///   - rowScales: `[rows]`, the value of one step of each row of A.
    ///   - range: from a multiple of `panelColumns` on.
    ///   - c: `[rows, range.count]`, rows `ldc` floats apart.
    package func multiply(
        rows: Int, quantized a: UnsafePointer<Int8>, lda: Int, rowScales: UnsafePointer<Float>,
        by packed: UnsafePointer<Float>, scales: UnsafePointer<Float>, inner: Int,
        _ range: Range<Int>, into c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        kernels.q8_qc8w_gemm(
            rows, range.count, 0, inner, a, lda, rowScales,
            UnsafeRawPointer(packed) + kernels.qc8w_packed_bytes(inner, range.lowerBound),
            inner, scales + range.lowerBound, c, ldc, 0)
    }

    /// C = A·B + bias, or C += A·B, on the calling thread.
    ///
    /// - Parameters:
    ///   - activations: what A is rounded to; with int8 each row of each segment gets a scale of its
    ///     own.
    ///   - packed: B in INT8, `[inner, columns]`.
    ///   - scales: `[columns]`
    ///   - segments: as in the product with floats.
    package func multiply(
        rows: Int, _ segments: UnsafeBufferPointer<gemm_segment>, lda: Int,
        in activations: Precision, by packed: UnsafePointer<Float>, scales: UnsafePointer<Float>,
        inner: Int, columns: Int, bias: UnsafePointer<Float>?,
        into c: UnsafeMutablePointer<Float>, ldc: Int, accumulate: Bool
    ) {
        let product =
            switch activations {
            case .float32: kernels.f32_qc8w_gemm
            case .bfloat16: kernels.bf16_qc8w_gemm
            case .int8: kernels.qd8_qc8w_gemm
            }
        product(
            rows, columns, segments.count, segments.baseAddress!, lda, packed, inner, scales, bias,
            c, ldc, accumulate ? 1 : 0)
    }
}
