// Widening is exact: every one of the 65,536 values of both 16-bit types is checked against what
// the type's definition says.

import Foundation
import Testing
import WeightsLoader

struct WideningTests {
    @Test func everyHalfIsExact() {
        let halves = (0...UInt16.max).map { $0 }
        let widened = Self.widen(halves, of: .float16)
        let wrong = halves.indices.filter {
            !Self.same(widened[$0], Self.value(halves[$0], exponentBits: 5, mantissaBits: 10))
        }
        #expect(wrong.isEmpty)
    }

    @Test func everyBFloat16IsExact() {
        let values = (0...UInt16.max).map { $0 }
        let widened = Self.widen(values, of: .bfloat16)
        let wrong = values.indices.filter {
            !Self.same(widened[$0], Self.value(values[$0], exponentBits: 8, mantissaBits: 7))
        }
        #expect(wrong.isEmpty)
    }

    @Test(arguments: [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 63, 127, 129, 1023])
    func everyLengthIsFilledAndNoMore(count: Int) {
        let halves = (0..<count).map { UInt16($0 + 0x3C00) }
        let expected = halves.map { Self.value($0, exponentBits: 5, mantissaBits: 10) }
        var output = [Float](repeating: -7, count: count + 2)
        halves.withUnsafeBytes { bytes in
            output.withUnsafeMutableBufferPointer { buffer in
                Widening.widen(
                    bytes, of: .float16,
                    into: UnsafeMutableBufferPointer(rebasing: buffer[1..<count + 1]))
            }
        }
        #expect(output == [-7] + expected.map(Float.init) + [-7])
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
