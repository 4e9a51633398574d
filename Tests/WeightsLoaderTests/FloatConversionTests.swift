// Compares all 65,536 values of float16 and bfloat16 with IEEE 754's definition; rounding to
// float16 also at every midpoint between two values and next to it.

import Foundation
import Testing
import WeightsLoader

struct WideningTests {
    @Test(arguments: [(ElementType.float16, 5, 10), (.bfloat16, 8, 7)])
    func everyValueIsExact(type: ElementType, exponentBits: Int, mantissaBits: Int) {
        let values = (0...UInt16.max).map { $0 }
        let widened = Self.widen(values, of: type)
        let wrong = values.indices.filter {
            let expected = Self.value(
                values[$0], exponentBits: exponentBits, mantissaBits: mantissaBits)
            return !Self.same(widened[$0], expected)
        }
        #expect(wrong.isEmpty)
    }

    @Test(arguments: [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 63, 127, 129, 1023])
    func everyLengthIsFilledAndNoMore(count: Int) {
        let values = (0..<count).map { UInt16($0 + 0x3C00) }
        let expected = values.map { Self.value($0, exponentBits: 5, mantissaBits: 10) }
        var output = [Float](repeating: -7, count: count + 2)
        values.withUnsafeBytes { bytes in
            output.withUnsafeMutableBufferPointer { buffer in
                Widening.widen(
                    bytes, of: .float16,
                    into: UnsafeMutableBufferPointer(rebasing: buffer[1..<count + 1]))
            }
        }
        let filled: [Float] = expected.map { Float($0) }
        #expect(output == [-7] + filled + [-7])
    }

    private static func widen(_ values: [UInt16], of type: ElementType) -> [Float] {
        var output = [Float](repeating: 0, count: values.count)
        values.withUnsafeBytes { bytes in
            output.withUnsafeMutableBufferPointer { Widening.widen(bytes, of: type, into: $0) }
        }
        return output
    }

    /// (−1)^s · 2^(e − bias) · (1 + m / 2^mantissaBits), with IEEE 754's two special exponents.
    private static func value(_ bits: UInt16, exponentBits: Int, mantissaBits: Int) -> Double {
        let sign: Double = bits & 0x8000 == 0 ? 1 : -1
        let exponent = Int(bits >> mantissaBits) & (1 << exponentBits - 1)
        let mantissa = Double(Int(bits) & (1 << mantissaBits - 1)) / Double(1 << mantissaBits)
        let bias = 1 << (exponentBits - 1) - 1
        switch exponent {
        case 0: return sign * pow(2, Double(1 - bias)) * mantissa
        case 1 << exponentBits - 1: return mantissa == 0 ? sign * .infinity : .nan
        default: return sign * pow(2, Double(exponent - bias)) * (1 + mantissa)
        }
    }

    private static func same(_ value: Float, _ expected: Double) -> Bool {
        expected.isNaN
            ? value.isNaN : Double(value) == expected && value.sign == expected.sign
    }
}

struct NarrowingTests {
    @Test func everyFloat16RoundTrips() {
        for bits in UInt16.min...UInt16.max {
            let value = Widening.float(fromFloat16: bits)
            let found = Narrowing.float16(value)
            #expect(value.isNaN ? Widening.float(fromFloat16: found).isNaN : found == bits)
        }
    }

    @Test func valuesRoundToTheNearestAndTiesToEven() {
        for bits in UInt16(0)..<0x7BFF {
            let lower = Widening.float(fromFloat16: bits)
            let upper = Widening.float(fromFloat16: bits + 1)
            let middle = (lower + upper) / 2
            let even = bits % 2 == 0 ? bits : bits + 1
            #expect(Narrowing.float16(middle) == even)
            #expect(Narrowing.float16(middle.nextDown) == bits)
            #expect(Narrowing.float16(middle.nextUp) == bits + 1)
            #expect(Narrowing.float16(-middle) == even | 0x8000)
        }
    }

    @Test func tooLargeValuesBecomeInfinite() {
        #expect(Narrowing.float16(65519.996) == 0x7BFF)
        for value: Float in [65520, 1e10, .greatestFiniteMagnitude, .infinity] {
            #expect(Narrowing.float16(value) == 0x7C00)
            #expect(Narrowing.float16(-value) == 0xFC00)
        }
    }
}
