import System
import Testing

/// Numbers are formatted as in C.
struct NumberTextTests {
    @Test func decimalsAreRoundedToEven() {
        #expect(0.125.fixed(2) == "0.12")
        #expect(2.5.fixed(0) == "2")
        #expect((-1.05).fixed(3) == "-1.050")
        #expect(Double.infinity.fixed(1) == "inf")
    }

    @Test func theLargestNumberHasAllItsDigits() {
        #expect((-Double.greatestFiniteMagnitude).fixed(6).utf8.count == 317)
    }

    @Test func otherFormsHaveTheirDigits() {
        #expect(1.5e-7.scientific(2) == "1.50e-07")
        #expect(0.20000000298.significant(1) == "0.2")
        #expect(123456.0.significant(3) == "1.23e+05")
    }

    @Test func zerosFillUpWholeNumbers() {
        #expect(7.zeroPadded(5) == "00007")
        #expect(123456.zeroPadded(5) == "123456")
        #expect(UInt64.max.zeroPadded(16, radix: 16) == "ffffffffffffffff")
    }
}
