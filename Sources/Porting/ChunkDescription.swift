// The file `manifest.json` that `tensors prepare` writes beside its chunks (docs/formats.md).

import Demucs
import Networks
import Signal
import System
import Tensor

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A description of a folder of chunks: their track, model, plan and files.
package struct ChunkDescription: Sendable, Equatable, Codable {
    package struct Source: Sendable, Equatable, Codable {
        package var name: String
        package var sha256: String
        /// Length of the track, or of the excerpt, in samples at the model's sample rate.
        package var samples: Int
        /// Where the excerpt begins in the track, in seconds; left out for the track's start.
        package var start: Double?

        var text: String { "\(name) (\(samples) samples from \(start ?? 0) s)" }
    }

    package struct Model: Sendable, Equatable, Codable {
        /// The model as named in the command.
        package var name: String
        package var sources: [String]
        package var channels: Int
        package var samplerate: Int
        package var nfft: Int
        /// `hybrid_old` of v3; left out if false.
        package var hybridOld: Bool?

        /// - Throws: ``PortingError`` for a model without a core.
        init(of model: OpenedModel) throws(PortingError) {
            let (rules, core) = (model.rules, try model.core)
            name = model.name
            sources = rules.sources
            channels = rules.audioChannels
            samplerate = rules.sampleRateHz
            nfft = core.nfft
            hybridOld = core.framing == .hybridOld ? true : nil
        }
    }

    package struct Chunks: Sendable, Equatable, Codable {
        package var samples: Int
        package var hop: Int
        package var count: Int
        /// Zeros at the end of the last chunk.
        package var padding: Int
    }

    package struct Normalisation: Sendable, Equatable, Codable {
        /// The mean, which is subtracted from every sample.
        package var mean: Float
        /// The divisor of every sample: the standard deviation plus 1e-8.
        package var scale: Float
    }

    package struct Shape: Sendable, Equatable, Codable {
        package var name: String
        package var shape: [Int]
    }

    package static let fileName = "manifest.json"
    private static let formatName = "swift-demucs chunks"
    private static let currentVersion = 1
    /// Largest number of samples: more than a month of sound at any rate, and products of sizes
    /// don't overflow.
    private static let samplesLimit = 1 << 40
    /// Most channels and most sources, as of a configuration.
    private static let countLimit = 256

    package var format: String
    package var version: Int
    package var source: Source
    package var model: Model
    package var chunk: Chunks
    package var normalisation: Normalisation
    package var encoding: TensorEncoding
    /// Inputs in the order of the core's arguments.
    package var inputs: [Shape]
    package var outputs: [Shape]

    init(
        source: Source, model: Model, plan: ChunkPlan,
        normalisation: Normalisation, encoding: TensorEncoding
    ) {
        format = Self.formatName
        version = Self.currentVersion
        self.source = source
        self.model = model
        chunk = Chunks(
            samples: plan.chunkSamples, hop: plan.hopSamples, count: plan.count,
            padding: plan.paddingSamples)
        self.normalisation = normalisation
        self.encoding = encoding
        (inputs, outputs) = Self.shapes(model, samples: plan.chunkSamples)
    }

    /// The shapes of the core's inputs and outputs for chunks of `samples` samples.
    package static func shapes(_ model: Model, samples: Int) -> (inputs: [Shape], outputs: [Shape])
    {
        let (frequencies, hop) = (model.nfft / 2, model.nfft / 4)
        let frames = (samples + hop - 1) / hop
        let (sources, channels) = (model.sources.count, model.channels)
        return (
            [
                Shape(name: CoreTensor.input, shape: [1, channels, samples]),
                Shape(name: CoreTensor.x, shape: [1, 2 * channels, frequencies, frames]),
            ],
            [
                Shape(
                    name: CoreTensor.output,
                    shape: [1, sources, 2 * channels, frequencies, frames]),
                Shape(name: CoreTensor.waveform, shape: [1, sources, channels, samples]),
            ]
        )
    }

    func spectrogram(on backend: Backend) -> CoreSpectrogram {
        CoreSpectrogram(
            nfft: model.nfft, framing: model.hybridOld == true ? .hybridOld : .reflected,
            on: backend)
    }

    package var plan: ChunkPlan {
        ChunkPlan(
            chunkSamples: chunk.samples, hopSamples: chunk.hop, trackSamples: source.samples)
    }

    // MARK: - The file

    /// - Throws: ``PortingError`` if the description is missing, unreadable or invalid.
    package init(folder: String) throws(PortingError) {
        let path = FilePath.joined(folder, Self.fileName)
        guard FilePath.status(path) != nil else {
            throw .missing(path, expected: "the manifest of 'tensors prepare'")
        }
        func invalid(_ problem: String) -> PortingError {
            .unusable(
                path: path, problem: "is not a manifest of 'tensors prepare': \(problem)")
        }
        let data: Data
        do {
            data = Data(try readFile(path))
        } catch {
            throw .unreadable(path, "\(error)")
        }
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(ChunkDescription.self, from: data)
        } catch {
            throw invalid(Self.problem(error))
        }
        if let inconsistency { throw invalid(inconsistency) }
    }

    package func write(to folder: String) throws(PortingError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let path = FilePath.joined(folder, Self.fileName)
        guard let data = try? encoder.encode(self) else {
            throw .unwritable(path, "it holds a number that is not finite")
        }
        try TensorFile.write(Array(data) + [UInt8(ascii: "\n")], to: path)
    }

    /// The first value that is invalid or contradicts another value; nil if all are consistent.
    private var inconsistency: String? {
        if format != Self.formatName { return "'format' is '\(format)'" }
        if version != Self.currentVersion {
            return "'version' is \(version), expected \(Self.currentVersion)"
        }
        let sizes = [
            ("model.channels", model.channels, 1...Self.countLimit),
            ("model.sources", model.sources.count, 1...Self.countLimit),
            ("model.samplerate", model.samplerate, 1...PlanarAudio.highestRateHz),
            ("model.nfft", model.nfft, 8...1 << 20),
            ("source.samples", source.samples, 1...Self.samplesLimit),
            ("chunk.samples", chunk.samples, 1...ChunkPlan.samplesLimit),
            ("chunk.hop", chunk.hop, 1...max(1, chunk.samples)),
            ("chunk.count", chunk.count, 1...ChunkPlan.countLimit),
        ]
        for (name, value, range) in sizes where !range.contains(value) {
            return "'\(name)' is \(value), expected \(range.lowerBound) to \(range.upperBound)"
        }
        if !STFT.supports(nfft: model.nfft) { return "'model.nfft' is \(model.nfft)" }
        if chunk.count != plan.count || chunk.padding != plan.paddingSamples {
            return "'chunk' has \(chunk.count) chunks and \(chunk.padding) zeros, expected "
                + "\(plan.count) and \(plan.paddingSamples)"
        }
        let (mean, scale) = (normalisation.mean, normalisation.scale)
        if !mean.isFinite || !scale.isFinite || scale <= 0 {
            return "'normalisation' has the mean \(mean) and the scale \(scale)"
        }
        if model.sources.contains(where: { $0.isEmpty || $0.contains("/") || $0.contains("\0") }) {
            return "'model.sources' has a name that no file can have"
        }
        // As a configuration: some file systems ignore case.
        if Set(model.sources.map { $0.lowercased() }).count < model.sources.count {
            return "'model.sources' has a name twice"
        }
        let expected = Self.shapes(model, samples: chunk.samples)
        if inputs != expected.inputs || outputs != expected.outputs {
            return "the shapes of inputs and outputs don't match the model and the chunks"
        }
        return nil
    }

    private static func problem(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "'\(key.stringValue)' is missing"
        case DecodingError.typeMismatch(_, let context),
            DecodingError.valueNotFound(_, let context):
            "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has the wrong type"
        default: "it is not JSON of the expected form"
        }
    }

    /// The first difference from another one, in words; nil if they are equal.
    func difference(from other: ChunkDescription) -> String? {
        let properties: [(differ: Bool, name: String, value: (ChunkDescription) -> String)] = [
            (source != other.source, "source", { $0.source.text }),
            (model != other.model, "model", { $0.model.name }),
            (chunk.samples != other.chunk.samples, "chunks of", { "\($0.chunk.samples)" }),
            (chunk != other.chunk, "hop", { "\($0.chunk.hop)" }),
            (
                encoding != other.encoding, "files of",
                { "\($0.encoding.container.rawValue) \($0.encoding.element.rawValue)" }
            ),
        ]
        if let property = properties.first(where: \.differ) {
            return "\(property.name) \(property.value(self)) in the folder, "
                + "\(property.value(other)) now"
        }
        return self == other ? nil : "another normalisation"
    }
}
