// The choice of the kernels: the fastest set that the CPU can run, or the set that the user forces.

import CKernels
import LibC

/// A set of kernels, named after the instructions that they use.
package enum InstructionSet: String, CaseIterable, Sendable {
    case plain, avx2, avxvnni, avx512, avx512vnni, avx512bf16, neon, neondot, neonbf16

    /// Forces a set of kernels, for tests and measurements.
    package static let environmentVariable = "SWIFT_DEMUCS_ISA"

    /// The fastest set that this CPU and build can run.
    package static var best: InstructionSet {
        allCases.last { $0.isAvailable } ?? .plain
    }

    /// Whether products in bfloat16 are faster than in float32.
    package var multipliesBFloat16: Bool { self == .avx512bf16 || self == .neonbf16 }

    /// Whether products of INT8 weights with activations of 14 bits are faster than those with
    /// floats: integers are multiplied at least twice as fast as floats, and bfloat16 is not.
    package var multiplies14Bits: Bool {
        switch self {
        case .avx2, .avxvnni, .avx512, .avx512vnni, .neondot: true
        case .plain, .avx512bf16, .neon, .neonbf16: false
        }
    }

    package var isAvailable: Bool { table != nil }

    /// The set that runs: `SWIFT_DEMUCS_ISA` if it is set, else the best.
    ///
    /// - Throws: ``InstructionSetError`` if the variable names a set that is unknown or that this
    ///   CPU can't run.
    package static func selected() throws -> InstructionSet {
        guard let value = forced(by: environmentVariable) else { return best }
        guard let forced = InstructionSet(rawValue: value), forced.isAvailable else {
            throw InstructionSetError(
                value: value, available: allCases.filter(\.isAvailable).map(\.rawValue))
        }
        return forced
    }

    /// The value of an environment variable that forces kernels; nil if it is empty or not set.
    static func forced(by variable: String) -> String? {
        guard let value = getenv(variable), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// The kernels of this set; the plain ones where it is not available.
    package var kernels: kernel_table { (table ?? kernels_plain()).pointee }

    private var table: UnsafePointer<kernel_table>? {
        switch self {
        case .plain: kernels_plain()
        case .avx2: kernels_avx2()
        case .avxvnni: kernels_avxvnni()
        case .avx512: kernels_avx512()
        case .avx512vnni: kernels_avx512vnni()
        case .avx512bf16: kernels_avx512bf16()
        case .neon: kernels_neon()
        case .neondot: kernels_neondot()
        case .neonbf16: kernels_neonbf16()
        }
    }

    /// The name of OpenBLAS's kernels for the same instructions; nil leaves the choice to OpenBLAS.
    var openBLASCoreType: String? {
        switch self {
        case .plain: nil
        case .avx2, .avxvnni: "Haswell"
        case .avx512, .avx512vnni, .avx512bf16: "SkylakeX"
        case .neon, .neondot, .neonbf16: nil
        }
    }
}

/// `SWIFT_DEMUCS_ISA` names kernels that are unknown or can't run on this CPU.
public struct InstructionSetError: Error, Equatable, CustomStringConvertible {
    public let value: String
    public let available: [String]

    public var description: String {
        "the environment variable SWIFT_DEMUCS_ISA is '\(value)', which this CPU and build can't "
            + "run; use one of \(available.joined(separator: ", ")), or unset it"
    }
}
