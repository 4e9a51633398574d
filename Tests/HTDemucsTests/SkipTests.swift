import HTDemucs
import Networks
import Tensor
import Testing

/// Skips: float32 or rounded to bfloat16.
@Suite struct SkipTests {
    /// More than a tile, and an odd number of elements.
    static let count = (1 << 16) + 4_097

    @Test(arguments: [Precision.float32, .bfloat16, .int8])
    func waitsInSixteenBitsBelowFloat32(precision: Precision) throws {
        let backend = try Backend(threads: 2, precision: precision)
        let values = (0..<Self.count).map { 1 + Float($0 % 1_021) / 1_021 }
        let target = backend.tensor(
            [1, Self.count, 1], [Float](repeating: 0, count: Self.count))
        let x = backend.tensor([1, Self.count, 1], values)
        Skip(x, on: backend).add(to: target, on: backend)
        // bfloat16 has a mantissa of eight bits: half a unit in the last place is 2^-8 between 1
        // and 2.
        let bound: Float = precision == .float32 ? 0 : 0x1p-8
        let errors = zip(target.floats, values).map { abs($0 - $1) }
        #expect(errors.allSatisfy { $0 <= bound })
        #expect((errors.max() == 0) == (precision == .float32), "rounded where products round")
    }
}
