// `trace`: the intermediate values of the network for one chunk, to compare a port block by block.

import Audio
import Demucs
import Networks
import System
import Tensor
import Tracks
import WeightsLoader

/// Writes the intermediate values of the network for one chunk, under the reference's names.
///
/// Besides the values of ``Probe``: `mix` `[A, N]`, the chunk; `mag` `[2A, F, T]`, its spectrogram
/// with complex numbers as channels; `output` `[S, 2A, F, T]` and `add_67` `[S, A, N]`, the core's
/// outputs; `final` `[S, A, N]`, the stems. A model without a core has only `mix`
/// and `final` of these. Attention weights and skips are written if a pattern names them.
package struct Trace {
    private let input: NamedTensor
    /// Spectrogram of the chunk, the core's input; nil for a model without a core.
    private let x: NamedTensor?
    private let origin: String
    package let warnings: [AudioWarning]
    /// Changes of values and weights.
    package var edits: [Edit] = []

    /// A trace for the mix in a port's values.
    ///
    /// - Throws: ``PortingError`` for values without a `mix` of the model's channels.
    package init(valuesIn path: String, model: OpenedModel) throws {
        let values = try TensorCollection(path)
        let mix = try values.tensor("mix", like: values)
        self.init(
            input: NamedTensor(
                "mix", try mix.shapeOfMix(channels: model.rules.audioChannels, path: path),
                mix.values),
            x: nil, origin: "mix of \(FilePath.name(of: path))")
    }

    /// A trace for inputs of the core.
    ///
    /// - Parameters:
    ///   - input: `[1, A, N]`
    ///   - x: `[1, 2A, F, T]`; nil for a model without a core.
    ///   - origin: source of the inputs, for the file's metadata.
    package init(input: NamedTensor, x: NamedTensor?, origin: String) {
        self.input = input
        self.x = x
        self.origin = origin
        warnings = []
    }

    /// A trace for a prepared chunk.
    ///
    /// - Parameter chunk: folder of the chunk; the description is in the parent folder.
    /// - Throws: ``PortingError``.
    package init(chunk path: String, model: OpenedModel) throws {
        let folder = Self.folder(ofChunk: path)
        let description = try ChunkDescription(folder: folder)
        try model.check(description, folder: folder)
        let inputs = try description.inputs(ofChunk: path)
        self.init(
            input: inputs[0], x: inputs[1],
            origin: "\(description.source.name), \(FilePath.name(of: FilePath.absolute(path)))")
    }

    /// The name of the model that a chunk was prepared for.
    ///
    /// - Throws: ``PortingError`` if the chunk's parent folder has no description.
    package static func modelName(ofChunk path: String) throws(PortingError) -> String {
        try ChunkDescription(folder: folder(ofChunk: path)).model.name
    }

    private static func folder(ofChunk path: String) -> String {
        FilePath.parent(of: path)
    }

    /// A trace for a chunk of a track, normalised like a separation's segment.
    ///
    /// - Parameters:
    ///   - recording: read at the model's sample rate and channels.
    ///   - name: name of the recording, for the file's metadata.
    ///   - startSeconds: start of the chunk in the track.
    ///   - chunkSeconds: length of the chunk, padded with zeros past the track's end; nil for the
    ///     model's segment.
    /// - Throws: ``PortingError`` for an invalid start or length; the errors of reading the track.
    package init(
        _ recording: Recording, name: String, startSeconds: Double, chunkSeconds: Double?,
        model: OpenedModel, on backend: Backend, cancellation: CancellationToken
    ) throws {
        let track = recording.track
        let rules = model.rules
        let length = try Preparation.samples(chunkSeconds, rules)
        let position = startSeconds * Double(rules.sampleRateHz)
        guard position >= 0, position < Double(track.sampleCount) else {
            let seconds = Double(track.sampleCount) / Double(rules.sampleRateHz)
            throw PortingError.invalidOption(
                name: "start", value: "\(startSeconds)",
                allowed: "a number of seconds within the track's \(seconds)")
        }
        let spectrogram = model.configurations[0].coreTransform.map {
            CoreSpectrogram(nfft: $0.nfft, framing: $0.framing, on: backend)
        }
        var inputs: [NamedTensor] = []
        try track.forEachPiece(
            at: [Int(position)], length: length, normalises: rules.normalises, on: backend,
            cancellation: cancellation
        ) { _, chunk in
            inputs =
                spectrogram?.inputs(chunk)
                ?? [NamedTensor(CoreTensor.input, [1] + Array(chunk.shape), chunk.floats)]
        }
        input = inputs[0]
        x = spectrogram == nil ? nil : inputs[1]
        origin = "\(name), from sample \(Int(position))"
        warnings = recording.warnings
    }

    /// A trace for a chunk of a sound file.
    ///
    /// - Throws: `AudioError`; ``PortingError`` for an invalid start or length.
    package init(
        _ audio: AudioInput, startSeconds: Double, chunkSeconds: Double?, model: OpenedModel,
        on backend: Backend, cancellation: CancellationToken
    ) throws {
        let recording = try Recording(
            audio, channelCount: model.rules.audioChannels,
            sampleRateHz: model.rules.sampleRateHz, cancellation: cancellation)
        try self.init(
            recording, name: FilePath.name(of: audio.name), startSeconds: startSeconds,
            chunkSeconds: chunkSeconds, model: model, on: backend, cancellation: cancellation)
    }

    /// Runs the network and writes the values that match a pattern, in the order of computation.
    ///
    /// - Returns: the names of the values written.
    /// - Throws: ``PortingError``, for example `noMatch`; `SeparationError` for an edit that doesn't
    ///   fit its value; `WeightsError`; `CancellationError`.
    package func write(
        _ patterns: [NamePattern], of model: OpenedModel, on backend: Backend, to path: String,
        cancellation: CancellationToken
    ) throws -> [String] {
        var metadata = [
            "source": origin, "model": model.name, "model_sha256": try model.checksum(),
        ]
        if !edits.isEmpty { metadata["edits"] = edits.map(\.text).joined(separator: " ") }
        let writer = try TraceWriter(path, metadata: metadata)
        try run(
            patterns, of: model, on: backend, cancellation: cancellation,
            sink: { tensor throws(PortingError) in try writer.append(tensor) })
        try writer.finish()
        return writer.names
    }

    /// Runs the network and passes the values that match a pattern to `sink`, in the order of
    /// computation.
    ///
    /// - Parameter sink: called with each value; stops the trace by throwing.
    /// - Throws: as ``write(_:of:on:to:cancellation:)``.
    package func run(
        _ patterns: [NamePattern], of model: OpenedModel, on backend: Backend,
        cancellation: CancellationToken,
        sink: @escaping (NamedTensor) throws(PortingError) -> Void
    ) throws {
        var failure: PortingError?
        let observer = TraceObserver(patterns, edits, cancellation: cancellation) { tensor in
            do throws(PortingError) { try sink(tensor) } catch { failure = error }
            return failure == nil
        }
        let network = try model.network(replacing: weights(of: model), on: backend)
        let pass = Result { try forward(network, observer) }
        if let error = observer.failure { throw error }
        if let failure { throw failure }
        try pass.get()
        if let (patterns, names) = observer.unmatched(parameters: model.parameterNames) {
            throw PortingError.noMatch(patterns: patterns, names: names)
        }
    }

    private func forward(_ network: any SeparationNetwork, _ observer: TraceObserver) throws {
        guard let x else {
            let mix = network.backend.tensor(Array(input.shape.dropFirst()), input.values)
            _ = try network.forward(mix, z: nil, observer: observer)
            return
        }
        let (mix, z) = CoreSpectrogram.engineInputs(input, x, on: network.backend)
        // A changed mix has another spectrogram.
        var edited = NamedTensor("mix", Array(mix.shape), input.values)
        try edits.apply(to: &edited)
        _ = try network.forward(
            mix, z: edited.values == input.values ? z : nil, observer: observer)
    }

    /// The parameters that edits change.
    ///
    /// - Throws: `WeightsError` for weights that are no floats.
    private func weights(of model: OpenedModel) throws -> ParameterReader.Replacements {
        var replacements = ParameterReader.Replacements()
        for name in model.parameterNames where edits.contains(where: { $0.pattern.selects(name) }) {
            guard let (shape, values) = try model.parameter(named: name) else { continue }
            var tensor = NamedTensor(name, shape, values)
            try edits.apply(to: &tensor)
            replacements.floats[name] = tensor.values
        }
        return replacements
    }
}

