import Audio
import Evaluation
import TestSupport
import Testing

/// The scores of a track, and tracks that can't be scored.
struct TrackScoreTests {
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
        let scores = try TrackScores(pairs(track), metrics: Set(Score.metrics))
        #expect(scores.stems.map(\.name) == track.stems)
        for stem in scores.stems {
            #expect(Set(stem.values.keys) == Set(Score.allCases))
            let golden = try track.golden("sdr.\(stem.name)")
            #expect(abs((stem.values[.sdr] ?? .nan) - golden[0]) < 1e-9)
        }
    }

    @Test(arguments: Score.metrics)
    func onlyWhatIsAskedForIsComputed(metric: Score) throws {
        let track = try ScoredTrack("mono")
        let scores = try TrackScores(
            pairs(track).map {
                .init(name: $0.name, reference: $0.reference, estimate: $0.estimate)
            },
            metrics: [metric])
        for stem in scores.stems { #expect(Set(stem.values.keys) == [metric]) }
    }

    @Test func aSilentStemHasAnSDR() throws {
        let track = try ScoredTrack("silent_stem")
        let scores = try TrackScores(pairs(track), metrics: Set(Score.metrics))
        #expect(scores.stems[0].values[.sdr]?.isFinite == true)
        #expect(scores.stems[0].values[.scaleInvariantSDR]?.isNaN == true)
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
                _ = try TrackScores([pair], metrics: [.sdr])
            }
        }
    }
}
