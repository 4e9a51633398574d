import Audio
import Evaluation
import Foundation
import Tensor
import TestSupport
import Testing

/// The scores of a track, and tracks that can't be scored.
struct TrackScoreTests {
    private let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    private func pairs(_ track: ScoredTrack) -> [StemPair] {
        track.stems.indices.map {
            StemPair(
                name: track.stems[$0], reference: track.references[$0],
                estimate: track.estimates[$0], other: track.references[$0])
        }
    }

    private func silence(
        _ name: String = "a", channels: Int = 2, samples: Int = 100, rateHz: Int = 8000
    ) -> PlanarAudio {
        PlanarAudio(channelCount: channels, sampleRateHz: rateHz, zeros: samples)
    }

    @Test func everyMetricGivesItsScores() throws {
        let track = try ScoredTrack("stereo_good")
        let scores = try TrackScores(pairs(track), metrics: Set(Metric.allCases), on: backend)
        #expect(scores.stems.map(\.name) == track.stems)
        #expect(scores.warning == nil)
        #expect(!scores.isSingular)
        for stem in scores.stems {
            #expect(
                Set(stem.values.keys)
                    == Set(Score.allCases).subtracting(Metric.bssEval.regularisedScores))
            let golden = try track.golden("bsseval.sar.\(stem.name).median")
            #expect(abs((stem.values[.bssSAR] ?? .nan) - golden[0]) < BSSEvalTests.tolerance)
        }
    }

    @Test(arguments: Metric.allCases)
    func onlyWhatIsAskedForIsComputed(metric: Metric) throws {
        let track = try ScoredTrack("shorter_than_a_window")
        let scores = try TrackScores(
            pairs(track).map {
                .init(name: $0.name, reference: $0.reference, estimate: $0.estimate)
            },
            metrics: [metric], on: backend)
        for stem in scores.stems { #expect(Set(stem.values.keys) == Set(metric.scores)) }
    }

    @Test func silentStemLeavesBSSEvalWithoutScores() throws {
        let track = try ScoredTrack("silent_stem")
        #expect(track.hasGolden("bsseval.refused"))
        let scores = try TrackScores(pairs(track), metrics: Set(Metric.allCases), on: backend)
        #expect(scores.warning?.stem == "bass" && scores.warning?.isEstimate == false)
        for stem in scores.stems {
            #expect(stem.values[.bssSDR]?.isNaN == true)
            #expect(stem.values[.sdr]?.isFinite == true)
        }
    }

    /// Noise up to a quarter of the rate, attenuated by 180 dB above it: a windowed sinc, applied
    /// twice.
    private func bandLimited(_ seed: UInt64, samples: Int, rateHz: Int) -> PlanarAudio {
        let taps = (0..<257).map { tap in
            let angle = 2 * Double.pi * Double(tap) / 256
            // The Blackman–Harris window of four terms.
            let window =
                0.35875 - 0.48829 * cos(angle) + 0.14128 * cos(2 * angle) - 0.01168 * cos(3 * angle)
            let phase = Double.pi / 2 * 0.9 * Double(tap - 128)
            return window * (phase == 0 ? 1 : sin(phase) / phase) * 0.45
        }
        func filtered(_ signal: [Double]) -> [Double] {
            (0..<signal.count).map { index in
                taps.indices.reduce(0) { sum, tap in
                    index < tap ? sum : sum + taps[tap] * signal[index - tap]
                }
            }
        }
        var random = SplitMix64(seed: seed)
        // Silence at the end keeps the filters' tails.
        let noise =
            random.floats(samples - 600).map { Double($0) / 2 }
            + [Double](repeating: 0, count: 600)
        return PlanarAudio(
            channels: [filtered(filtered(noise)).map { Float($0) }], sampleRateHz: rateHz)
    }

    /// Music decoded from AAC to float has no energy above 16 kHz. An estimate is 0.9 of its stem
    /// plus 0.2 of the other one, which is as loud: an ISR of 20 dB and an SIR of 13 dB.
    @Test func stemsWithoutHighFrequenciesGetRegularisedScores() throws {
        let (samples, rateHz) = (16_000, 8_000)
        let references = [1, 2].map { bandLimited($0, samples: samples, rateHz: rateHz) }
        var random = SplitMix64(seed: 3)
        let pairs = references.indices.map { index in
            let noise = random.floats(samples)
            let (own, other) = (references[index].channels[0], references[1 - index].channels[0])
            let estimate = (0..<samples).map { 0.9 * own[$0] + 0.2 * other[$0] + 0.01 * noise[$0] }
            return StemPair(
                name: "\(index)", reference: references[index],
                estimate: PlanarAudio(channels: [estimate], sampleRateHz: rateHz))
        }
        let scores = try TrackScores(pairs, metrics: [.bssEval], on: backend)
        #expect(scores.isSingular)
        for stem in scores.stems {
            func value(_ score: Score) -> Double { stem.values[score] ?? .nan }
            // museval's value is meaningless, which shows that the track needs the regularised
            // ones.
            #expect(value(.bssSIR) < -10)
            #expect(value(.regularisedSDR) == value(.bssSDR))
            #expect(abs(value(.regularisedISR) - 20) < 0.5)
            #expect(abs(value(.regularisedSIR) - 13.06) < 0.5)
            #expect(value(.regularisedSAR) > 25)
        }
    }

    @Test func stemsThatDifferAreRefused() throws {
        for (other, found, expected) in [
            (silence(rateHz: 16000), "a sample rate of 16000 Hz", "a sample rate of 8000 Hz"),
            (silence(channels: 1), "1 channel", "2 channels"),
            (silence(samples: 99), "99 samples", "100 samples"),
        ] {
            let mismatch = EvaluationError.mismatch(
                stem: "bass", role: "the estimate", found: found, expected: expected,
                firstStem: "bass")
            #expect(throws: mismatch) {
                let pair = StemPair(name: "bass", reference: silence(), estimate: other)
                _ = try TrackScores([pair], metrics: [.sdr], on: backend)
            }
        }
    }

    @Test func tooManyChannelsForBSSEvalAreRefused() throws {
        let pairs = (0..<13).map {
            StemPair(name: "\($0)", reference: silence(), estimate: silence())
        }
        #expect(throws: EvaluationError.tooManySignals(found: 26, maximum: 24)) {
            _ = try TrackScores(pairs, metrics: [.bssEval], on: backend)
        }
        #expect(throws: Never.self) {
            _ = try TrackScores(pairs, metrics: [.sdr], on: backend)
        }
    }

    @Test func scoresDoNotDependOnTheNumberOfThreads() throws {
        let track = try ScoredTrack("stereo")
        let scores = try [1, 3].map { threads in
            try TrackScores(
                pairs(track), metrics: Set(Metric.allCases), on: Backend(threads: threads))
        }
        #expect(scores[0] == scores[1])
    }
}
