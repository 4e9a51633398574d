import DemucsEngine
import System
import TestSupport
import Testing

/// Streams of blocks give the same samples as the whole track.
struct SeparationStreamTests {
    /// 1,600 Hz, segments of 400 samples.
    private let separator: Separator

    init() throws {
        separator = try NoiseTrack.model()
    }

    /// All stems of a stream that gets blocks of one length, and is read after each block.
    private func stems(
        _ track: PlanarAudio, blockSamples: Int, live: Normalization?,
        rate: OutputOptions.Rate = .model,
        options: SeparationOptions, givenBeforeTheEnd: inout Int
    ) throws -> PlanarAudio {
        let stream = try SeparationStream(
            separator, channelCount: track.channelCount, sampleRateHz: track.sampleRateHz,
            normalization: live, rate: rate, options: options)
        let model = separator.model
        var stems = PlanarAudio(
            channelCount: model.sources.count * model.audioChannels,
            sampleRateHz: rate == .input ? track.sampleRateHz : model.sampleRateHz)
        for start in stride(from: 0, to: track.sampleCount, by: blockSamples) {
            try stream.append(track[start..<min(start + blockSamples, track.sampleCount)])
            while let block = try stream.next() { stems.append(block) }
        }
        givenBeforeTheEnd = stems.sampleCount
        try stream.end()
        while let block = try stream.next() { stems.append(block) }
        return stems
    }

    private func normalization(of track: PlanarAudio) throws -> Normalization {
        try Recording(
            channelCount: separator.model.audioChannels,
            sampleRateHz: separator.model.sampleRateHz, cancellation: CancellationToken(),
            open: { RangeReader(track) }
        ).track.statistics.normalization
    }

    @Test(
        arguments: [0, 1], [(2, 1600, 3000), (1, 1600, 1200), (2, 2000, 2500), (2, 1600, 1)])
    func streamsGiveTheSamplesOfTheWholeTrack(
        shifts: Int, track: (channels: Int, rateHz: Int, samples: Int)
    ) throws {
        let noise = NoiseTrack.buffer(
            samples: track.samples, channels: track.channels, rateHz: track.rateHz)
        let options = SeparationOptions(shifts: shifts, seed: 3)
        let whole = try separator.separate(AudioInput(noise), options: options)
            .stems.flatMap(\.audio.channels)
        for (live, blockSamples) in [(false, 77), (true, 77), (true, 2000)] {
            var early = 0
            let stems = try stems(
                noise, blockSamples: blockSamples, live: live ? normalization(of: noise) : nil,
                options: options, givenBeforeTheEnd: &early)
            #expect(stems.channels == whole, "live: \(live), blocks of \(blockSamples)")
            #expect(live || early == 0)
        }
    }

    /// The delay is about one segment, for tracks of any length.
    @Test func liveStreamsLagBehindByASegment() throws {
        let noise = NoiseTrack.buffer(samples: 10_000)
        var early = 0
        _ = try stems(
            noise, blockSamples: 100, live: normalization(of: noise),
            options: SeparationOptions(shifts: 0), givenBeforeTheEnd: &early)
        let segment = 400
        #expect(early > noise.sampleCount - segment - 100)
        #expect(early < noise.sampleCount)
    }

    @Test(arguments: [true, false])
    func stemsAtTheInputsRateAreAsLongAsTheInput(isLive: Bool) throws {
        let noise = NoiseTrack.buffer(samples: 3_011, rateHz: 2_000)
        var early = 0
        let stems = try stems(
            noise, blockSamples: 500, live: isLive ? normalization(of: noise) : nil,
            rate: .input, options: SeparationOptions(shifts: 0), givenBeforeTheEnd: &early)
        #expect(stems.sampleCount == noise.sampleCount)
        #expect(stems.sampleRateHz == noise.sampleRateHz)
    }

    @Test func whatNeedsTheTracksLengthIsRefusedForLiveStreams() throws {
        for options in [SeparationOptions(shifts: 2), SeparationOptions(shifts: 0, split: false)] {
            #expect(throws: SeparationError.self) {
                try SeparationStream(
                    separator, channelCount: 2, sampleRateHz: 1_600,
                    normalization: Normalization(mean: 0, standardDeviation: 1),
                    options: options)
            }
        }
    }

    @Test(arguments: [true, false])
    func anEmptyStreamIsRefused(isLive: Bool) throws {
        let stream = try SeparationStream(
            separator, channelCount: 2, sampleRateHz: 1_600,
            normalization: isLive ? Normalization(mean: 0, standardDeviation: 1) : nil,
            options: SeparationOptions())
        #expect(throws: SeparationError.emptyAudio(channels: 2, samples: 0)) { try stream.end() }
    }
}
