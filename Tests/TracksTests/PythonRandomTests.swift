import TestSupport
import Testing
import Tracks

struct PythonRandomTests {
    /// Seeds of one and two words; 700 draws use more than the generator's 624 words of state.
    @Test(arguments: [0, 1, 42, UInt64(UInt32.max), 4_294_967_296, 9_223_372_036_854_788_153, .max])
    func drawsWhatPythonDraws(seed: UInt64) throws {
        let fixture = try Fixture("separation/separation")
        for maximum in [0, 1, 50, 22_050] {
            var random = PythonRandom(seed: seed)
            let draws = (0..<700).map { _ in Float(random.integer(upTo: maximum)) }
            let expected = try fixture.floats("draws.\(seed).\(maximum)")
            #expect(draws.prefix(20) + draws.suffix(20) == ArraySlice(expected))
        }
    }

    @Test func drawsStayInRangeBeyond32Bits() {
        var random = PythonRandom(seed: 3)
        let maximum = 1 << 40
        let draws = (0..<100).map { _ in random.integer(upTo: maximum) }
        #expect(draws.allSatisfy { (0...maximum).contains($0) })
        #expect(draws.contains { $0 > 1 << 36 })
    }
}
