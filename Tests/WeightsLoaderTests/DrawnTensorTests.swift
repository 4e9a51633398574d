// Tests of the drawn tensors: Python and Swift draw the same bits.

import TestSupport
import Testing

struct DrawnTensorTests {
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
}
