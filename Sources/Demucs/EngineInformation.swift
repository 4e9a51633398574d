import Tensor

/// The instruction set and the GEMM backend of the engine on this machine.
public struct EngineInformation: Sendable, Equatable {
    /// The kernels chosen for this CPU, `avx512`.
    public let instructionSet: String
    /// The GEMM backend: our own kernels (`packed`), or a BLAS and the core that it takes this CPU
    /// for (`OpenBLAS SkylakeX`).
    public let products: String

    /// Inspects this machine.
    ///
    /// - Throws: `BLASError` if a BLAS is needed and missing, `InstructionSetError` or
    ///   `GEMMBackendError` if the environment forces one that can't run here.
    public init() throws {
        let backend = try Backend(threads: 1)
        instructionSet = backend.instructionSet
        products = backend.productsDescription
        fastestPrecision = backend.fastestPrecision
    }

    /// The fastest precision on this machine whose quality is shown (docs/parity.md): bfloat16 where
    /// the CPU multiplies it, else float32.
    public let fastestPrecision: Precision
}
