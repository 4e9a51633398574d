// `trace`: every named intermediate of one chunk, for comparing a port block by block.

import Audio
import Demucs
import Foundation
import HTDemucs
import Tensor

/// One chunk through the network, its values written under the reference's names.
///
/// Beside what ``Probe`` gives: `mix` `[A, N]`, the chunk itself; `mag` `[2A, F, T]`, its spectrogram
/// with complex numbers as channels; `output` `[S, 2A, F, T]` and `add_67` `[S, A, N]`, what the core
/// gives; `final` `[S, A, N]`, the stems.
package struct Trace {
    private let input: NamedTensor
    private let x: NamedTensor
    private let origin: String
    package let warnings: [AudioWarning]

    /// Takes the core's inputs.
    ///
    /// - Parameters:
    ///   - input: `[1, A, N]`
    ///   - x: `[1, 2A, F, T]`
    ///   - origin: for the file's metadata.
    package init(input: NamedTensor, x: NamedTensor, origin: String) {
        self.input = input
        self.x = x
        self.origin = origin
        warnings = []
    }

    /// Takes a prepared chunk.
    ///
    /// - Parameter chunk: its folder, with the manifest beside it.
    /// - Throws: ``PortingError``.
    package init(chunk path: String, model: PortedModel) throws {
        let folder = Self.folder(ofChunk: path)
        let manifest = try Manifest(folder: folder)
        try model.check(manifest, folder: folder)
        let tensors = try manifest.inputs.map { input in
            let file = "\(input.name).\(manifest.encoding.container.rawValue)"
            return try TensorFile.read(
                (path as NSString).appendingPathComponent(file), name: input.name,
                shape: input.shape, element: manifest.encoding.element)
        }
        self.init(
            input: tensors[0], x: tensors[1],
            origin: "\(manifest.source.name), \((path as NSString).lastPathComponent)")
    }

    /// The model that a chunk was prepared for.
    ///
    /// - Throws: ``PortingError`` if it has no manifest beside it.
    package static func modelName(ofChunk path: String) throws(PortingError) -> String {
        try Manifest(folder: folder(ofChunk: path)).model.name
    }

    private static func folder(ofChunk path: String) -> String {
        let parent = ((path as NSString).standardizingPath as NSString).deletingLastPathComponent
        return parent.isEmpty ? "." : parent
    }

    /// Takes a piece of a track, normalised as in a separation.
    ///
    /// - Parameters:
    ///   - startSeconds: where it begins.
    ///   - chunkSeconds: nil for the model's segment. Past the track's end there are zeros.
    /// - Throws: `AudioError`; ``PortingError`` for a piece that can't be.
    package init(
        _ audio: AudioInput, startSeconds: Double, chunkSeconds: Double?, model: PortedModel,
        on backend: Backend, cancellation: CancellationToken
    ) throws {
        let configuration = model.configuration
        let length = try Preparation.samples(chunkSeconds, configuration)
        let track = try Track(
            audio, channelCount: configuration.audioChannels,
            sampleRateHz: configuration.samplerate, cancellation: cancellation)
        let position = startSeconds * Double(configuration.samplerate)
        guard position >= 0, position < Double(track.sampleCount) else {
            let seconds = Double(track.sampleCount) / Double(configuration.samplerate)
            throw PortingError.invalidOption(
                name: "start", value: "\(startSeconds)",
                allowed: "a number of seconds within the track's \(seconds)")
        }
        var inputs: [NamedTensor] = []
        try track.forEachPiece(
            at: [Int(position)], length: length, on: backend, cancellation: cancellation
        ) { _, chunk in
            inputs = CoreSpectrogram(nfft: configuration.nfft, on: backend).inputs(chunk)
        }
        input = inputs[0]
        x = inputs[1]
        origin = "\((audio.name as NSString).lastPathComponent), from sample \(Int(position))"
        warnings = track.warnings
    }

    /// Runs the network and writes what matches a pattern, in the order of computation.
    ///
    /// - Returns: the names.
    /// - Throws: ``PortingError/noMatch(patterns:examples:)``; what writing throws;
    ///   `CancellationError`.
    package func write(
        _ patterns: [NamePattern], of network: HTDemucs, model: PortedModel, to path: String,
        cancellation: CancellationToken
    ) throws -> [String] {
        let backend = network.backend
        let writer = try TraceWriter(
            path, metadata: ["source": origin, "model": model.name, "model_sha256": model.checksum])
        var examples: [String] = []
        func wants(_ name: String) -> Bool {
            examples.append(name)
            return patterns.contains { $0.matches(name) }
        }
        func give(_ tensor: NamedTensor) throws {
            if wants(tensor.name) { try writer.append(tensor) }
        }
        /// What a probe can't throw.
        var failure: PortingError?
        let spectrogram = CoreSpectrogram(nfft: model.configuration.nfft, on: backend)
        try give(NamedTensor("mix", Array(input.shape.dropFirst()), input.values))
        try give(NamedTensor("mag", Array(x.shape.dropFirst()), x.values))

        let (mix, z) = spectrogram.engineInputs(input, x)
        let probed = try withoutActuallyEscaping(wants) { wants in
            let probe = Probe(isWanted: { failure == nil && wants($0) }) { name, x, layout in
                do throws(PortingError) {
                    try writer.append(NamedTensor(name, x, layout))
                } catch {
                    failure = error
                }
            }
            return try network.core(
                mix, z, observer: TraceObserver(cancellation: cancellation, probe: probe))
        }
        if let failure { throw failure }

        let outputs = spectrogram.outputs(
            probed.x, probed.xt, sources: model.configuration.sources.count)
        for output in outputs {
            try give(NamedTensor(output.name, Array(output.shape.dropFirst()), output.values))
        }
        try give(
            NamedTensor(
                "final", Array(outputs[1].shape.dropFirst()),
                spectrogram.stems(outputs[0], outputs[1])))
        if writer.names.isEmpty {
            throw PortingError.noMatch(
                patterns: patterns.map(\.text), examples: Array(examples.prefix(12)))
        }
        try writer.finish()
        return writer.names
    }
}

/// Takes values and lets the pass be cancelled.
private struct TraceObserver: ForwardObserver {
    let cancellation: CancellationToken
    let probe: Probe?

    func completed(_ block: NetworkBlock) throws { try cancellation.check() }
}
