// Tests of the drawn tensors: Python and Swift draw the same bits.

import TestSupport
import Testing

struct DrawnTensorTests {
    /// The first outputs of Vigna's splitmix64.c for this seed.
    @Test func generatorIsSplitMix64() {
        var random = SplitMix64(seed: 1_234_567)
        #expect(
            [random.next(), random.next(), random.next()] == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ])
    }

    /// Compares with the tensors that reference/support_fixtures.py has stored beside the
    /// rules.
    @Test func drawnTensorsAreThoseOfPythonBitForBit() throws {
        let fixture = try Fixture("support/draws")
        let drawn = fixture.names.filter { !$0.hasSuffix(".values") }
        #expect(drawn.count == 4)
        for name in drawn {
            let (found, expected) = try (fixture.floats(name), fixture.floats(name + ".values"))
            #expect(try fixture.shape(name) == fixture.shape(name + ".values"))
            #expect(found.map(\.bitPattern) == expected.map(\.bitPattern), "\(name)")
        }
    }

    /// Checks mean, variance, and the bounds of a sum of four numbers.
    @Test func normalValuesHaveMeanZeroAndVarianceOne() {
        var random = SplitMix64(seed: 3)
        let values = (0..<100_000).map { _ in random.normal() }
        let mean = values.reduce(0, +) / 100_000
        let variance = values.reduce(0) { $0 + $1 * $1 } / 100_000
        // Tolerance of three standard errors.
        #expect(abs(mean) < 0.0095 && abs(variance - 1) < 0.013)
        #expect(values.allSatisfy { abs($0) <= 3.47 })
    }

    @Test(arguments: ["3 uniform 0 1", "3 even 0 1 x", "3 uniform 0 z x", "x uniform 0 1 x"])
    func aRuleThatIsNoneIsAnError(line: String) {
        #expect(throws: FixtureError.self) { try DrawnTensor.parse(line) }
    }

    @Test func aMissingFixtureIsAnError() {
        #expect(throws: (any Error).self) { try Fixture("support/none") }
    }
}
