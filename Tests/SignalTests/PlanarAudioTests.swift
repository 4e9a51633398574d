import Signal
import Testing

struct PlanarAudioTests {
    private let audio = PlanarAudio(
        (0..<14).map { Float($0) - 10 }, channelCount: 2, sampleRateHz: 7)

    @Test func aFlatArrayIsCutIntoChannels() {
        #expect(audio.channels == [[-10, -9, -8, -7, -6, -5, -4], [-3, -2, -1, 0, 1, 2, 3]])
        #expect(audio.channelCount == 2 && audio.sampleCount == 7)
        #expect(audio.durationSeconds == 1)
        #expect(audio.peak == 10)
    }

    @Test(arguments: 0...7)
    func partsMakeTheWhole(cut: Int) {
        var joined = PlanarAudio(channelCount: 2, sampleRateHz: 7, capacity: 7)
        joined.append(audio[0..<cut])
        joined.append(audio, cut..<7)
        #expect(joined == audio)
        joined.removeFirst(cut)
        #expect(joined == audio[cut..<7])
    }

    @Test func silenceIsZerosAndNothingHasNoPeak() {
        let silence = PlanarAudio(channelCount: 3, sampleRateHz: 8, zeros: 4)
        #expect(silence.channels == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
        #expect(PlanarAudio(channels: [], sampleRateHz: 8).sampleCount == 0)
        #expect(PlanarAudio(channels: [], sampleRateHz: 8).peak == 0)
    }

    @Test func peaksAreThoseOfNumbers() {
        let values: [Float] = [-0.0, 0.5, -3, 0x1p-149]
        #expect(values.withUnsafeBufferPointer(\.largestMagnitude) == 3)
        #expect((values + [.nan]).withUnsafeBufferPointer(\.largestMagnitude).isNaN)
        #expect((values + [-.infinity]).withUnsafeBufferPointer(\.largestMagnitude) == .infinity)
        let channels = [values, [-.nan, 2, 4, .nan]]
        #expect(PlanarAudio(channels: channels, sampleRateHz: 8).peak == 4)
    }
}
