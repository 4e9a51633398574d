import Foundation
import Porting
import Testing
import Tracks

/// Four slices of 4,096 elements of magnitude 1, whose rounding errors have a level of their own.
struct SliceJudgementTests {
    private let own: [Float] = (0..<4 * 4096).map { $0 % 3 == 0 ? -1 : 1 }

    /// - Parameters:
    ///   - errors: of the port's slice 2, in dB of its signal.
    ///   - rounding: the same of the engine's.
    private func judgement(
        errors: Double, rounding: Double, bound: Double = 150
    ) -> SliceJudgement {
        func with(_ decibels: Double) -> [Float] {
            let error = Float(pow(10, decibels / 20))
            return own.enumerated().map { $0 / 4096 == 2 ? $1 + error : $1 }
        }
        let value = ForcedValue(
            with(errors), own: NamedTensor("x", [4, 4096], own), rounding: 0, missing: nil)
        return SliceJudgement(value, noisy: with(rounding), bound: bound)
    }

    /// Allowed are 20 dB more than its own rounding errors, and the errors that the bound allows.
    @Test func aSliceMayHaveMoreThanItsRoundingErrors() {
        for (errors, rounding, bound, isRight) in [
            (-60.1, -80.0, 150.0, true), (-59.9, -80, 150, false), (-90.1, -150, 90, true),
            (-89.9, -150, 90, false),
        ] {
            let judgement = judgement(errors: errors, rounding: rounding, bound: bound)
            #expect((judgement.wrong == nil) == isRight, "\(errors) dB, \(judgement)")
            #expect(judgement.wrong?.hasPrefix("in slice 2 along axis 0 ") ?? true)
            #expect(judgement.unjudged == nil)
        }
    }

    /// A slice whose bound would lie below 40 dB.
    @Test func aSliceOfLargeRoundingErrorsIsNotJudged() {
        #expect(judgement(errors: -20, rounding: -60.1).wrong != nil)
        let unjudged = judgement(errors: -20, rounding: -59.9)
        #expect(unjudged.wrong == nil && unjudged.unjudged == ", 1 of 4 slices along axis 0")
    }
}
