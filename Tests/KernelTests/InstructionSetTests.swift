// Forcing a set of kernels by the environment. Each test that sets a variable runs in a process of
// its own, because other tests read the environment at the same time.

import Foundation
import Tensor
import Testing

@Suite struct InstructionSetTests {
    @Test func plainKernelsRunEverywhere() {
        #expect(InstructionSet.available.first == .plain)
    }

    /// A table under another name would be forced by that name, and reported as another set.
    @Test func eachSetHasTheNameThatItIsFoundBy() {
        #expect(Set(InstructionSet.names).count == InstructionSet.names.count)
        for name in InstructionSet.names {
            let set = InstructionSet(named: name)
            #expect(set == nil || set?.name == name)
        }
    }

    @Test(arguments: InstructionSet.available)
    func nothingIsRoundedToBFloat16WhereItIsNotMultiplied(_ set: InstructionSet) throws {
        for precision in [Precision.float32, .int8] {
            let backend = try Backend(
                threads: 1, precision: precision, instructions: set, products: .packed)
            let multiplies = set.kernels.multiplies_bf16
            #expect(backend.fastestFloatPrecision == (multiplies ? .bfloat16 : .float32))
            #expect((backend.precisionOfFloats == .bfloat16) == (multiplies && precision == .int8))
        }
    }

    @Test(arguments: InstructionSet.available)
    func int8IsMuchFasterWhereThatWasMeasured(_ set: InstructionSet) {
        let measured = ["avxvnni", "avx512vnni", "avx512bf16"]
        #expect(set.kernels.int8_is_much_faster == measured.contains(set.name))
    }

    @Test func everyAvailableSetCanBeForced() async {
        await #expect(processExitsWith: .success) {
            for instructions in InstructionSet.available {
                setenv(InstructionSet.environmentVariable, instructions.name, 1)
                let backend = try Backend(threads: 1)
                guard backend.instructionSet == instructions.name else { exit(EXIT_FAILURE) }
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
            } catch BackendError.instructionSetMissing(let value, let available, _) {
                let error = BackendError.instructionSetMissing(value: value, available: available)
                let isComplete =
                    value == "sse9" && available.contains("plain")
                    && error.description.contains("SWIFT_DEMUCS_ISA is 'sse9'")
                exit(isComplete ? EXIT_SUCCESS : EXIT_FAILURE)
            }
        }
    }

    @Test func aSetThatIsNotAvailableIsRefused() async {
        await #expect(processExitsWith: .success) {
            // No CPU has both of these sets.
            for name in ["neon", "avx2"] where InstructionSet(named: name) == nil {
                setenv(InstructionSet.environmentVariable, name, 1)
                do {
                    _ = try InstructionSet.selected()
                    exit(EXIT_FAILURE)
                } catch BackendError.instructionSetMissing(let value, _, _) {
                    guard value == name else { exit(EXIT_FAILURE) }
                }
            }
        }
    }
}
