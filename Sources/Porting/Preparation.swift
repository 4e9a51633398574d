// `tensors prepare`: cuts a track into chunks and writes the core's inputs to files.

import Audio
import Demucs
import Networks
import System
import Tensor

/// Cuts a track into chunks and writes the core's inputs of each.
package struct Preparation {
    package let description: ChunkDescription
    private let track: Track

    /// Warnings about the recording.
    package let warnings: [AudioWarning]

    /// Allowed lengths of a chunk, in seconds.
    package static let chunkSeconds = 0.01...3600

    /// Reads the track once, for its length and its normalisation.
    ///
    /// - Parameters:
    ///   - excerpt: the part of the track to use, which is normalised by itself; nil for all.
    ///   - model: a model with a core.
    ///   - chunkSeconds: length of a chunk; nil for the model's segment.
    /// - Throws: `AudioError`; `SeparationError` for an excerpt outside of the track;
    ///   ``PortingError`` for an invalid length or overlap.
    package init(
        _ input: AudioInput, excerpt: Excerpt? = nil, model: OpenedModel,
        chunkSeconds: Double?, overlap: Double, encoding: TensorEncoding,
        cancellation: CancellationToken
    ) throws {
        let recording = try Recording(
            input, excerpt: excerpt, channelCount: model.rules.audioChannels,
            sampleRateHz: model.rules.sampleRateHz, cancellation: cancellation)
        track = recording.track
        warnings = recording.warnings
        let plan = try ChunkPlan(
            chunkSamples: Self.samples(chunkSeconds, model.rules), overlap: overlap,
            trackSamples: track.sampleCount)
        description = try ChunkDescription(
            source: .init(
                name: FilePath.name(of: input.name),
                sha256: input.sha256 { cancellation.isCancelled } ?? "",
                samples: track.sampleCount,
                start: excerpt.flatMap { $0.startSeconds > 0 ? $0.startSeconds : nil }),
            model: .init(of: model), plan: plan,
            normalisation: .init(mean: track.statistics.mean, scale: track.statistics.scale),
            encoding: encoding)
    }

    /// Samples of a chunk of `chunkSeconds`, rounded down as the reference rounds its segments; at
    /// least one.
    static func samples(
        _ chunkSeconds: Double?, _ rules: TrackRules
    ) throws(PortingError) -> Int {
        guard let seconds = chunkSeconds else { return rules.segmentSamples }
        guard Self.chunkSeconds.contains(seconds) else {
            throw .invalidOption(
                name: "chunk", value: "\(seconds)",
                allowed: "\(Self.chunkSeconds.lowerBound) to \(Self.chunkSeconds.upperBound) "
                    + "seconds")
        }
        return max(1, Int(Double(rules.sampleRateHz) * seconds))
    }

    /// Writes the description, then chunk after chunk. Complete chunks are skipped.
    ///
    /// - Parameter progress: called with the number of finished chunks.
    /// - Throws: ``PortingError``, `AudioError`, `SeparationError`, `CancellationError`.
    package func write(
        to path: String, on backend: Backend, cancellation: CancellationToken,
        progress: (Int) -> Void = { _ in }
    ) throws {
        try claim(path)
        let folder = ChunkFolder(path)
        let spectrogram = description.spectrogram(on: backend)
        let plan = description.plan
        let missing = (0..<plan.count).filter { index in
            !description.inputs.allSatisfy { folder.isComplete($0, index, description.encoding) }
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
                    tensor, to: folder.file(tensor.name, index, description.encoding.container),
                    description.encoding)
            }
            done += 1
            progress(done)
        }
    }

    /// Makes the folder and writes the description, unless the folder already has an equal one.
    private func claim(_ path: String) throws(PortingError) {
        try ChunkFolder.make(path)
        let file = FilePath.joined(path, ChunkDescription.fileName)
        if FilePath.status(file) != nil {
            if let difference = try ChunkDescription(folder: path).difference(from: description) {
                throw .folderTaken(path: path, difference: difference)
            }
        } else {
            try description.write(to: path)
        }
    }
}

extension ChunkFolder {
    /// Whether a tensor's file exists with the right size. Files get their names only when they are
    /// complete, so this check is enough.
    func isComplete(_ tensor: ChunkDescription.Shape, _ index: Int, _ encoding: TensorEncoding)
        -> Bool
    {
        let header = encoding.header(tensor.name, tensor.shape)
        return FilePath.countBytes(file(tensor.name, index, encoding.container))
            == header.count + tensor.shape.reduce(1, *) * encoding.element.bytes
    }
}
