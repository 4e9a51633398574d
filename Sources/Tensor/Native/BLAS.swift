// Single-precision matrix products: OpenBLAS where it is installed, Accelerate on Apple platforms.

import CBLAS
import CKernels
import System

/// A BLAS of the system: Accelerate, or OpenBLAS, opened at run time and run on one thread, because the
/// pool splits the work and OpenBLAS's own threads scale badly on shapes as small as these.
package struct BLAS: Sendable {
    let name: String

    /// The kernels that it runs with, by OpenBLAS's own name (`SkylakeX`, `Haswell`, …).
    let core: String

    private let cblasSgemm: cblas_sgemm_function

    #if canImport(Darwin)

        /// Whether BLAS is faster than our own kernels: only it can use the CPU's matrix unit.
        static func isFaster(than instructions: InstructionSet) -> Bool { true }

        /// Compiles on Apple platforms; untested there.
        init(isa: InstructionSet) throws(BackendError) {
            name = "Accelerate"
            core = "Apple"
            cblasSgemm = accelerate_sgemm
        }

    #else

        private static let libraryNames = ["libopenblas.so.0", "libopenblas.so"]

        /// Whether BLAS is faster than our own kernels: on a CPU whose instructions they don't use.
        static func isFaster(than instructions: InstructionSet) -> Bool { instructions == .plain }

        init(isa: InstructionSet) throws(BackendError) {
            // Debian's OpenBLAS 0.3.21 takes CPUs newer than itself for Haswell and runs at half
            // speed there. OpenBLAS reads this variable once, when it is loaded. The 0 keeps a
            // value that the user has set.
            if let coreType = isa.openBLASCoreType { setenv("OPENBLAS_CORETYPE", coreType, 0) }
            // Keeps OpenBLAS from starting threads that would stay idle.
            setenv("OPENBLAS_NUM_THREADS", "1", 1)

            var reason = ""
            var library: UnsafeMutableRawPointer?
            for name in Self.libraryNames where library == nil {
                library = dlopen(name, RTLD_NOW | RTLD_LOCAL)
                if library == nil, let text = dlerror() { reason = String(cString: text) }
            }
            guard let library else {
                throw .libraryNotFound(names: Self.libraryNames, reason: reason)
            }
            func symbol(_ name: String) throws(BackendError) -> UnsafeMutableRawPointer {
                guard let address = dlsym(library, name) else {
                    throw .symbolNotFound(symbol: name, library: Self.libraryNames[0])
                }
                return address
            }
            // The casts give the addresses the types of the functions in OpenBLAS's cblas.h.
            cblasSgemm = unsafeBitCast(try symbol("cblas_sgemm"), to: cblas_sgemm_function.self)
            let setThreads = unsafeBitCast(
                try symbol("openblas_set_num_threads"), to: openblas_set_num_threads_function.self)
            let coreName = unsafeBitCast(
                try symbol("openblas_get_corename"), to: openblas_get_corename_function.self)
            setThreads(1)
            name = "OpenBLAS"
            core = coreName().map { String(cString: $0) } ?? "unknown"
        }

    #endif

    func sgemm(
        m: Int, n: Int, k: Int,
        a: UnsafePointer<Float>, lda: Int,
        b: UnsafePointer<Float>, ldb: Int, accumulate: Bool, c: UnsafeMutablePointer<Float>,
        ldc: Int
    ) {
        cblasSgemm(
            Int32(CBLAS_ROW_MAJOR), Int32(CBLAS_NO_TRANS), Int32(CBLAS_NO_TRANS),
            Int32(m), Int32(n), Int32(k), 1, a, Int32(lda), b, Int32(ldb),
            accumulate ? 1 : 0, c, Int32(ldc))
    }
}
