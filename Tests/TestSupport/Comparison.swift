// How far a result is from its golden values, in the measures that the tests state.

import Foundation

/// The distance of `actual` from `expected`, both row-major.
///
/// Sums are taken in double precision. Different lengths and values that are not finite on
/// either side give the worst result, never a passing one.
package struct Comparison: Sendable, CustomStringConvertible {
    /// 10·log10(Σ expected² / Σ (expected − actual)²): +∞ when equal, −∞ when not comparable.
    package let snrDecibels: Double
    /// The largest |expected − actual|.
    package let maxAbsolute: Double
    /// ‖expected − actual‖ / ‖expected‖.
    package let relativeL2: Double
    /// The first index that is not finite, or off by more than 1e-3 of the expected RMS.
    package let firstBadIndex: Int?
    private let counts: (actual: Int, expected: Int)

    package init(actual: [Float], expected: [Float]) {
        counts = (actual.count, expected.count)
        var signal = 0.0
        var noise = 0.0
        var largest = 0.0
        var firstNotFinite: Int?
        let count = min(actual.count, expected.count)
        for index in 0..<count {
            guard actual[index].isFinite, expected[index].isFinite else {
                firstNotFinite = firstNotFinite ?? index
                continue
            }
            let error = Double(expected[index]) - Double(actual[index])
            signal += Double(expected[index]) * Double(expected[index])
            noise += error * error
            largest = max(largest, abs(error))
        }

        guard actual.count == expected.count, firstNotFinite == nil else {
            snrDecibels = -.infinity
            maxAbsolute = .infinity
            relativeL2 = .infinity
            firstBadIndex = firstNotFinite ?? count
            return
        }
        // log10(0 / 0) has no value, but two silences are equal.
        snrDecibels = noise == 0 ? .infinity : 10 * log10(signal / noise)
        relativeL2 = noise == 0 ? 0 : (noise / signal).squareRoot()
        maxAbsolute = largest
        let tolerance = count == 0 ? 0 : 1e-3 * (signal / Double(count)).squareRoot()
        firstBadIndex = (0..<count).first {
            abs(Double(expected[$0]) - Double(actual[$0])) > tolerance
        }
    }

    package var description: String {
        let values = [
            "SNR \(Self.rounded(snrDecibels, "%.1f")) dB",
            "max abs \(Self.rounded(maxAbsolute, "%.3g"))",
            "relative L2 \(Self.rounded(relativeL2, "%.3g"))",
            "first bad index \(firstBadIndex.map(String.init) ?? "none")",
            counts.actual == counts.expected
                ? "\(counts.expected) values"
                : "\(counts.actual) values, expected \(counts.expected)",
        ]
        return values.joined(separator: ", ")
    }

    private static func rounded(_ value: Double, _ format: String) -> String {
        value.isFinite ? String(format: format, value) : "\(value)"
    }
}
