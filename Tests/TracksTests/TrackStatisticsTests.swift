import Signal
import Testing
import Tracks

struct TrackStatisticsTests {
    private func statistics(_ blocks: [[Float]]...) -> TrackStatistics {
        var statistics = TrackStatistics()
        for block in blocks { statistics.add(PlanarAudio(channels: block, sampleRateHz: 100)) }
        return statistics
    }

    @Test func deviationIsThatOfTheMonoMixAndUnbiased() {
        let statistics = statistics([[1, 2, 3, 4], [3, 2, 1, 8]])
        // The mono mix is 2, 2, 2, 6.
        #expect(statistics.mean == 3)
        #expect(statistics.scale == 2)
    }

    @Test func aSingleSampleHasNoDeviation() {
        let statistics = statistics([[0.5], [0.25]])
        #expect(statistics.mean == 0.375)
        #expect(statistics.scale == 1e-8)
    }

    @Test func blocksGiveTheBitsOfTheWholeTrack() {
        let track = (0..<5000).map { Float($0 * 7919 % 1009) / 500 - 1 }
        let whole = statistics([track])
        let cut = statistics(
            [Array(track[..<1])], [Array(track[1..<1234])], [Array(track[1234...])])
        #expect(whole.mean.bitPattern == cut.mean.bitPattern)
        #expect(whole.scale.bitPattern == cut.scale.bitPattern)
    }
}
