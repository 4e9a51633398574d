// The bars that `analyze` finds in the demo track.

import Foundation
import TestSupport
import Testing

struct AnalyzeTests {
    private let folder = TemporaryFolder()

    /// The score has 70.1 beats per minute and bars from 0 s on (training/sampled/score.py, seed
    /// 1000000). The analysis counts twice as many beats, so that two of its bars are one.
    @Test(arguments: ["float32", "int8"])
    func theDemoTracksBarsAreThoseOfItsScore(precision: String) throws {
        let track = Fixture.bundledModels.appendingPathComponent("demo_track.ogg").path
        let options = ["-n", "demo", "--precision", precision, track]
        let found = try CommandRun(
            ["analyze", "--json"] + options, in: folder.url, models: Fixture.bundledModels.path
        ).json()
        let downbeats = try #require(found["downbeats"] as? [Double])
        #expect(downbeats.count > 3)
        for (time, expected) in zip(downbeats, [0.01, 1.71, 3.42]) {
            #expect(abs(time - expected) <= 0.07, "\(downbeats)")
        }
        #expect(found["metre"] as? String == "4/4")
        let confidence = try #require(found["downbeat_confidence"] as? Double)
        #expect((0...1).contains(confidence))
    }
}
