import Audio
import Tensor
import TestSupport
import Testing

/// Channels and rates against demucs.audio.convert_audio.
struct ConversionTests {
    private let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    @Test(arguments: [
        ("mono_48000_to_stereo", 48_000, 2), ("three_channels_48000_to_stereo", 48_000, 2),
        ("three_channels_44100_to_mono", 44_100, 1), ("stereo_22050_to_mono", 22_050, 1),
    ])
    func conversionMatchesTheReference(name: String, rateHz: Int, channels: Int) throws {
        let fixture = try Fixture("audio/convert")
        let input = try fixture.floats("\(name)_input")
        let count = try fixture.shape("\(name)_input")[1]
        let buffer = AudioBuffer(
            channels: stride(from: 0, to: input.count, by: count).map {
                Array(input[$0..<$0 + count])
            },
            sampleRateHz: rateHz)
        let converted = try buffer.converted(toChannels: channels, rateHz: 44_100, on: backend)
        #expect(converted.sampleRateHz == 44_100)
        #expect(converted.channels.count == channels)
        let comparison = Comparison(
            actual: converted.channels.flatMap { $0 },
            expected: try fixture.floats("\(name)_output"))
        // The resampler's float32 sums; without resampling the result is exact.
        #expect(comparison.snrDecibels > (rateHz == 44_100 ? 140 : 125), "\(comparison)")
    }

    @Test
    func stereoIsNotSpreadOverMoreChannels() {
        let buffer = AudioBuffer(channels: [[0], [0]], sampleRateHz: 44_100)
        #expect(throws: AudioError.tooFewChannels(found: 2, needed: 4)) {
            try buffer.converted(toChannels: 4, rateHz: 44_100, on: backend)
        }
    }
}
