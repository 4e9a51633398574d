// Rounding to float16: every half, every midpoint between two, and what lies around it.

import Testing
import WeightsLoader

struct NarrowingTests {
    @Test func everyHalfComesBack() {
        for half in UInt16.min...UInt16.max {
            let value = Widening.float(fromHalf: half)
            let found = Narrowing.half(value)
            #expect(value.isNaN ? Widening.float(fromHalf: found).isNaN : found == half)
        }
    }

    @Test func theNearestIsTakenAndTiesGoToTheEvenOne() {
        for half in UInt16(0)..<0x7BFF {
            let (lower, upper) = (
                Widening.float(fromHalf: half), Widening.float(fromHalf: half + 1)
            )
            let middle = (lower + upper) / 2
            let even = half % 2 == 0 ? half : half + 1
            #expect(Narrowing.half(middle) == even)
            #expect(Narrowing.half(middle.nextDown) == half)
            #expect(Narrowing.half(middle.nextUp) == half + 1)
            #expect(Narrowing.half(-middle) == even | 0x8000)
        }
    }

    @Test func whatIsTooLargeBecomesInfinite() {
        #expect(Narrowing.half(65519.996) == 0x7BFF)
        for value: Float in [65520, 1e10, .greatestFiniteMagnitude, .infinity] {
            #expect(Narrowing.half(value) == 0x7C00)
            #expect(Narrowing.half(-value) == 0xFC00)
        }
    }
}
