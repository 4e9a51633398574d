import ModelZoo
import Tensor

/// The instruction set and the GEMM backend of the engine on this machine.
public struct EngineInformation: Sendable, Equatable {
    /// The kernels chosen for this CPU, such as `avx512`.
    public let instructionSet: String
    /// Why the fastest kernels are not chosen, if the CPU could run them; else nil.
    package let obstacle: String?
    /// The GEMM backend: our own kernels (`packed`), or a BLAS with the CPU core that it detected
    /// (`OpenBLAS SkylakeX`).
    public let products: String

    /// Whether this is a release build; a debug build is thirty times slower.
    public static var isOptimized: Bool {
        #if DEBUG
            false
        #else
            true
        #endif
    }

    /// Inspects this machine.
    ///
    /// - Throws: `BackendError` if the environment forces kernels or products that can't run here.
    public init() throws {
        let backend = try Backend(threads: 1)
        instructionSet = backend.instructionSet
        obstacle = InstructionSet.names.compactMap(InstructionSet.obstacle).first
        products = backend.productsDescription
    }

    /// The precision that `auto` is for a model on this machine: INT8 for INT8 weights, and for
    /// HTDemucs where that is at least 1.3 times as fast as all others (docs/int8.md); else the
    /// faster of bfloat16 and float32. Reads the model's files and blocks.
    ///
    /// - Throws: the errors of opening the model, and of ``init()``.
    public static func automaticPrecision(of files: ModelFiles) throws -> Precision {
        try PrecisionChoice.auto.precision(for: OpenedModel(files).int8Support)
    }
}
