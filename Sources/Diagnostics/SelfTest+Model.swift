// The self-test's last vector: a piece of music through the demo model, end to end.

import Audio
import Demucs
import ModelZoo
import Tensor
import WeightsLoader

extension SelfTest {
    /// Every so many samples of the golden stems are stored; each depends on every weight.
    private static let storedStep = 11

    /// A piece that is longer than this was not made by the script.
    private static let maximumSamples = 1 << 20

    /// Separates the vectors' piece of music as `separate --shifts 0` does.
    ///
    /// - Returns: the stored samples of all stems, and PyTorch's.
    func separateDemo(on backend: Backend) throws -> (result: [Float], golden: [Float]) {
        let separator = try Separator(ModelFiles(checkpoint: demoPath), backends: [backend])
        let channels = separator.model.audioChannels
        let stored = vectors.tensor(named: "demo.mix")
        guard let stored, stored.shape.count == 2, stored.shape[0] == channels,
            (1...SelfTest.maximumSamples).contains(stored.shape[1])
        else {
            throw SelfTestError.unusableMix(
                path: vectors.path, shape: stored?.shape, channels: channels)
        }
        let samples = stored.shape[1]
        let values = try vectors.floats(stored)
        let mix = PlanarAudio(
            values, channelCount: channels, sampleRateHz: separator.model.sampleRateHz)
        let separation = try separator.separate(mix, options: SeparationOptions(shifts: 0))

        let reader = vectors.parameters().scope("demo")
        let storedSamples = (samples + SelfTest.storedStep - 1) / SelfTest.storedStep
        let golden = try separation.stems.flatMap {
            try reader.floats($0.name, [channels, storedSamples])
        }
        let result = separation.stems.flatMap(\.audio.channels).flatMap { channel in
            stride(from: 0, to: channel.count, by: SelfTest.storedStep).map { channel[$0] }
        }
        return (result, golden)
    }
}
