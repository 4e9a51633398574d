import Audio

/// A score of an estimate, in dB. Raw values are names in files.
package enum Score: String, CaseIterable, Sendable {
    /// ``EnergyRatios/sdr(reference:estimate:)``
    case sdr
    /// ``EnergyRatios/scaleInvariantSDR(reference:estimate:)``
    case scaleInvariantSDR = "si_sdr"
    /// ``EnergyRatios/snr(of:against:)`` against another set of estimates.
    case snr

    /// The scores against the true stems, in the order of table columns.
    package static let metrics: [Score] = [.sdr, .scaleInvariantSDR]

    /// A column's heading.
    package var title: String {
        switch self {
        case .sdr: "SDR"
        case .scaleInvariantSDR: "SI-SDR"
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

    package let stems: [Stem]

    /// Scores a track.
    ///
    /// - Parameter metrics: some of ``Score/metrics``.
    /// - Throws: ``EvaluationError`` if there are no stems, or if they differ in rate, channels or
    ///   length.
    package init(_ pairs: [StemPair], metrics: Set<Score>) throws(EvaluationError) {
        try TrackScores.check(pairs)
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
    }

    private static func check(_ pairs: [StemPair]) throws(EvaluationError) {
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
    }
}
