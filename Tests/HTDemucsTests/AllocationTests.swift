// A forward pass allocates a bounded number of small heap blocks for input of any length:
// activations come from the pool.

import CAllocations
import HTDemucs
import Networks
import Tensor
import TestSupport
import Testing
import WeightsLoader

@Suite struct AllocationTests {
    /// Number of heap blocks that the second pass of a model allocates, and the largest of them.
    private static func allocations(
        of model: LoadedNetwork, samples: Int
    ) throws -> (count: Int, largestBytes: Int) {
        let mix = model.backend.tensor(
            [2, samples], (0..<2 * samples).map { Float($0 % 97) / 97 - 0.5 })
        _ = try model.forward(mix)
        let before = allocations_so_far()
        _ = largest_allocation()
        _ = try model.forward(mix)
        return (allocations_so_far() - before, largest_allocation())
    }

    /// In a process of its own, so that no other allocations are counted.
    @Test(.enabled(if: allocations_are_counted() != 0))
    func forwardTakesFewSmallBlocksForAnyLength() async {
        await #expect(processExitsWith: .success) {
            let cases = Precision.allCases.flatMap { precision in
                [1, 2, 3].map { (precision, threads: $0) }
            }
            for (precision, threads) in cases {
                let checkpoint = try Checkpoint.open(
                    Fixture.url("models/any_length.safetensors").path)
                let backend = try Backend(threads: threads, precision: precision)
                // OpenBLAS's kernels for AVX-512 allocate blocks of their own.
                let allocating = ["SkylakeX", "Cooperlake", "SapphireRapids"]
                if precision == .float32,
                    allocating.contains(where: backend.productsDescription.hasSuffix)
                {
                    continue
                }
                let model = try checkpoint.network(backend: backend)
                let samples = model.configuration.segmentSamples
                let short = try Self.allocations(of: model, samples: 4 * samples)
                let long = try Self.allocations(of: model, samples: 16 * samples)
                // One closure for each loop and one object for each tensor: 80 to 160 blocks in
                // this model, of at most 176 bytes; and for the pass a backend, whose two tables
                // of kernels have 960. The smallest activation has thousands of bytes.
                for (count, largestBytes) in [short, long] {
                    #expect(count < 300, "\(precision), \(threads) threads")
                    #expect(largestBytes < 2048, "\(precision), \(threads) threads")
                }
                #expect(abs(long.count - short.count) < 50, "\(precision), \(threads) threads")
            }
        }
    }
}
