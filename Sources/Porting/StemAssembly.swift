// `tensors stems`: makes sound files from the outputs of a core, ours or another runtime's.

import Audio
import Demucs
import System
import Tensor
import Tracks

/// Makes stems from the core's outputs: inverse transform, sum, overlap-add, denormalisation and
/// encoding, chunk after chunk.
package struct StemAssembly {
    /// The outputs of a core.
    package enum Outputs: Sendable, Equatable {
        /// Names of the tensors of the spectrogram branch and of the waveform branch.
        case branches(spectrogram: String, waveform: String)
        /// The name of the finished waveform, `[1, S, A, N]`.
        case finished(String)

        package static let standard = Outputs.branches(
            spectrogram: CoreTensor.output, waveform: CoreTensor.waveform)
    }

    private let description: ChunkDescription
    private let folder: ChunkFolder
    private let outputs: Outputs
    private let element: TensorEncoding.Element

    /// - Parameters:
    ///   - path: folder of the chunks' outputs.
    ///   - description: that of the chunks' inputs.
    ///   - element: type of the outputs; nil for the type of the inputs.
    package init(
        _ path: String, description: ChunkDescription, outputs: Outputs = .standard,
        element: TensorEncoding.Element? = nil
    ) {
        folder = ChunkFolder(path)
        self.description = description
        self.outputs = outputs
        self.element = element ?? description.encoding.element
    }

    /// Writes a file for each source.
    ///
    /// - Parameters:
    ///   - path: folder of the stems, which is made if it does not exist.
    ///   - options: options of the files; those about the input (rate, channels, tags) are ignored.
    ///   - progress: called with the number of finished chunks.
    /// - Returns: the paths of the files.
    /// - Throws: ``PortingError`` for files that are missing or don't fit, `SeparationError`,
    ///   `AudioError`, `CancellationError`.
    package func write(
        to path: String, _ options: OutputOptions, on backend: Backend,
        cancellation: CancellationToken, progress: (Int) -> Void = { _ in }
    ) throws -> [String] {
        try ChunkFolder.make(path)
        let sources = description.model.sources
        let paths = sources.map {
            FilePath.joined(path, "\($0).\(options.format.fileExtension)")
        }
        let files = try StemFiles(
            zip(sources, paths).map { StemOutput(name: $0, signal: .stem($0), to: .file($1)) },
            stems: sources,
            shape: SignalShape(
                channelCount: description.model.channels, modelRateHz: description.model.samplerate,
                sampleRateHz: description.model.samplerate, sampleCount: description.source.samples),
            options: options, threads: backend.threads)
        let spectrogram = description.spectrogram(on: backend)
        let rows = description.model.sources.count * description.model.channels
        let (mean, scale) = (description.normalisation.mean, description.normalisation.scale)
        let noMixture = PlanarAudio(channels: [], sampleRateHz: description.model.samplerate)
        // Allocated after the first chunk has been read, which confirms the description's sizes.
        var chunk = try stems(0, spectrogram)
        var overlapAdd = OverlapAdd(description.plan, rowCount: rows)
        for index in 0..<description.chunk.count {
            if index > 0 { chunk = try stems(index, spectrogram) }
            var stems = overlapAdd.add(
                chunk, chunk: index, of: description.plan,
                sampleRateHz: description.model.samplerate)
            stems.channels = stems.channels.map { row in row.map { $0 * scale + mean } }
            try cancellation.check()
            try files.append(StemBlock(stems: stems, mixture: noMixture))
            progress(index + 1)
        }
        try files.finish(cancellation: cancellation)
        return paths
    }

    /// One chunk's stems, `[S · A, N]`.
    private func stems(_ index: Int, _ spectrogram: CoreSpectrogram) throws -> [Float] {
        switch outputs {
        case .finished(let name):
            return try read(name, description.outputs[1].shape, index).values
        case .branches(let first, let second):
            return spectrogram.stems(
                try read(first, description.outputs[0].shape, index),
                try read(second, description.outputs[1].shape, index))
        }
    }

    private func read(
        _ name: String, _ shape: [Int], _ index: Int
    ) throws(PortingError) -> NamedTensor {
        let path = try folder.existingFile(
            name, index, preferred: description.encoding.container,
            expected: "\(element.rawValue) \(shape)")
        return try TensorFile.read(path, name: name, shape: shape, element: element)
    }
}
