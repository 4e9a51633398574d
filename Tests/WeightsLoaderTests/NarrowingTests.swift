// Rounding to float16: every half, every midpoint between two, and what lies around it.

import Testing
import WeightsLoader

struct NarrowingTests {
    @Test func everyHalfComesBack() {
        for half in UInt16.min...UInt16.max {
            let value = Widening.float(fromFloat16: half)
            let found = Narrowing.float16(value)
            #expect(value.isNaN ? Widening.float(fromFloat16: found).isNaN : found == half)
        }
    }

    @Test func theNearestIsTakenAndTiesGoToTheEvenOne() {
        for half in UInt16(0)..<0x7BFF {
            let (lower, upper) = (
                Widening.float(fromFloat16: half), Widening.float(fromFloat16: half + 1)
            )
            let middle = (lower + upper) / 2
            let even = half % 2 == 0 ? half : half + 1
            #expect(Narrowing.float16(middle) == even)
            #expect(Narrowing.float16(middle.nextDown) == half)
            #expect(Narrowing.float16(middle.nextUp) == half + 1)
            #expect(Narrowing.float16(-middle) == even | 0x8000)
        }
    }

    @Test func whatIsTooLargeBecomesInfinite() {
        #expect(Narrowing.float16(65519.996) == 0x7BFF)
        for value: Float in [65520, 1e10, .greatestFiniteMagnitude, .infinity] {
            #expect(Narrowing.float16(value) == 0x7C00)
            #expect(Narrowing.float16(-value) == 0xFC00)
        }
    }
}
