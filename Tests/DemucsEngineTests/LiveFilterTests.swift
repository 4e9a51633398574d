import DemucsEngine
import Signal
import Synchronization
import System
import Tensor
import TestSupport
import Testing
import Tracks

/// Sound in real time: the same bits for blocks of any size, a constant delay, and no silence when a
/// pass is late.
struct LiveFilterTests {
    /// 1,600 Hz, segments of 400 samples.
    private let separator: Separator
    private let options = LiveOptions(
        lookaheadSeconds: 0.05, hopSeconds: 0.05, windowSeconds: 0.2)

    init() throws { separator = try NoiseTrack.model() }

    private var stemRows: Int { separator.model.sources.count * separator.model.audioChannels }

    private enum Rows { case stems, mixture }

    private func filter(
        _ rows: Rows, channels: Int = 2, rateHz: Int = 1_600, isWaiting: Bool = true,
        network: ((CancellationToken) -> TrackPipeline.Network)? = nil
    ) throws -> LiveFilter {
        let channelCount = separator.model.audioChannels
        return try LiveFilter(
            separator, options, channelCount: channels, sampleRateHz: rateHz,
            isWaiting: isWaiting,
            rowCount: rows == .mixture ? channelCount : stemRows,
            cancellation: CancellationToken(), network: network
        ) { rows == .mixture ? $0.samples.mixture : $0.samples.stems }
    }

    /// The result for blocks of given lengths, again and again.
    private func result(
        _ filter: LiveFilter, _ track: PlanarAudio, blocks: [Int]
    ) throws -> PlanarAudio {
        defer { filter.stop() }
        var result: PlanarAudio?
        var (start, number) = (0, 0)
        while start < track.sampleCount {
            let end = min(start + blocks[number % blocks.count], track.sampleCount)
            let block = try filter.process(track[start..<end])
            #expect(block.sampleCount == end - start)
            if result == nil { result = block } else { result?.append(block) }
            (start, number) = (end, number + 1)
        }
        try result?.append(filter.finish())
        return try #require(result)
    }

    @Test(arguments: [1_600, 2_000, 1_103])
    func theSizesOfBlocksDoNotMatter(rateHz: Int) throws {
        let track = NoiseTrack.buffer(samples: 3_000, rateHz: rateHz)
        let first = try filter(.stems, rateHz: rateHz)
        let expected = try result(first, track, blocks: [64])
        #expect(expected.sampleCount == 3_000 + first.delaySamples)
        for blocks in [[441], [4_096], [1, 700, 13, 255, 2]] {
            let found = try result(filter(.stems, rateHz: rateHz), track, blocks: blocks)
            #expect(found == expected, "blocks of \(blocks)")
        }
    }

    /// A stream of the library gives the same stems, without the delay.
    @Test(arguments: [1, 2])
    func aStreamGivesTheSameStems(channels: Int) throws {
        let track = NoiseTrack.buffer(samples: 2_500, channels: channels)
        let live = try filter(.stems, channels: channels)
        let delay = live.delaySamples
        #expect(delay == 80 + 16 + 2 * 80)
        let found = try result(live, track, blocks: [500])
        let stream = try SeparationStream(
            separator, channelCount: channels, sampleRateHz: 1_600,
            live: options, options: SeparationOptions())
        let stems = try stream.stems(of: track) { early in
            #expect(early >= 2_500 - 80 - 80 - 16)
        }
        #expect(found[0..<delay].peak == 0)
        #expect(found[delay..<found.sampleCount] == stems)
    }

    /// Clicks leave exactly the stated number of samples after they came.
    @Test(arguments: [1_600, 2_000, 1_103, 44_100, 48_000])
    func clicksArriveAfterTheStatedDelay(rateHz: Int) throws {
        var track = PlanarAudio(channelCount: 2, sampleRateHz: rateHz, zeros: 2 * rateHz)
        let places = [0, 1, 3, 5].map { $0 * rateHz / 4 + 321 }
        for place in places {
            for channel in 0..<2 {
                // A hump that the lower rate can hold, highest in its middle.
                for offset in -200...200 {
                    let slope = 1 - Float(offset * offset) / 40_000
                    track.channels[channel][place + offset] = slope * slope
                }
            }
        }
        let filter = try filter(.mixture, rateHz: rateHz)
        let delay = filter.delaySamples
        let found = try result(filter, track, blocks: [rateHz / 50])
        for place in places {
            let around = place + delay - 150..<place + delay + 150
            let row = found.channels[0]
            let peak = around.max { row[$0] < row[$1] }
            #expect(peak == place + delay)
        }
    }

