// Forcing a set of kernels by the environment. Each test that sets a variable runs in a process of
// its own, because other tests read the environment at the same time.

import Foundation
import Tensor
import Testing

@Suite struct InstructionSetTests {
    @Test func plainKernelsRunEverywhereAndTheBestOnesHere() throws {
        #expect(InstructionSet.plain.isAvailable)
        #expect(InstructionSet.best.isAvailable)
    }

    /// The best set is the last that is available.
    @Test(arguments: [
        [InstructionSet.plain, .avx2, .avxvnni, .avx512, .avx512vnni, .avx512bf16],
        [.plain, .neon, .neondot, .neonbf16],
    ])
    func aSetFollowsTheOnesThatItHasTheInstructionsOf(family: [InstructionSet]) {
        #expect(InstructionSet.allCases.filter(family.contains) == family)
    }

    @Test func bfloat16IsTheFastestPrecisionWhereTheCPUMultipliesIt() {
        #expect(InstructionSet.allCases.filter(\.multipliesBFloat16) == [.avx512bf16, .neonbf16])
    }

    @Test(arguments: [InstructionSet.avx2, .avxvnni, .avx512, .avx512vnni])
    func nothingIsRoundedToBFloat16WhereItIsNotMultiplied(_ set: InstructionSet) throws {
        guard set.isAvailable else { return }
        for precision in [Precision.float32, .int8] {
            let backend = try Backend(
                threads: 1, precision: precision, instructions: set, products: .packed)
            #expect(backend.fastestPrecision == .float32)
            #expect(backend.precisionOfFloats == .float32)
        }
    }

    @Test func everyAvailableSetCanBeForced() async {
        await #expect(processExitsWith: .success) {
            for instructions in InstructionSet.allCases where instructions.isAvailable {
                setenv(InstructionSet.environmentVariable, instructions.rawValue, 1)
                let backend = try Backend(threads: 1)
                guard backend.instructionSet == instructions.rawValue else { exit(EXIT_FAILURE) }
            }
        }
    }

    @Test func anEmptyVariableForcesNothing() async {
        await #expect(processExitsWith: .success) {
            setenv(InstructionSet.environmentVariable, "", 1)
            exit(try InstructionSet.selected() == .best ? EXIT_SUCCESS : EXIT_FAILURE)
        }
    }

    @Test func anUnknownSetIsRefused() async {
        await #expect(processExitsWith: .success) {
            setenv(InstructionSet.environmentVariable, "sse9", 1)
            do {
                _ = try Backend(threads: 1)
                exit(EXIT_FAILURE)
            } catch let error as InstructionSetError {
                let isComplete =
                    error.value == "sse9" && error.available.contains("plain")
                    && error.description.contains("SWIFT_DEMUCS_ISA is 'sse9'")
                exit(isComplete ? EXIT_SUCCESS : EXIT_FAILURE)
            }
        }
    }

    @Test func aSetThatIsNotAvailableIsRefused() async {
        await #expect(processExitsWith: .success) {
            // No CPU has both of these sets.
            for instructions in [InstructionSet.neon, .avx2] where !instructions.isAvailable {
                setenv(InstructionSet.environmentVariable, instructions.rawValue, 1)
                do {
                    _ = try InstructionSet.selected()
                    exit(EXIT_FAILURE)
                } catch let error as InstructionSetError {
                    guard error.value == instructions.rawValue else { exit(EXIT_FAILURE) }
                }
            }
        }
    }
}
