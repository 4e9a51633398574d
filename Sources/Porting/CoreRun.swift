// `tensors run`: runs the engine's core on chunks in files.

import Demucs
import System
import Tensor
import Tracks

/// Runs the core on prepared chunks, without padding, and writes the outputs beside the inputs.
package struct CoreRun {
    private let folder: ChunkFolder
    private let description: ChunkDescription
    private let model: OpenedModel

    /// A record of the model and the precision that made the outputs in a folder.
    private struct Record: Codable, Equatable {
        var modelSha256: String
        var precision: String

        static let fileName = "run.json"
    }

    /// - Throws: ``PortingError`` if the chunks were prepared for another kind of model.
    package init(_ path: String, description: ChunkDescription, model: OpenedModel)
        throws(PortingError)
    {
        try model.check(description, folder: path)
        folder = ChunkFolder(path)
        self.description = description
        self.model = model
    }

    /// Runs chunk after chunk. Chunks are skipped if their outputs are complete, newer than the
    /// inputs and from the same model and precision.
    ///
    /// - Parameter progress: called with the number of finished chunks.
    /// - Throws: ``PortingError``, `WeightsError`, `CancellationError`.
    package func run(
        on backend: Backend, cancellation: CancellationToken, progress: (Int) -> Void = { _ in }
    ) throws {
        try claim(backend.precision, cancellation)
        let network = try model.network(on: backend)
        let spectrogram = description.spectrogram(on: backend)
        let missing = try (0..<description.chunk.count).filter {
            try cancellation.check()
            return !isComplete($0)
        }
        var done = description.chunk.count - missing.count
        progress(done)
        for index in missing {
            try cancellation.check()
            let inputs = try description.inputs(ofChunk: folder.folder(index))
            let (mix, z) = CoreSpectrogram.engineInputs(inputs[0], inputs[1], on: backend)
            guard let (x, xt) = try network.core(mix, z, observer: cancellation) else {
                throw PortingError.noCore(name: model.name)
            }
            for output in spectrogram.outputs(x, xt, sources: description.model.sources.count) {
                try TensorFile.write(output, to: file(output.name, index), description.encoding)
            }
            done += 1
            progress(done)
        }
    }

    private func file(_ tensor: String, _ index: Int) -> String {
        folder.file(tensor, index, description.encoding.container)
    }

    /// Removes outputs of another model or precision, then records this model and precision.
    private func claim(_ precision: Precision, _ cancellation: CancellationToken) throws {
        let record = Record(modelSha256: try model.checksum(), precision: precision.rawValue)
        let path = FilePath.joined(folder.path, Record.fileName)
        if JSONText.read(path) == record { return }
        for index in 0..<description.chunk.count {
            try cancellation.check()
            for output in description.outputs { unlink(file(output.name, index)) }
        }
        try TensorFile.write(Array(JSONText.of(record, keys: .useDefaultKeys).utf8), to: path)
    }

    private func isComplete(_ index: Int) -> Bool {
        let inputs = description.inputs.map { modified(file($0.name, index)) }
        return description.outputs.allSatisfy { output in
            let time = modified(file(output.name, index))
            return folder.isComplete(output, index, description.encoding)
                && inputs.allSatisfy { $0 <= time }
        }
    }

    private func modified(_ path: String) -> Int {
        FilePath.status(path)?.modifiedNanoseconds ?? .min
    }
}

extension ChunkDescription {
    /// Reads the core's inputs of a chunk.
    ///
    /// - Parameter path: path of the chunk's folder.
    func inputs(ofChunk path: String) throws(PortingError) -> [NamedTensor] {
        try inputs.map { input throws(PortingError) in
            try TensorFile.read(
                FilePath.joined(path, "\(input.name).\(encoding.container.rawValue)"),
                name: input.name, shape: input.shape, element: encoding.element)
        }
    }
}
