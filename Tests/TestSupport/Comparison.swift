import Foundation
import Signal

/// The error of `actual` against `expected`, both row-major.
///
/// Sums are taken in double precision. Different lengths and values that are not finite on
/// either side give the worst result, never a passing one.
package struct Comparison: Sendable, CustomStringConvertible {
    /// 10·log10(Σ expected² / Σ (expected − actual)²): +∞ when equal, −∞ when not comparable.
    package let snrDecibels: Double
    /// The largest |expected − actual|.
    package let maxAbsolute: Double
    /// The first index that is not finite, or off by more than 1e-3 of the expected RMS.
    package let firstBadIndex: Int?
    private let counts: (actual: Int, expected: Int)

    package init(actual: [Float], expected: [Float]) {
        counts = (actual.count, expected.count)
        let count = min(actual.count, expected.count)
        let firstNotFinite = (0..<count).first {
            !actual[$0].isFinite || !expected[$0].isFinite
        }
        guard actual.count == expected.count, firstNotFinite == nil else {
            snrDecibels = -.infinity
            maxAbsolute = .infinity
            firstBadIndex = firstNotFinite ?? count
            return
        }
        let energies = SignalToNoise(of: actual, against: expected)
        snrDecibels = energies.decibels
        func error(_ index: Int) -> Double { abs(Double(expected[index]) - Double(actual[index])) }
        maxAbsolute = (0..<count).reduce(0) { max($0, error($1)) }
        let tolerance = count == 0 ? 0 : 1e-3 * (energies.signal / Double(count)).squareRoot()
        firstBadIndex = (0..<count).first { error($0) > tolerance }
    }

    package var description: String {
        let values = [
            "SNR \(Self.rounded(snrDecibels, "%.1f")) dB",
            "max abs \(Self.rounded(maxAbsolute, "%.3g"))",
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
