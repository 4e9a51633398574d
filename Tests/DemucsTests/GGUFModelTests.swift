// Models in GGUF files, as audio.cpp stores them, separate like those that they were made from.

import Audio
import Demucs
import Foundation
import ModelZoo
import TestSupport
import Testing
import WeightsLoader

@Suite struct GGUFModelTests {
    private func stems(_ path: String, _ track: PlanarAudio) throws -> [Stem] {
        let separator = try Separator(OpenedModel(ModelFiles(checkpoint: path)), threads: 1)
        return try separator.separate(
            AudioInput(track), options: SeparationOptions(shifts: 0)
        ).stems
    }

    @Test func htdemucsOfTheSameNumbersGivesTheSameStems() throws {
        let original = Fixture.url("models/cross_first.safetensors").path
        let checkpoint = try Checkpoint.open(original)
        let file = try GGUFFile(
            checkpoint, configuration: GGUFFile.configuration(ofDemucs: checkpoint))
        let folder = TemporaryFolder()
        let copy = try folder.write(Data(file.bytes(.float32)), "model.gguf")
        let track = NoiseTrack.buffer(samples: 2000)
        #expect(try stems(copy, track) == stems(original, track))
    }

    /// audio.cpp stores queries, keys and values apart, and no frequencies of the rotations.
    @Test func melBandRoFormersOfTheSameNumbersGiveTheSameStems() throws {
        let folder = TemporaryFolder()
        let inner = 8
        var tensors: [GGUFFile.Tensor] = []
        var whole: [RawCheckpoint.Tensor] = []
        var random = SplitMix64(seed: 5)
        func add(_ name: String, _ shape: [Int]) {
            let values = random.floats(shape.reduce(1, *)).map { $0 * 0.3 }
            whole.append(.init(name: name, shape: shape, floats: values))
            guard name.hasSuffix("to_qkv.weight") else {
                tensors.append(.init(name: name, shape: shape, values: values))
                return
            }
            let part = values.count / 3
            for (index, letter) in ["q", "k", "v"].enumerated() {
                tensors.append(
                    .init(
                        name: name.replacing("to_qkv", with: "to_\(letter)"),
                        shape: [inner, shape[1]],
                        values: Array(values[index * part..<(index + 1) * part])))
            }
        }
        let dim = 8
        // The bins of four mel bands of a frame of 64 samples, of two channels.
        let layout = [3, 5, 12, 26]
        for (band, bins) in layout.enumerated() {
            add("band_split.to_features.\(band).0.gamma", [4 * bins])
            add("band_split.to_features.\(band).1.weight", [dim, 4 * bins])
            add("band_split.to_features.\(band).1.bias", [dim])
            let mask = "mask_estimators.0.to_freqs.\(band).0"
            add("\(mask).0.weight", [4 * dim, dim])
            add("\(mask).0.bias", [4 * dim])
            add("\(mask).2.weight", [8 * bins, 4 * dim])
            add("\(mask).2.bias", [8 * bins])
        }
        for axis in 0..<2 {
            let layer = "layers.0.\(axis).layers.0"
            add("\(layer).0.norm.gamma", [dim])
            add("\(layer).0.to_qkv.weight", [3 * inner, dim])
            add("\(layer).0.to_gates.weight", [1, dim])
            add("\(layer).0.to_gates.bias", [1])
            add("\(layer).0.to_out.0.weight", [dim, inner])
            add("\(layer).1.net.0.gamma", [dim])
            add("\(layer).1.net.1.weight", [4 * dim, dim])
            add("\(layer).1.net.1.bias", [4 * dim])
            add("\(layer).1.net.4.weight", [dim, 4 * dim])
            add("\(layer).1.net.4.bias", [dim])
            add("layers.0.\(axis).norm.gamma", [dim])
            // 10,000 to the power of -2 · pair / 8.
            whole.append(
                .init(
                    name: "\(layer).0.rotary_embed.freqs", shape: [4],
                    floats: [1, 0.1, 0.01, 0.001]))
        }
        let config = """
            {"model_type": "mel_band_roformer", "sample_rate": 44100, "chunk_size": 480,
             "num_overlap": 2, "dim": 8, "depth": 1, "num_bands": 4, "num_stems": 1, "dim_head": 8,
             "heads": 1, "n_fft": 64, "hop_length": 16, "win_length": 64,
             "mask_estimator_depth": 1, "mlp_expansion_factor": 4}
            """
        var file = GGUFFile(configuration: config, tensors: tensors)
        file.source = "weights"
        let gguf = try folder.write(Data(file.bytes(.float32)), "model.gguf")
        let plain = try folder.write(
            try RawCheckpoint(metadata: [:], tensors: whole).data, "model.safetensors")
        try folder.write(
            """
            audio:
              chunk_size: 480
            model:
              num_bands: 4
              stft_n_fft: 64
              stft_win_length: 64
              stft_hop_length: 16
              stereo: true
            training:
              instruments: [vocals, other]
              target_instrument: vocals
            """, "model.yaml")
        let track = NoiseTrack.buffer(samples: 2000, rateHz: 44_100)
        let found = try stems(gguf, track)
        #expect(found.map(\.name) == ["vocals", "other"])
        let expected = try stems(plain, track)
        for (stem, other) in zip(found, expected) {
            let comparison = Comparison(
                actual: stem.audio.channels.flatMap(\.self),
                expected: other.audio.channels.flatMap(\.self))
            // The frequencies differ by the rounding of a power.
            #expect(comparison.snrDecibels >= 110, "\(stem.name): \(comparison)")
        }
    }
}
