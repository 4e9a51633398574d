// The scores of one track's stems.

import Audio
import Tensor

/// A family of scores that are computed together.
package enum Metric: String, CaseIterable, Sendable {
    case sdr
    case scaleInvariantSDR = "si-sdr"
    case bssEval = "bsseval"

    /// The scores of this metric, in the order of table columns.
    package var scores: [Score] {
        switch self {
        case .sdr: [.sdr]
        case .scaleInvariantSDR: [.scaleInvariantSDR]
        case .bssEval: [.bssSDR, .bssISR, .bssSIR, .bssSAR]
        }
    }

    /// Additional scores of a track with ``TrackScores/isSingular``.
    package var regularisedScores: [Score] {
        self == .bssEval
            ? [.regularisedSDR, .regularisedISR, .regularisedSIR, .regularisedSAR] : []
    }
}

/// A score of an estimate, in dB. Raw values are names in files.
package enum Score: String, CaseIterable, Sendable {
    /// ``EnergyRatios/sdr(reference:estimate:)``
    case sdr
    /// ``EnergyRatios/scaleInvariantSDR(reference:estimate:)``
    case scaleInvariantSDR = "si_sdr"
    /// Medians of ``BSSRatios`` over windows of one second.
    case bssSDR = "bsseval_sdr"
    case bssISR = "bsseval_isr"
    case bssSIR = "bsseval_sir"
    case bssSAR = "bsseval_sar"
    /// Regularised BSSEval scores, as if the references had white noise 50 dB below them.
    case regularisedSDR = "bsseval_regularised_sdr"
    case regularisedISR = "bsseval_regularised_isr"
    case regularisedSIR = "bsseval_regularised_sir"
    case regularisedSAR = "bsseval_regularised_sar"
    /// ``EnergyRatios/snr(of:against:)`` against another set of estimates.
    case snr

    /// A column's heading.
    package var title: String {
        switch self {
        case .sdr: "SDR"
        case .scaleInvariantSDR: "SI-SDR"
        case .bssSDR: "BSS SDR"
        case .bssISR: "BSS ISR"
        case .bssSIR: "BSS SIR"
        case .bssSAR: "BSS SAR"
        case .regularisedSDR: "reg SDR"
        case .regularisedISR: "reg ISR"
        case .regularisedSIR: "reg SIR"
        case .regularisedSAR: "reg SAR"
        case .snr: "SNR"
        }
    }
}

/// A stem of a track and its estimates.
package struct StemPair: Sendable {
    package let name: String
    package let reference: PlanarAudio
    package let estimate: PlanarAudio
    /// Another estimate, against which the SNR of `estimate` is computed.
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
    /// The scores of a stem; undefined scores are NaN.
    package struct Stem: Sendable, Equatable {
        package let name: String
        package fileprivate(set) var values: [Score: Double] = [:]
    }

    package private(set) var stems: [Stem]

    /// The silent signal because of which no window has BSSEval scores; nil if there is none.
    package private(set) var warning: SilenceWarning?

    /// Whether rounding determines BSSEval's values, because references have no content at some
    /// frequencies (music decoded from AAC or MP3 to float). Then there are regularised scores too.
    package private(set) var isSingular = false

    /// Scores a track.
    ///
    /// - Throws: ``EvaluationError`` if there are no stems, if they differ in rate, channels or
    ///   length, or if they have too many channels for BSSEval.
    package init(
        _ pairs: [StemPair], metrics: Set<Metric>, on backend: Backend
    ) throws(EvaluationError) {
        try TrackScores.check(pairs, metrics)
        stems = pairs.map { pair in
            var stem = Stem(name: pair.name)
            let (reference, estimate) = (pair.reference, pair.estimate)
            if metrics.contains(.sdr) {
                stem.values[.sdr] = EnergyRatios.sdr(reference: reference, estimate: estimate)
            }
            if metrics.contains(.scaleInvariantSDR) {
                stem.values[.scaleInvariantSDR] = EnergyRatios.scaleInvariantSDR(
                    reference: reference, estimate: estimate)
            }
            stem.values[.snr] = pair.other.map { EnergyRatios.snr(of: estimate, against: $0) }
            return stem
        }
        if metrics.contains(.bssEval) { addBSSEval(pairs, on: backend) }
    }

    private mutating func addBSSEval(_ pairs: [StemPair], on backend: Backend) {
        let evaluation = BSSEval(
            references: pairs.map(\.reference), estimates: pairs.map(\.estimate), on: backend)
        // museval's default: adjacent windows of one second.
        let (museval, regularised) = evaluation.ratios(
            windowSamples: pairs[0].reference.sampleRateHz)
        add(museval, as: Metric.bssEval.scores)
        isSingular = regularised != nil
        if let regularised { add(regularised, as: Metric.bssEval.regularisedScores) }
        warning = evaluation.silence.map {
            SilenceWarning(stem: pairs[$0.stem].name, isEstimate: $0.isEstimate)
        }
    }

    /// Adds the medians of each stem's windows.
    ///
    /// - Parameter scores: the scores to set: SDR, ISR, SIR, SAR.
    private mutating func add(_ ratios: [[BSSRatios]], as scores: [Score]) {
        for (index, windows) in ratios.enumerated() {
            let median = BSSRatios.median(of: windows)
            for (score, value) in zip(scores, [median.sdr, median.isr, median.sir, median.sar]) {
                stems[index].values[score] = value
            }
        }
    }

    private static func check(
        _ pairs: [StemPair], _ metrics: Set<Metric>
    ) throws(EvaluationError) {
        guard let first = pairs.first else { throw .noStems }
        let properties: [(PlanarAudio) -> String] = [
            { "a sample rate of \($0.sampleRateHz) Hz" },
            { "\($0.channelCount) channel\($0.channelCount == 1 ? "" : "s")" },
            { "\($0.sampleCount) samples" },
        ]
        for pair in pairs {
            let others = [
                ("the reference", pair.reference), ("the estimate", pair.estimate),
                ("the other estimate", pair.other ?? pair.estimate),
            ]
            for (role, buffer) in others {
                for property in properties where property(buffer) != property(first.reference) {
                    throw .mismatch(
                        stem: pair.name, role: role, found: property(buffer),
                        expected: property(first.reference), firstStem: first.name)
                }
            }
        }
        let signals = pairs.count * first.reference.channels.count
        if metrics.contains(.bssEval) && signals > BSSEval.maximumSignals {
            throw .tooManySignals(found: signals, maximum: BSSEval.maximumSignals)
        }
    }
}
