// A forward pass takes nothing from the heap once a first one has run, on any thread.

import CAllocations
import HTDemucs
import Tensor
import TestSupport
import Testing
import WeightsLoader

@Suite struct AllocationTests {
    /// In a process of its own, where nobody else's allocations are counted.
    @Test(.enabled(if: allocations_are_counted() != 0))
    func forwardTakesNothingFromTheHeapAfterTheFirstTime() async {
        await #expect(processExitsWith: .success) {
            let cases = Precision.allCases.flatMap { precision in
                [1, 2, 3].map { (precision, threads: $0) }
            }
            for (precision, threads) in cases {
                let backend = try Backend(threads: threads, precision: precision)
                let model = try HTDemucs(
                    try Checkpoint.open(Fixture.url("models/base.safetensors").path),
                    backend: backend)
                let samples = model.configuration.segmentSamples
                let mix = backend.tensor(
                    [2, samples], (0..<2 * samples).map { Float($0 % 97) / 97 - 0.5 })
                let token = CancellationToken()
                _ = try model.forward(mix, cancellation: token)
                let before = allocations_so_far()
                _ = try model.forward(mix, cancellation: token)
                _ = try model.forward(mix, cancellation: token)
                #expect(allocations_so_far() == before, "\(precision), \(threads) threads")
            }
        }
    }
}
