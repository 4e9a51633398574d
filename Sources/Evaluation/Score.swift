// The names of what is measured.

/// A family of scores that is asked for and computed as one.
package enum Metric: String, CaseIterable, Sendable {
    case sdr
    case scaleInvariantSDR = "si-sdr"
    case bssEval = "bsseval"

    /// What it yields, in the order of tables.
    package var scores: [Score] {
        switch self {
        case .sdr: [.sdr]
        case .scaleInvariantSDR: [.scaleInvariantSDR]
        case .bssEval: [.bssSDR, .bssISR, .bssSIR, .bssSAR]
        }
    }
}

/// One number about an estimate of a stem, in dB. The raw values are names for files.
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
        case .snr: "SNR"
        }
    }
}
