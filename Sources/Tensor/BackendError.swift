// Also Embedded Swift: typed throws, no key paths, no casts.
// Errors of choosing kernels and matrix products.

import System

/// The kernels or the matrix products that the environment forces can't run.
public enum BackendError: Error, Equatable, Sendable, DescribedError {
    /// No shared library of these names could be opened.
    case libraryNotFound(names: [String], reason: String)
    /// The library lacks a function that is needed.
    case symbolNotFound(symbol: String, library: String)
    /// `SWIFT_DEMUCS_PRODUCTS` has an unknown value.
    case unknownProducts(value: String)
    /// `SWIFT_DEMUCS_ISA` names kernels that are unknown or can't run on this CPU.
    /// `reason` says why a set is left out whose instructions the CPU has.
    case instructionSetMissing(value: String, available: [String], reason: String? = nil)

    public var description: String {
        switch self {
        case .libraryNotFound(let names, let reason):
            "cannot open OpenBLAS (\(names.joined(separator: ", "))): \(reason); "
                + "install it (Debian: libopenblas0-pthread) or put its folder into LD_LIBRARY_PATH"
        case .symbolNotFound(let symbol, let library):
            "\(library) has no function \(symbol): it is not a complete OpenBLAS; "
                + "install Debian's libopenblas0-pthread"
        case .unknownProducts(let value):
            "the environment variable SWIFT_DEMUCS_PRODUCTS is '\(value)'; use packed or blas, or "
                + "unset it"
        case .instructionSetMissing(let value, let available, let reason):
            "the environment variable SWIFT_DEMUCS_ISA is '\(value)', which this CPU and build can't "
                + "run\(reason.map { " (\($0))" } ?? ""); use one of \(available.joined(separator: ", ")), or unset it"
        }
    }
}

extension BackendError: CausedError {
    public var cause: ErrorCause {
        switch self {
        case .libraryNotFound, .symbolNotFound, .unknownProducts, .instructionSetMissing: .engine
        }
    }
}
