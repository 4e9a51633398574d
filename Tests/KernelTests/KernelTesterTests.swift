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

    @Test func theKernelsOnEmulatedTilesAgreeWithThePlainOnes() {
        #expect(kernel_tester_run(kernels_emulated_amx()) == 0)
    }

    /// The check that machines with tiles make at the first use.
    @Test func wrongProductsDisagree() {
        #expect(products_agree(kernels_emulated_amx(), kernels_plain()))
        let faults: [(inout kernel_table) -> Void] = [
            { $0.f32_bf16w_gemm = $0.f32_gemm }, { $0.qd8_qc8w_gemm = $0.qd14_qc8w_gemm },
            { $0.qd14_qc8w_gemm = $0.qd8_qc8w_gemm },
        ]
        for add in faults {
            var broken = kernels_emulated_amx().pointee
            add(&broken)
            #expect(!products_agree(&broken, kernels_plain()))
        }
    }

    @Test func everyKernelWouldBeMissed() {
        #expect(kernel_tester_blind_cases() == 0)
    }
}
