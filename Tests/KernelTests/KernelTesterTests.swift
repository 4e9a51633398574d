// Runs the C tester, which also runs on machines without Swift (Tests/system/test_kernels).

import CKernelTester
import Tensor
import Testing

@Suite struct KernelTesterTests {
    @Test(arguments: InstructionSet.available)
    func theKernelsOfEverySetAgreeWithThePlainOnes(_ set: InstructionSet) {
        var kernels = set.kernels
        #expect(kernel_tester_run(&kernels) == 0)
    }

    @Test func everyKernelWouldBeMissed() {
        #expect(kernel_tester_blind_cases() == 0)
    }
}
