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
        fastestPrecision = backend.fastestPrecision
    }

    /// The fastest precision on this machine with verified quality (docs/parity.md): bfloat16 if
    /// the CPU has instructions for its products, else float32.
    public let fastestPrecision: Precision
}

/// A precision that may depend on the model and the machine.
package enum PrecisionChoice: Sendable, Equatable {
    /// INT8 for a model with INT8 weights, float32 for all others.
    case ofModel
    /// INT8 for a model with INT8 weights, ``EngineInformation/fastestPrecision`` for all others.
    case fastest
    case fixed(Precision)

    /// - Throws: the errors of ``EngineInformation/init()``.
    package func precision(isQuantized: Bool) throws -> Precision {
        if case .fixed(let precision) = self { return precision }
        if isQuantized { return .int8 }
        return self == .fastest ? try EngineInformation().fastestPrecision : .float32
    }
}
