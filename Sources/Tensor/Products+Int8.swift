// Products with INT8 weights: codes from -127 to 127 and a scale for each column.

import CKernels

extension Backend {
    /// Floats of memory that packed codes of `[inner, columns]` take.
    package func packedCodeFloats(inner: Int, columns: Int) -> Int {
        (kernels.qc8w_packed_bytes(inner, columns) + 3) / 4
    }

    /// Packs the codes of the columns `range`, which starts at a multiple of `panelColumns`.
    ///
    /// - Parameter codes: `[inner, columns]`, row-major, from the first of these columns on.
    package func packCodes(
        inner: Int, columns: Int, _ range: Range<Int>, from codes: UnsafePointer<Int8>,
        into packed: UnsafeMutablePointer<Float>
    ) {
        kernels.qc8w_pack(
            inner, range.count, codes, columns,
            UnsafeMutableRawPointer(packed) + kernels.qc8w_packed_bytes(inner, range.lowerBound))
    }

    /// C = A·B + bias, or C += A·B, on the calling thread.
    ///
    /// - Parameters:
    ///   - activations: what A is rounded to; with int8 each row of each segment gets a step of its
    ///     own.
    ///   - packed: the codes of B, `[inner, columns]`.
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
