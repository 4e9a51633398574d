// `tensors prepare`: a track in chunks, as the core's inputs in files.

import Audio
import Demucs
import Files
import HTDemucs
import Tensor

/// Cuts a track into chunks and writes the core's inputs of each.
package struct Preparation {
    package let manifest: Manifest
    private let track: Track

    /// Warnings about the track.
    package var warnings: [AudioWarning] { track.warnings }

    /// Lengths of a chunk that are accepted, in seconds.
    package static let chunkSeconds = 0.01...3600

    /// Reads the track once, for its length and its normalisation.
    ///
    /// - Parameters:
    ///   - modelName: for the manifest.
    ///   - chunkSeconds: nil for the model's segment.
    /// - Throws: `AudioError`; ``PortingError`` for a chunk or an overlap that can't be.
    package init(
        _ input: AudioInput, modelName: String, configuration: Configuration,
        chunkSeconds: Double?, overlap: Double, encoding: TensorEncoding,
        cancellation: CancellationToken
    ) throws {
        track = try Track(
            input, channelCount: configuration.audioChannels,
            sampleRateHz: configuration.samplerate, cancellation: cancellation)
        let plan = try ChunkPlan(
            chunkSamples: Self.samples(chunkSeconds, configuration), overlap: overlap,
            trackSamples: track.sampleCount)
        manifest = Manifest(
            source: .init(
                name: FilePath.name(of: input.name),
                sha256: try SHA256.hexadecimal(ofFile: input.name), samples: track.sampleCount),
            modelName: modelName, configuration: configuration, plan: plan,
            normalisation: .init(mean: track.statistics.mean, scale: track.statistics.scale),
            encoding: encoding)
    }

    /// Samples of a chunk of so many seconds, rounded down as the reference rounds its segments.
    static func samples(
        _ chunkSeconds: Double?, _ configuration: Configuration
    ) throws(PortingError) -> Int {
        guard let seconds = chunkSeconds else { return configuration.segmentSamples }
        guard Self.chunkSeconds.contains(seconds) else {
            throw .invalidOption(
                name: "chunk", value: "\(seconds)",
                allowed: "\(Self.chunkSeconds.lowerBound) to \(Self.chunkSeconds.upperBound) "
                    + "seconds")
        }
        let samples = Int(Double(configuration.samplerate) * seconds)
        guard samples >= 1 else {
            throw .invalidOption(
                name: "chunk", value: "\(seconds)", allowed: "at least one sample")
        }
        return samples
    }

    /// Writes the manifest, then chunk after chunk. Chunks that are complete are left as they are.
    ///
    /// - Parameter progress: is given the number of chunks done.
    /// - Throws: ``PortingError``, `AudioError`, `SeparationError`, `CancellationError`.
    package func write(
        to path: String, on backend: Backend, cancellation: CancellationToken,
        progress: (Int) -> Void = { _ in }
    ) throws {
        try claim(path)
        let folder = ChunkFolder(path)
        let spectrogram = manifest.spectrogram(on: backend)
        let plan = manifest.plan
        let missing = (0..<plan.count).filter { index in
            !manifest.inputs.allSatisfy { folder.isComplete($0, index, manifest.encoding) }
        }
        var done = plan.count - missing.count
        progress(done)
        try track.forEachPiece(
            at: missing.map(plan.start), length: plan.chunkSamples, on: backend,
            cancellation: cancellation
        ) { position, chunk in
            let index = missing[position]
            try ChunkFolder.make(folder.folder(index))
            for tensor in spectrogram.inputs(chunk) {
                try TensorFile.write(
                    tensor, to: folder.file(tensor.name, index, manifest.encoding.container),
                    manifest.encoding)
            }
            done += 1
            progress(done)
        }
    }

    /// Makes the folder and writes the manifest, unless the same one is there.
    private func claim(_ path: String) throws(PortingError) {
        try ChunkFolder.make(path)
        let file = FilePath.joined(path, Manifest.fileName)
        if FilePath.status(file) != nil {
            if let difference = try Manifest(folder: path).difference(from: manifest) {
                throw .folderTaken(path: path, difference: difference)
            }
        } else {
            try manifest.write(to: path)
        }
    }
}

extension ChunkFolder {
    /// Whether a tensor's file is there and as long as it must be. Files get their names when they
    /// are complete, so nothing more needs to be looked at.
    func isComplete(_ tensor: Manifest.Shape, _ index: Int, _ encoding: TensorEncoding) -> Bool {
        let header = encoding.header(tensor.name, tensor.shape)
        return FilePath.countBytes(file(tensor.name, index, encoding.container))
            == header.count + tensor.shape.reduce(1, *) * encoding.element.bytes
    }
}
