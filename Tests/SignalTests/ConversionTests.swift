import Signal
import TestSupport
import Testing

/// Channels and rates against demucs.audio.convert_audio.
struct ConversionTests {
    @Test(arguments: [
        ("mono_48000_to_stereo", 48_000, 2), ("three_channels_48000_to_stereo", 48_000, 2),
        ("three_channels_44100_to_mono", 44_100, 1), ("stereo_22050_to_mono", 22_050, 1),
    ])
    func conversionMatchesTheReference(name: String, rateHz: Int, channels: Int) throws {
        let fixture = try Fixture("audio/convert")
        let input = try fixture.floats("\(name)_input")
        let count = try fixture.shape("\(name)_input")[1]
        let recording = PlanarAudio(
            input, channelCount: input.count / count, sampleRateHz: rateHz
        ).channels
        let converted = try convert(
            recording, rateHz: rateHz, toChannels: channels, blockSamples: 100)
        #expect(converted.count == channels)
        #expect(
            try convert(recording, rateHz: rateHz, toChannels: channels, blockSamples: count)
                == converted)
        let comparison = Comparison(
            actual: converted.flatMap { $0 }, expected: try fixture.floats("\(name)_output"))
        // Bounds the resampler's float32 sums; without resampling the result is exact.
        #expect(comparison.snrDecibels > (rateHz == 44_100 ? 140 : 125), "\(comparison)")
    }

    @Test func stereoIsNotSpreadOverMoreChannels() {
        #expect(
            AudioConversion(channels: 2, rateHz: 44_100, toChannels: 4, rateHz: 44_100) == nil)
    }

    @Test func theAverageIsOfAllChannelsAndOnlyOfMoreThanWanted() throws {
        let three: [[Float]] = [[3, 0], [6, 0.5], [0, 1]]
        #expect(
            try convert(three, rateHz: 44_100, toChannels: 2, downmix: .average)
                == [[3, 0.5], [3, 0.5]])
        #expect(
            try convert(three, rateHz: 44_100, toChannels: 3, downmix: .average) == three)
        #expect(
            try convert([[1, 2]], rateHz: 44_100, toChannels: 2, downmix: .average)
                == [[1, 2], [1, 2]])
    }

    /// RFC 9639, 9.1.3, and the specification of Vorbis I, 4.3.9.
    @Test func speakersHaveTheOrderOfTheirSpecifications() {
        let (l, r, c): (Speaker, Speaker, Speaker) = (.left, .right, .centre)
        let (sl, sr, e, b): (Speaker, Speaker, Speaker, Speaker) = (
            .leftSurround, .rightSurround, .lowFrequency, .backCentre
        )
        let orders: [(wav: [Speaker], vorbis: [Speaker])] = [
            ([l, r, c], [l, c, r]), ([l, r, sl, sr], [l, r, sl, sr]),
            ([l, r, c, sl, sr], [l, c, r, sl, sr]), ([l, r, c, e, sl, sr], [l, c, r, sl, sr, e]),
            ([l, r, c, e, b, sl, sr], [l, c, r, sl, sr, b, e]),
            ([l, r, c, e, sl, sr, sl, sr], [l, c, r, sl, sr, sl, sr, e]),
        ]
        for (wav, vorbis) in orders {
            #expect(Speaker.layout(channelCount: wav.count) == wav)
            #expect(Speaker.vorbisLayout(channelCount: wav.count) == vorbis)
        }
    }

    @Test func theLayoutMixesByTheLoudspeakers() throws {
        func mixed(_ count: Int, to channels: Int, _ speakers: [Speaker]? = nil) throws -> [[Float]]
        {
            // One channel after the other has a sample of 1.
            let units = (0..<count).map { channel in
                (0..<count).map { $0 == channel ? 1 : 0 as Float }
            }
            return try convert(
                units, rateHz: 44_100, toChannels: channels, downmix: .layout, speakers: speakers)
        }
        let half = Float(0.5).squareRoot()
        #expect(
            try mixed(6, to: 2) == [[1, 0, half, 0, half, 0], [0, 1, half, 0, 0, half]])
        #expect(
            try mixed(7, to: 2)[0] == [1, 0, half, 0, 0.5, half, 0])
        #expect(try mixed(3, to: 1) == [[0.5, 0.5, half]])
        #expect(
            try mixed(6, to: 2, Speaker.vorbisLayout(channelCount: 6))[1]
                == [0, half, 1, 0, half, 0])
        // Nobody knows the speakers of nine channels.
        #expect(try mixed(9, to: 2)[0].allSatisfy { abs($0 - 1 / 9) < 1e-6 })
        #expect(try mixed(2, to: 2) == [[1, 0], [0, 1]])
        // Only more channels than are wanted are mixed, also if the file names their speakers.
        #expect(try mixed(2, to: 2, [.right, .left]) == [[1, 0], [0, 1]])
        #expect(try mixed(1, to: 2, [.centre]) == [[1], [1]])
        #expect(try mixed(1, to: 1, [.lowFrequency]) == [[1]])
    }

    /// Converts a recording to 44.1 kHz, block by block.
    private func convert(
        _ recording: [[Float]], rateHz: Int, toChannels channels: Int, downmix: Downmix = .first,
        speakers: [Speaker]? = nil, blockSamples: Int = 1
    ) throws -> [[Float]] {
        var conversion = try #require(
            AudioConversion(
                channels: recording.count, rateHz: rateHz, toChannels: channels, rateHz: 44_100,
                downmix: downmix, speakers: speakers))
        let recording = PlanarAudio(channels: recording, sampleRateHz: rateHz)
        var output = PlanarAudio(channelCount: channels, sampleRateHz: 44_100)
        for start in stride(from: 0, to: recording.sampleCount, by: blockSamples) {
            let end = min(start + blockSamples, recording.sampleCount)
            output.append(conversion.convert(recording[start..<end]))
        }
        output.append(conversion.finish())
        return output.channels
    }
}
