// Also Embedded Swift: typed throws, no key paths, no casts.
// The choice of the kernels: the fastest set that the CPU can run, or the set that the user forces.

import CKernels
import System

/// A set of kernels that this CPU and build can run, named after the instructions that it uses.
package struct InstructionSet: Sendable, CustomStringConvertible {
    package let kernels: kernel_table

    /// The names of the sets of all CPUs, as kernel_sets.h lists them.
    package static var names: [String] {
        var names: [String] = []
        while let name = kernel_set_name(names.count) { names.append(String(cString: name)) }
        return names
    }

    /// The sets that this CPU and build can run; a set follows those whose instructions it has.
    package static var available: [InstructionSet] { names.compactMap(InstructionSet.init) }

    #if !hasFeature(Embedded)
        /// The plain kernels, which run everywhere.
        package static var plain: InstructionSet {
            InstructionSet(kernels: kernels_plain().pointee)
        }
    #endif

    /// The fastest set that this CPU and build can run.
    package static var best: InstructionSet { available[available.count - 1] }

    /// Forces a set of kernels, for tests and measurements.
    package static let environmentVariable = "SWIFT_DEMUCS_ISA"

    private init(kernels: kernel_table) { self.kernels = kernels }

    /// - Returns: nil for a set that is unknown, or that this CPU or build can't run.
    package init?(named name: String) {
        guard let table = kernel_set(name) else { return nil }
        kernels = table.pointee
    }

    /// `avx512bf16`, `neondot`, `plain` and so on.
    package var name: String { Self.text(kernels.name) }
    package var description: String { name }

    /// Whether products in bfloat16 are faster than in float32.
    var multipliesBFloat16: Bool { kernels.multiplies_bf16 }

    /// Whether products of INT8 weights with activations of 14 bits are faster than those with
    /// floats.
    var multiplies14Bits: Bool { kernels.multiplies_14_bits }

    /// Whether 3 × 3 convolutions are faster by Winograd's algorithm in float32 than with INT8
    /// weights.
    var winogradBeatsInt8: Bool { kernels.winograd_beats_int8 }

    /// Whether INT8 is at least 1.3 times as fast as the precisions of floats.
    var int8IsMuchFaster: Bool { kernels.int8_is_much_faster }

    /// The name of OpenBLAS's kernels for the same instructions; nil leaves the choice to OpenBLAS.
    var openBLASCoreType: String? {
        let core = Self.text(kernels.blas_core)
        return core.isEmpty ? nil : core
    }

    /// The set that runs: `SWIFT_DEMUCS_ISA` if it is set, else the best.
    ///
    /// - Throws: ``BackendError/instructionSetMissing(value:available:reason:)``.
    package static func selected() throws(BackendError) -> InstructionSet {
        guard let value = forced(by: environmentVariable) else { return best }
        guard let forced = InstructionSet(named: value) else {
            throw .instructionSetMissing(
                value: value, available: available.map { $0.name }, reason: obstacle(to: value))
        }
        return forced
    }

    /// Why a set is left out although the CPU has its instructions; nil if there is no such reason.
    package static func obstacle(to name: String) -> String? {
        kernel_set_obstacle(name).map { String(cString: $0) }
    }

    /// The value of an environment variable that forces kernels; nil if it is empty or not set.
    static func forced(by variable: String) -> String? {
        guard let value = getenv(variable), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// The text in an array of characters of C, which Swift imports as a tuple.
    private static func text(_ characters: some Any) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

extension InstructionSet: Equatable {
    package static func == (first: InstructionSet, second: InstructionSet) -> Bool {
        first.name == second.name
    }
}
