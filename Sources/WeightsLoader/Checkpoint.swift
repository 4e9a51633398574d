// A checkpoint: named tensors and metadata in a memory-mapped file. Each file format has a reader
// that gives a `CheckpointContents`; all other code is shared by the formats.

import Files

/// The checked content of a file, as its format's reader gives it; values are not converted yet.
struct CheckpointContents {
    /// Files with more tensors are refused, so that a crafted file can't take memory out of
    /// proportion to its size. A published model has 533.
    static let tensorLimit = 65_536
    /// Tensors with more dimensions are refused. Those of published models have up to 4.
    static let rankLimit = 16
    /// What to do about quantized weights.
    static let floatsWanted = "use the checkpoint with plain float weights"

    /// Names are unique. In the order of their bytes, for formats that fix it.
    var tensors: [StoredTensor]
    /// The file's own key–value strings.
    var metadata: [String: String] = [:]
    /// Class and constructor arguments, where the file stores them other than in `metadata`.
    var arguments: ModelArguments?
    /// Properties of the model that tensors don't show.
    var traits = ModelTraits()
    /// Whether sizes of 1 are left out of the shapes.
    var omitsUnitSizes = false
    /// Files beside the checkpoint that tensors lie in; `TensorPart.file` counts them from 1.
    var externalFiles: [MappedFile] = []
}

/// Properties of a model that a file without constructor arguments shows beside its tensors.
package struct ModelTraits: Sendable, Equatable {
    /// Constructor arguments under the reference's names.
    package var arguments: [String: ArgumentValue] = [:]
    /// Samples of the segment that it was exported for.
    package var segmentSamples: Int?
    /// Frequencies of the spectrogram that it takes.
    package var frequencies: Int?
    /// Whether the layers of a DConv are dilated.
    package var hasDilatedDConv: Bool?
}

