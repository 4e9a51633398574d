// Tiny models, tracks and folders for the tests of ports.

import Audio
import Demucs
import Foundation
import HTDemucs
import ModelZoo
import Porting
import Tensor
import TestSupport
import WeightsLoader

enum PortedFixture {
    /// A model of Tests/Fixtures/models. `cross_first`: two sources, stereo at 1,600 Hz, nfft 256, a
    /// segment of 400 samples.
    static func model(_ name: String = "cross_first") throws -> OpenedModel {
        try OpenedModel(
            porting: ModelFiles(checkpoint: Fixture.url("models/\(name).safetensors").path))
    }

    /// Noise that swells, off centre, as a float32 WAV.
    static func track(
        _ path: String, samples: Int, seed: UInt64 = 1, gain: Float = 0.5, rateHz: Int = 1600
    ) throws {
        var random = SplitMix64(seed: seed)
        let channels = (0..<2).map { channel in
            (0..<samples).map { index in
                let swell = 0.2 + 0.8 * Float(index) / Float(samples)
                return gain * swell * random.float() + 0.05 * gain
            }
        }
        try AudioFile.write(
            PlanarAudio(channels: channels, sampleRateHz: rateHz), to: path, format: .wav(.float32),
            clip: .none)
    }

    /// Chunks of a track for a tiny model.
    static func prepare(
        _ track: String, to folder: String, chunkSamples: Int = 160, overlap: Double = 0.25,
        encoding: TensorEncoding = TensorEncoding(.raw, .float32), on backend: Backend
    ) throws -> Manifest {
        let model = try model()
        let preparation = try Preparation(
            AudioInput(path: track), modelName: "cross_first", configuration: model.configuration,
            chunkSeconds: (Double(chunkSamples) + 0.5) / 1600, overlap: overlap,
            encoding: encoding, cancellation: CancellationToken())
        try preparation.write(to: folder, on: backend, cancellation: CancellationToken())
        return preparation.manifest
    }

    static func run(_ folder: String, on backend: Backend) throws {
        let manifest = try Manifest(folder: folder)
        try CoreRun(folder, manifest: manifest, model: model()).run(
            on: backend, cancellation: CancellationToken())
    }

    /// Assembles to float32 files and reads them.
    static func stems(
        _ folder: String, to out: String, outputs: StemAssembly.Outputs = .standard,
        element: TensorEncoding.Element? = nil, on backend: Backend
    ) throws -> [[Float]] {
        let manifest = try Manifest(folder: folder)
        return try StemAssembly(folder, manifest: manifest, outputs: outputs, element: element)
            .write(
                to: out, OutputOptions(format: .wav(.float32), clipMode: .none), on: backend,
                cancellation: CancellationToken()
            ).flatMap { try AudioFile.read($0).buffer.channels }
    }
}
