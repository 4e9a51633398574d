// Tiny models, tracks and folders for the tests of ports.

import Audio
import Demucs
import Foundation
import ModelZoo
import Porting
import System
import Tensor
import TestSupport
import Tracks
import WeightsLoader

/// A folder for a track, its chunks and its stems.
struct PortedFixture {
    let backend: Backend
    let folder = TemporaryFolder()

    /// The chunks, unless a test names another folder.
    var chunks: String { folder.path("chunks") }

    init() throws {
        backend = try Backend(threads: 2)
    }

    /// A model of Tests/Fixtures/models. `cross_first`: two sources, stereo at 1,600 Hz, nfft 256,
    /// a segment of 400 samples.
    static func model(_ name: String = "cross_first") throws -> OpenedModel {
        try OpenedModel(
            porting: ModelFiles(checkpoint: Fixture.url("models/\(name).safetensors").path))
    }

    /// A model of Tests/Fixtures/roformer.
    static func roformer(_ name: String) throws -> OpenedModel {
        try OpenedModel(
            porting: ModelFiles(checkpoint: Fixture.url("roformer/\(name).safetensors").path),
            needsCore: false)
    }

    /// Writes noise of rising level, with an offset, as a float32 WAV at 1,600 Hz.
    ///
    /// - Returns: path of the file.
    @discardableResult
    func track(
        _ name: String = "song.wav", samples: Int, seed: UInt64 = 1, gain: Float = 0.5
    ) throws -> String {
        var random = SplitMix64(seed: seed)
        let channels = (0..<2).map { channel in
            (0..<samples).map { index in
                let swell = 0.2 + 0.8 * Float(index) / Float(samples)
                return gain * swell * random.float() + 0.05 * gain
            }
        }
        try AudioFile.write(
            PlanarAudio(channels: channels, sampleRateHz: 1600), to: folder.path(name),
            format: .wav(.float32), clip: .none)
        return folder.path(name)
    }

    /// Writes chunks of a track for a tiny model.
    @discardableResult
    func prepare(
        _ track: String, for name: String = "cross_first", to chunks: String? = nil,
        chunkSamples: Int = 160,
        encoding: TensorEncoding = TensorEncoding(.raw, .float32)
    ) throws -> ChunkDescription {
        var model = try Self.model(name)
        model.name = name
        let preparation = try Preparation(
            AudioInput(path: track), model: model,
            chunkSeconds: (Double(chunkSamples) + 0.5) / 1600, overlap: 0.25, encoding: encoding,
            cancellation: CancellationToken())
        try preparation.write(
            to: chunks ?? self.chunks, on: backend, cancellation: CancellationToken())
        return preparation.description
    }

    /// Writes chunks of a short track.
    ///
    /// - Returns: the file of their manifest.
    func manifest() throws -> URL {
        try prepare(try track(samples: 200))
        return URL(fileURLWithPath: chunks + "/" + ChunkDescription.fileName)
    }

    /// Runs the core on chunks, and returns its progress.
    @discardableResult
    func run(_ chunks: String? = nil, on backend: Backend? = nil) throws -> [Int] {
        let chunks = chunks ?? self.chunks
        var progress: [Int] = []
        let description = try ChunkDescription(folder: chunks)
        let model = try Self.model(description.model.name)
        try CoreRun(chunks, description: description, model: model).run(
            on: backend ?? self.backend, cancellation: CancellationToken(),
            progress: { progress.append($0) })
        return progress
    }

    /// Assembles stems to float32 files in `stems` and reads them.
    ///
    /// - Returns: the channels of all stems.
    func stems(
        _ chunks: String? = nil, outputs: StemAssembly.Outputs = .standard
    ) throws -> [[Float]] {
        let chunks = chunks ?? self.chunks
        return try StemAssembly(
            chunks, description: ChunkDescription(folder: chunks), outputs: outputs
        )
        .write(
            to: folder.path("stems"),
            OutputOptions(format: .wav(.float32), clipMode: .none), on: backend,
            cancellation: CancellationToken()
        ).flatMap { try AudioFile.read($0).buffer.channels }
    }

    /// Reads a float32 tensor of a chunk.
    func tensor(_ name: String, _ chunk: Int, _ shape: [Int]) throws -> NamedTensor {
        try TensorFile.read(file(name, chunk), name: name, shape: shape, element: .float32)
    }

    /// The path of a chunk's tensor.
    func file(
        _ tensor: String, _ chunk: Int, _ container: TensorEncoding.Container = .raw
    ) -> String {
        ChunkFolder(chunks).file(tensor, chunk, container)
    }
}

extension Trace {
    /// A pass over the mix of a fixture, for the core beside its spectrogram of that name.
    init(_ golden: Fixture, x: String? = nil) throws {
        func tensor(_ name: String, _ value: String) throws -> NamedTensor {
            try NamedTensor(name, [1] + golden.shape(value), golden.floats(value))
        }
        self.init(
            input: try tensor(x == nil ? "mix" : "input", "mix"),
            x: try x.map { try tensor("x", $0) },
            origin: "fixture")
    }
}
