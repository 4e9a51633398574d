// BLAS where a program can't open libraries.

/// A BLAS, which can't be opened: all products are our own.
package struct BLAS: Sendable {
    let name = "none"
    let core = "none"

    static func isFaster(than instructions: InstructionSet) -> Bool { false }

    init(isa: InstructionSet) throws(BackendError) {
        throw .libraryNotFound(names: [], reason: "this program opens no libraries")
    }

    func sgemm(
        m: Int, n: Int, k: Int,
        a: UnsafePointer<Float>, lda: Int,
        b: UnsafePointer<Float>, ldb: Int, accumulate: Bool, c: UnsafeMutablePointer<Float>,
        ldc: Int
    ) {
        preconditionFailure("no BLAS is open")
    }
}
