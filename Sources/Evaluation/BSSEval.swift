// BSSEval version 4: splits an estimate's error into a part that filters on its own true stem
// explain, a part that filters on other stems explain, and the rest.
//
// Vincent, Gribonval, Févotte 2006, "Performance measurement in blind audio source separation";
// Stöter, Liutkus, Ito 2018, "The 2018 Signal Separation Evaluation Campaign", arXiv:1804.06267.
// Reference: museval 0.4.1, `metrics.bss_eval` as `museval.evaluate` calls it: one set of filters
// for the whole track, no permutations.

import Audio
import Signal
import Tensor

/// The four ratios of one window or their medians over windows, in dB.
package struct BSSRatios: Sendable, Equatable {
    /// Signal to distortion: all of the error.
    package var sdr: Double
    /// Image to spatial distortion: the error that a filter on the true stem explains.
    package var isr: Double
    /// Source to interference: the error that filters on other stems explain.
    package var sir: Double
    /// Sources to artifacts: the error that no filter explains.
    package var sar: Double

    /// The ratios of a window without scores.
    static let undefined = BSSRatios(sdr: .nan, isr: .nan, sir: .nan, sar: .nan)

    /// The median of each ratio over the windows with scores; NaN if no window has one.
    package static func median(of windows: [BSSRatios]) -> BSSRatios {
        BSSRatios(
            sdr: Signal.median(windows.map(\.sdr)), isr: Signal.median(windows.map(\.isr)),
            sir: Signal.median(windows.map(\.sir)), sar: Signal.median(windows.map(\.sar)))
    }
}

/// BSSEval of a track: its true stems and their estimates.
package struct BSSEval {
    /// Taps of the distortion filters.
    package static let filterTaps = 512

    /// The largest number of channels of all stems together: the equations of n channels take n²
    /// MiB.
    package static let maximumSignals = 24

    private let stems: Int
    private let channels: Int
    private let samples: Int
    /// `[stem × channel][sample]`
    private let references: [[Float]]
    private let estimates: [[Float]]
    private let backend: Backend

    private var signals: Int { stems * channels }

    /// - Parameters:
    ///   - references: the true stems, with equal lengths and numbers of channels; at most
    ///     ``maximumSignals`` channels in all.
    ///   - estimates: an estimate for each reference, with the same length and channels.
    package init(references: [PlanarAudio], estimates: [PlanarAudio], on backend: Backend) {
        stems = references.count
        channels = references.first?.channels.count ?? 0
        samples = references.first?.sampleCount ?? 0
        self.references = references.flatMap(\.channels)
        self.estimates = estimates.flatMap(\.channels)
        self.backend = backend
        precondition(stems > 0 && channels > 0 && signals <= BSSEval.maximumSignals)
        precondition(
            self.references.count == signals && self.estimates.count == signals
                && (self.references + self.estimates).allSatisfy { $0.count == samples })
    }

    /// The first signal that is silent throughout the track.
    var silence: (stem: Int, isEstimate: Bool)? { silence(in: 0..<samples) }

    /// The first signal whose channels sum to zero at every sample of the range, which makes the
    /// equations singular. museval: `metrics._any_source_silent`.
    private func silence(in range: Range<Int>) -> (stem: Int, isEstimate: Bool)? {
        for isEstimate in [false, true] {
            let signals = isEstimate ? estimates : references
            for stem in 0..<stems {
                let isSilent = range.allSatisfy { sample in
                    var sum = 0.0
                    for channel in 0..<channels {
                        sum += Double(signals[stem * channels + channel][sample])
                    }
                    return sum == 0
                }
                if isSilent { return (stem, isEstimate) }
            }
        }
        return nil
    }

    /// Scores the track window by window.
    ///
    /// - Parameter windowSamples: length of the adjacent windows; an incomplete last window is not
    ///   scored. A shorter track is one window.
    /// - Returns: `[stem][window]`; NaN in windows in which a stem or an estimate is silent, and in all
    ///   windows if a signal is silent throughout: museval refuses such a track. If the equations
    ///   are singular, rounding determines museval's values; then regularised values are returned
    ///   too.
    package func ratios(
        windowSamples: Int
    ) -> (museval: [[BSSRatios]], regularised: [[BSSRatios]]?) {
        precondition(windowSamples > 0)
        guard silence == nil else {
            let undefined = [BSSRatios](repeating: .undefined, count: windowCount(windowSamples))
            return ([[BSSRatios]](repeating: undefined, count: stems), nil)
        }
        func filters(isRegularised: Bool) -> DistortionFilters {
            DistortionFilters(
                references: references, estimates: estimates, channels: channels,
                taps: BSSEval.filterTaps, isRegularised: isRegularised, on: backend)
        }
        let plain = filters(isRegularised: false)
        return (
            ratios(windowSamples, plain),
            plain.isSingular ? ratios(windowSamples, filters(isRegularised: true)) : nil
        )
    }

    private func windowCount(_ windowSamples: Int) -> Int {
        windowSamples < samples ? samples / windowSamples : 1
    }

    /// The ratios of all windows: `[stem][window]`.
    private func ratios(_ windowSamples: Int, _ filters: DistortionFilters) -> [[BSSRatios]] {
        let windows = windowCount(windowSamples)
        var result = [BSSRatios](repeating: .undefined, count: windows * stems)
        result.withUnsafeMutableBufferPointer { result in
            let result = result.baseAddress!
            // Each window writes its own ratios.
            backend.parallelFor(windows) { window in
                let start = window * windowSamples
                let range = start..<min(samples, start + windowSamples)
                guard silence(in: range) == nil else { return }
                for (stem, ratios) in ratios(in: range, filters).enumerated() {
                    result[window * stems + stem] = ratios
                }
            }
        }
        return (0..<stems).map { stem in
            (0..<windows).map { result[$0 * stems + stem] }
        }
    }

    /// The ratios of all stems in one window, which is cut out and padded with zeros for the tails
    /// of the filters.
    private func ratios(in range: Range<Int>, _ filters: DistortionFilters) -> [BSSRatios] {
        let cut = references.map { Array($0[range]) }
        let (own, all) = filters.project(cut)
        return (0..<stems).map { stem in
            // s is the true stem, p its filtered version, q the filtered version of all stems, e
            // the estimate: e − s = (p − s) + (q − p) + (e − q).
            var (truth, filtered, projected) = (0.0, 0.0, 0.0)
            var (distortion, spatial, interference, artifacts) = (0.0, 0.0, 0.0, 0.0)
            for signal in stem * channels..<(stem + 1) * channels {
                let estimate = estimates[signal]
                for index in own[signal].indices {
                    let isInside = index < range.count
                    let s = isInside ? Double(cut[signal][index]) : 0
                    let e = isInside ? Double(estimate[range.lowerBound + index]) : 0
                    let (p, q) = (own[signal][index], all[signal][index])
                    truth += s * s
                    filtered += p * p
                    projected += q * q
                    distortion += (e - s) * (e - s)
                    spatial += (p - s) * (p - s)
                    interference += (q - p) * (q - p)
                    artifacts += (e - q) * (e - q)
                }
            }
            return BSSRatios(
                sdr: decibels(truth, over: distortion), isr: decibels(truth, over: spatial),
                sir: decibels(filtered, over: interference),
                sar: decibels(projected, over: artifacts))
        }
    }
}

private func decibels(_ signal: Double, over noise: Double) -> Double {
    SignalToNoise(signal: signal, noise: noise).decibels
}
