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

    /// All stems of a stream that gets blocks of one length.
    private func stems(
        _ track: PlanarAudio, blockSamples: Int, live: LiveOptions? = nil,
        rate: OutputOptions.Rate = .model,
        options: SeparationOptions, givenBeforeTheEnd: inout Int
    ) throws -> PlanarAudio {
        let stream = try SeparationStream(
            separator, channelCount: track.channelCount, sampleRateHz: track.sampleRateHz,
            live: live, rate: rate, options: options)
        return try stream.stems(of: track, blockSamples: blockSamples) { givenBeforeTheEnd = $0 }
    }

    private let live = LiveOptions(lookaheadSeconds: 0.05, hopSeconds: 0.1)

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
        var early = 0
        let stems = try stems(
            noise, blockSamples: 77, options: options, givenBeforeTheEnd: &early)
        #expect(stems.channels == whole)
        #expect(early == 0)
    }

    @Test(arguments: [true, false])
    func stemsAtTheInputsRateAreAsLongAsTheInput(isLive: Bool) throws {
        let noise = NoiseTrack.buffer(samples: 3_011, rateHz: 2_000)
        var early = 0
        let stems = try stems(
            noise, blockSamples: 500, live: isLive ? live : nil, rate: .input,
            options: SeparationOptions(shifts: 0), givenBeforeTheEnd: &early)
        #expect(stems.sampleCount == noise.sampleCount)
        #expect(stems.sampleRateHz == noise.sampleRateHz)
    }

    @Test(arguments: [true, false])
    func anEmptyStreamIsRefused(isLive: Bool) throws {
        let stream = try SeparationStream(
            separator, channelCount: 2, sampleRateHz: 1_600, live: isLive ? live : nil,
            options: SeparationOptions())
        #expect(throws: SeparationError.emptyAudio(channels: 2, samples: 0)) { try stream.end() }
    }
}
