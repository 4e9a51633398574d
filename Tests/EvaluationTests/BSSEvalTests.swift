import Audio
import Evaluation
import Tensor
import TestSupport
import Testing

/// BSSEval against museval, window by window.
struct BSSEvalTests {
    /// Tolerance in dB for every score. Both sides compute in double precision, but the equations
    /// of the filters lose up to ten of its sixteen digits.
    static let tolerance = 0.01

    private let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    private func close(_ actual: Double, _ golden: Double) -> Bool {
        golden.isNaN ? actual.isNaN : actual == golden || abs(actual - golden) <= Self.tolerance
    }

    @Test(arguments: ScoredTrack.names.filter { $0 != "silent_stem" })
    func everyWindowScoresAsInMuseval(_ name: String) throws {
        let track = try ScoredTrack(name)
        let ratios = BSSEval(
            references: track.references, estimates: track.estimates, on: backend
        ).ratios(windowSamples: track.rateHz).museval
        for (stem, windows) in zip(track.stems, ratios) {
            let parts: [(String, KeyPath<BSSRatios, Double>)] = [
                ("sdr", \.sdr), ("isr", \.isr), ("sir", \.sir), ("sar", \.sar),
            ]
            for (part, path) in parts {
                let actual = windows.map { $0[keyPath: path] }
                let golden = try track.golden("bsseval.\(part).\(stem)")
                try #require(actual.count == golden.count)
                for (a, g) in zip(actual, golden) {
                    #expect(close(a, g), "\(part) of \(stem): \(actual), museval \(golden)")
                }
                let median = try track.golden("bsseval.\(part).\(stem).median")
                #expect(close(BSSRatios.median(of: windows)[keyPath: path], median[0]))
            }
        }
    }
}
