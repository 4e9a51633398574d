// All scores of one track.

import Audio
import Tensor

/// A stem of a track with what is compared with it.
package struct StemPair: Sendable {
    package let name: String
    package let reference: PlanarAudio
    package let estimate: PlanarAudio
    /// Another estimate, which the first one is compared with.
    package let other: PlanarAudio?

    package init(
        name: String, reference: PlanarAudio, estimate: PlanarAudio, other: PlanarAudio? = nil
    ) {
        self.name = name
        self.reference = reference
        self.estimate = estimate
        self.other = other
    }
}

/// Scores of the stems of one track.
package struct TrackScores: Sendable, Equatable {
    /// What a stem scored, by kind of score; NaN where it has no value.
    package struct Stem: Sendable, Equatable {
        package let name: String
        package fileprivate(set) var values: [Score: Double] = [:]
    }

    package private(set) var stems: [Stem]

    /// What kept all windows of BSSEval from having scores.
    package private(set) var warning: EvaluationWarning?

    /// Measures a track.
    ///
    /// - Throws: ``EvaluationError`` if the stems don't fit each other.
    package init(
        _ pairs: [StemPair], metrics: Set<Metric>, on backend: Backend
    ) throws(EvaluationError) {
        try TrackScores.check(pairs, metrics)
        stems = pairs.map { Stem(name: $0.name) }
        for (index, pair) in pairs.enumerated() {
            func set(_ score: Score, _ value: Double) { stems[index].values[score] = value }
            let (reference, estimate) = (pair.reference, pair.estimate)
            if metrics.contains(.sdr) {
                set(.sdr, EnergyRatios.sdr(reference: reference, estimate: estimate))
            }
            if metrics.contains(.scaleInvariantSDR) {
                let value = EnergyRatios.scaleInvariantSDR(
                    reference: reference, estimate: estimate)
                set(.scaleInvariantSDR, value)
            }
            if let other = pair.other {
                set(.snr, EnergyRatios.snr(of: estimate, against: other))
            }
        }
        if metrics.contains(.bssEval) { addBSSEval(pairs, on: backend) }
    }

    private mutating func addBSSEval(_ pairs: [StemPair], on backend: Backend) {
        let evaluation = BSSEval(
            references: pairs.map(\.reference), estimates: pairs.map(\.estimate), on: backend)
        // museval's default: windows of one second, one behind the other.
        let ratios = evaluation.ratios(windowSamples: pairs[0].reference.sampleRateHz)
        for (index, windows) in ratios.enumerated() {
            let median = BSSRatios.median(of: windows)
            stems[index].values[.bssSDR] = median.sdr
            stems[index].values[.bssISR] = median.isr
            stems[index].values[.bssSIR] = median.sir
            stems[index].values[.bssSAR] = median.sar
        }
        warning = evaluation.silence.map {
            .silent(stem: pairs[$0.stem].name, isEstimate: $0.isEstimate)
        }
    }

    private static func check(
        _ pairs: [StemPair], _ metrics: Set<Metric>
    ) throws(EvaluationError) {
        guard let first = pairs.first else { throw .noStems }
        for pair in pairs {
            // The stems of a track are alike, and each estimate is like its stem.
            let others = [
                ("the reference", pair.reference), ("the estimate", pair.estimate),
                ("the other estimate", pair.other ?? pair.estimate),
            ]
            for (role, buffer) in others {
                for property in EvaluationError.Property.allCases {
                    let (found, expected) = (
                        property.value(buffer), property.value(first.reference)
                    )
                    guard found == expected else {
                        throw .mismatch(
                            property, stem: pair.name, role: role, found: found,
                            expected: expected, firstStem: first.name)
                    }
                }
            }
        }
        let signals = pairs.count * first.reference.channels.count
        if metrics.contains(.bssEval) && signals > BSSEval.maximumSignals {
            throw .tooManySignals(found: signals, maximum: BSSEval.maximumSignals)
        }
    }
}
