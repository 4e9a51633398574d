import Audio
import Evaluation
import Tensor
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
        for stem in scores.stems {
            #expect(Set(stem.values.keys) == Set(Score.allCases))
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