/// A file of named tensors and its metadata, memory-mapped.
///
/// Opening reads the header only; a tensor's bytes are read when it is asked for. Copies share the
/// mapping.
package struct Checkpoint: Sendable {
    /// The path given to ``open(_:)``.
    package let path: String
    package let format: CheckpointFormat
    /// Names of the models in a file that holds several, sorted; ``submodel(_:)`` gives each. Empty
    /// for a file of one model.
    package let submodels: [String]

    private let contents: CheckpointContents
    private let indices: [String: Int]
    /// The checkpoint itself, then the files beside it.
    private let files: [MappedFile]

    /// The file's own key–value strings; empty if it has none.
    package var metadata: [String: String] { contents.metadata }
    /// All tensors; in safetensors and ggml files in the order of their bytes.
    package var tensors: [StoredTensor] { contents.tensors }
    package var traits: ModelTraits { contents.traits }
    /// Whether sizes of 1 are left out of the shapes.
    package var omitsUnitSizes: Bool { contents.omitsUnitSizes }
    var storedArguments: ModelArguments? { contents.arguments }
    /// Bytes of the checkpoint itself, without files beside it.
    package var countBytes: Int { files[0].countBytes }

    /// Opens a checkpoint; the format is detected by its content.
    ///
    /// A prefix that all names share (`955717e8.encoder.0.…`) is removed.
    ///
    /// - Throws: ``WeightsError`` if the file can't be read or is damaged.
    package static func open(_ path: String) throws -> Checkpoint {
        let file = try MappedFile(path)
        let format = CheckpointFormat(of: file)
        do {
            var contents =
                switch format {
                case .safetensors: try Safetensors.read(file, path: path)
                case .torch: try TorchArchive.read(file)
                case .torchLegacy: try TorchLegacy.read(file)
                case .ggml: try GGML.read(file)
                case .onnx: try ONNX.read(file, path: path)
                }
            let prefixes = OfficialNames.prefixes(of: contents.tensors)
            if prefixes.count == 1 {
                contents.tensors = contents.tensors.map { OfficialNames.without(prefixes[0], $0) }
            }
            return Checkpoint(
                path: path, format: format, contents: contents,
                files: [file] + contents.externalFiles,
                submodels: prefixes.count > 1 ? prefixes.map { String($0.dropLast()) } : [])
        } catch let failure as FormatFailure {
            guard let offset = failure.offset else {
                throw WeightsError.unsupported(
                    path: path, format: format, problem: failure.problem)
            }
            throw WeightsError.damaged(
                path: path, format: format, offset: offset, problem: failure.problem)
        }
    }

    private init(
        path: String, format: CheckpointFormat, contents: CheckpointContents, files: [MappedFile],
        submodels: [String] = []
    ) {
        self.path = path
        self.format = format
        self.contents = contents
        self.files = files
        self.submodels = submodels
        // Readers refuse duplicate names, so the first is the only one.
        indices = Dictionary(
            contents.tensors.enumerated().map { ($1.name, $0) },
            uniquingKeysWith: { first, _ in first })
    }

    /// One model of a file that holds several: its tensors under their official names.
    ///
    /// - Throws: ``WeightsError/submodelMissing(path:name:submodels:)``.
    package func submodel(_ name: String) throws -> Checkpoint {
        guard submodels.contains(name) else {
            throw WeightsError.submodelMissing(path: path, name: name, submodels: submodels)
        }
        let prefix = name + "."
        var part = contents
        part.tensors = tensors.filter { $0.name.hasPrefix(prefix) }
            .map { OfficialNames.without(prefix, $0) }
        return Checkpoint(path: path, format: format, contents: part, files: files)
    }

    /// The tensor of that name, if the file has it.
    package func tensor(named name: String) -> StoredTensor? {
        indices[name].map { tensors[$0] }
    }

    /// The values of a tensor of this checkpoint, widened to float32 exactly.
    ///
    /// - Throws: ``WeightsError/notFloats(path:tensor:found:)`` for other element types than
    ///   float32, float16 and bfloat16.
    package func floats(_ tensor: StoredTensor) throws -> [Float] {
        guard tensor.elementType.widensToFloat32 else {
            throw WeightsError.notFloats(
                path: path, tensor: tensor.name, found: tensor.elementType)
        }
        return withBytes(of: tensor) { bytes in
            [Float](unsafeUninitializedCapacity: tensor.count) { buffer, initialized in
                let output = UnsafeMutableBufferPointer(rebasing: buffer[..<tensor.count])
                Widening.widen(bytes, of: tensor.elementType, into: output)
                initialized = tensor.count
            }
        }
    }

    /// Hands out the raw bytes of a tensor of this checkpoint, row-major and little-endian.
    package func withBytes<Result>(
        of tensor: StoredTensor, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        defer {
            for part in tensor.parts { files[part.file].release(part.byteRange) }
        }
        if tensor.parts.count == 1, !tensor.parts[0].isVarints, tensor.parts[0].axes == nil {
            return try files[tensor.parts[0].file].withBytes(tensor.parts[0].byteRange, body)
        }
        let elementBytes = tensor.elementType.bits / 8
        let bytes = [UInt8](unsafeUninitializedCapacity: tensor.countBytes) { buffer, initialized in
            // The reader has checked that the parts fill the shape.
            let output = UnsafeMutableRawBufferPointer(buffer)
            for part in tensor.parts {
                let begin = initialized
                initialized += part.count(elementBytes: elementBytes) * elementBytes
                files[part.file].withBytes(part.byteRange) {
                    part.copy(
                        $0, elementBytes: elementBytes,
                        to: UnsafeMutableRawBufferPointer(rebasing: output[begin..<initialized]))
                }
            }
        }
        return try bytes.withUnsafeBytes(body)
    }

    /// The SHA-256 of the checkpoint itself, 64 hexadecimal digits.
    package func sha256() -> String {
        var digest = SHA256()
        files[0].withBytes(0..<files[0].countBytes) { digest.update($0) }
        return digest.hexadecimal
    }
}