    /// A network that stands still: the track is played in place of its stems, and then the stems
    /// again.
    @Test func theSoundGoesOnWhenPassesAreLate() throws {
        let gate = Mutex(false)
        let real = separator
        let filter = try filter(.stems, isWaiting: false) { token in
            let network = real.network(token)
            return { member, mix in
                while !gate.withLock({ $0 }) {
                    try token.check()
                    yieldThread()
                }
                return try network(member, mix)
            }
        }
        defer { filter.stop() }
        let track = NoiseTrack.buffer(samples: 1_600)
        let before = try filter.process(track)
        #expect(before.peak == 0)
        #expect(filter.missedPasses > 0)
        gate.withLock { $0 = true }
        // Real time: the passes have the time of a hop each.
        let after = try filter.process(NoiseTrack.buffer(samples: 1_600))
        #expect(after.sampleCount == 1_600)
        let missed = filter.missedPasses
        let rest = try filter.finish()
        #expect(rest.peak > 0)
        #expect(filter.missedPasses == missed)
    }

    @Test(arguments: [Float.nan, .infinity, -33, 1e10, 3e38])
    func samplesFarBeyondFullScaleBecomeSilence(_ value: Float) throws {
        var track = NoiseTrack.buffer(samples: 1_000)
        track.channels[0][500] = value
        track.channels[1][501] = -value
        var clean = track
        clean.channels[0][500] = 0
        clean.channels[1][501] = 0
        let filter = try filter(.stems)
        #expect(
            try result(filter, track, blocks: [100])
                == result(self.filter(.stems), clean, blocks: [100]))
        #expect(filter.inputGuard.removedSamples == 2)
        #expect(filter.inputGuard.firstSeconds == 500.0 / 1_600)
        let stream = try SeparationStream(
            separator, channelCount: 2, sampleRateHz: 1_600, live: options,
            options: SeparationOptions())
        track.channels[0][500] = value.isNaN ? 1e10 : value
        try stream.append(track)
        #expect(stream.liveGuard.removedSamples == 2)
    }

    /// The largest sample that is kept: stems are no louder than 6 dB above it, and later they are as without it.
    @Test func aLoudSampleIsForgotten() throws {
        let clean = NoiseTrack.buffer(samples: 120_000)
        var loud = clean
        loud.channels[0][1_000] = LiveGuard.limit
        let found = try result(filter(.stems), loud, blocks: [4_000])
        let expected = try result(filter(.stems), clean, blocks: [4_000])
        #expect(found.peak <= 2 * LiveGuard.limit)
        for (stem, wanted) in zip(found.channels, expected.channels) {
            let tail = Comparison(
                actual: Array(stem[100_000...]), expected: Array(wanted[100_000...]))
            #expect(tail.snrDecibels > 25, "\(tail)")
        }
    }

    @Test func silenceStaysSilent() throws {
        let silence = PlanarAudio(channelCount: 2, sampleRateHz: 1_600, zeros: 1_000)
        let found = try result(filter(.mixture), silence, blocks: [100])
        #expect(found.peak == 0)
        let stems = try result(filter(.stems), silence, blocks: [100])
        #expect(stems.channels.allSatisfy { $0.allSatisfy(\.isFinite) })
    }

    @Test func anErrorOfTheNetworksEndsTheSound() throws {
        struct Broken: Error {}
        let filter = try filter(.stems) { _ in { _, _ in throw Broken() } }
        defer { filter.stop() }
        #expect(throws: Broken.self) { try filter.process(NoiseTrack.buffer(samples: 1_600)) }
    }

    @Test func whatALookaheadHasNoUseForIsRefused() throws {
        for options in [
            SeparationOptions(shifts: 2), SeparationOptions(overlap: 0.5),
            SeparationOptions(segmentSeconds: 0.1), SeparationOptions(split: false),
            SeparationOptions(transitionPower: 2),
        ] {
            #expect(throws: SeparationError.self) {
                try SeparationStream(
                    separator, channelCount: 2, sampleRateHz: 1_600,
                    live: self.options, options: options)
            }
        }
    }

    @Test func theAsyncSequenceGivesTheSameStems() async throws {
        let track = NoiseTrack.buffer(samples: 2_500)
        var stems = PlanarAudio(channelCount: stemRows, sampleRateHz: 1_600)
        for try await block in separator.stems(of: NoiseTrack.pieces(of: track), live: options) {
            stems.append(
                PlanarAudio(channels: block.flatMap(\.audio.channels), sampleRateHz: 1_600))
        }
        let found = try result(filter(.stems), track, blocks: [2_500])
        #expect(found[found.sampleCount - 2_500..<found.sampleCount] == stems)
    }
}