/// Writes a safetensors file tensor by tensor, without keeping tensors in memory. The file gets its
/// name when it is complete.
final class TraceWriter {
    private let path: String
    private let file: UnfinishedFile
    private var header: SafetensorsHeader
    private(set) var names: [String] = []

    /// Reserved size of the header, which precedes the tensors but is known only after them: enough
    /// for 2,000 of the longest names. The format allows spaces in the rest.
    private static let headerBytes = 1 << 18

    init(_ path: String, metadata: [String: String]) throws(PortingError) {
        self.path = path
        header = SafetensorsHeader(metadata: metadata)
        do { file = try UnfinishedFile(path) } catch { throw .unwritable(path, "\(error)") }
        try write([UInt8](repeating: UInt8(ascii: " "), count: Self.headerBytes))
    }

    func append(_ tensor: NamedTensor) throws(PortingError) {
        header.append(tensor.name, tensor.shape, .float32)
        names.append(tensor.name)
        try write(try TensorEncoding(.raw, .float32).bytes(tensor, path: path))
    }

    func finish() throws(PortingError) {
        guard let bytes = header.bytes(reserved: Self.headerBytes) else {
            throw .unwritable(path, "the names of \(names.count) tensors don't fit its header")
        }
        lseek(file.descriptor, 0, SEEK_SET)
        try write(bytes)
        do { try file.complete() } catch { throw .unwritable(path, "\(error)") }
    }

    private func write(_ bytes: [UInt8]) throws(PortingError) {
        do {
            try bytes.withUnsafeBytes { try writeAll($0, to: file.descriptor) }
        } catch {
            throw .unwritable(path, "\(error)")
        }
    }
}
