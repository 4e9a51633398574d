// Also Embedded Swift: typed throws, no key paths, no casts.
// A checkpoint: named tensors and metadata in a file. The reader of each file format
// returns a `CheckpointContents`; all other code is common to the formats.

import System

/// The checked content of a checkpoint file, the result of a format's reader; values are not
/// converted yet.
struct CheckpointContents {
    /// The largest number of tensors: a crafted file could otherwise take far more memory than its
    /// size. A published model has 533.
    static let tensorLimit = 65_536
    /// The largest number of dimensions. Tensors of published models have up to 4.
    static let rankLimit = 16
    /// The remedy in errors about quantized weights.
    static let floatsWanted = "use the checkpoint with plain float weights"

    /// Tensors with unique names; in formats that fix the order of their bytes, in that order.
    var tensors: [StoredTensor]
    /// The file's metadata, strings by key.
    var metadata: [String: String] = [:]
    /// Class and constructor arguments, if the file stores them outside `metadata`.
    var arguments: ModelArguments?
    /// Properties of the model that can't be inferred from tensors.
    var traits = ModelTraits()
    /// Whether sizes of 1 are left out of the shapes.
    var omitsUnitSizes = false
}

/// Properties of a model that a file without constructor arguments shows apart from its tensors.
package struct ModelTraits: Sendable, Equatable {
    /// Constructor arguments under the reference's names.
    package var arguments: [String: ArgumentValue] = [:]
    /// Samples of the segment that the model was exported for.
    package var segmentSamples: Int?
    /// Frequency bins of the model's spectrogram input.
    package var frequencies: Int?
    /// Whether the layers of a DConv are dilated.
    package var hasDilatedDConv: Bool?
}

/// A checkpoint: a file of named tensors and metadata.
///
/// Opening reads only the header; a tensor's bytes are read when the tensor is requested. Copies
/// share the file's bytes.
package struct Checkpoint: Sendable {
    /// The file's path, or another name of it for errors.
    package let path: String
    package let format: CheckpointFormat
    /// Names of the models in a file of several, sorted; ``submodel(_:)`` returns one of them.
    /// Empty for a file of one model.
    package let submodels: [String]

    private let contents: CheckpointContents
    private let indices: [String: Int]
    /// The checkpoint's own file, then the external files beside it, as `TensorPart.file` counts them.
    let files: [FileBytes]

    /// The file's metadata, strings by key; empty if it has none.
    package var metadata: [String: String] { contents.metadata }
    /// All tensors; in safetensors and ggml files in the order of their bytes.
    package var tensors: [StoredTensor] { contents.tensors }
    package var traits: ModelTraits { contents.traits }
    /// Whether sizes of 1 are left out of the shapes.
    package var omitsUnitSizes: Bool { contents.omitsUnitSizes }
    var storedArguments: ModelArguments? { contents.arguments }
    /// Module and class of the stored model; nil for none.
    package var className: String? { storedArguments?.className ?? metadata["klass"] }
    /// Size of the checkpoint's own file in bytes, without external files.
    package var countBytes: Int { files[0].countBytes }

    /// Reads a checkpoint; the format is detected from the content.
    ///
    /// The model's prefix (`955717e8.encoder.0.…`) is removed from the names that have it.
    ///
    /// - Parameters:
    ///   - path: the file's path, or another name of it for errors.
    ///   - external: opens a file beside this one, which may hold values of an ONNX file; by default
    ///     there is none.
    /// - Throws: ``WeightsError`` if the file is damaged or not supported.
    package static func read(
        _ file: FileBytes, path: String,
        external: @escaping (_ name: String) throws(WeightsError) -> FileBytes = {
            name throws(WeightsError) in throw .fileMissing(path: name)
        }
    ) throws(WeightsError) -> Checkpoint {
        let format = CheckpointFormat(of: file)
        var files = [file]
        var contents = CheckpointContents(tensors: [])
        var prefixes: [String] = []
        var failure: FormatFailure?
        do throws(FormatFailure) {
            contents =
                switch format {
                case .safetensors: try Safetensors.read(file)
                case .torch: try TorchArchive.read(file)
                case .torchLegacy: try TorchLegacy.read(file)
                case .ggml: try GGML.read(file)
                case .onnx:
                    try ONNX.read(file) { name throws(WeightsError) in
                        files.append(try external(name))
                        return files[files.count - 1]
                    }
                }
            prefixes = OfficialNames.prefixes(of: contents.tensors)
            if prefixes.count == 1 {
                contents.tensors = try OfficialNames.without(prefixes[0], contents.tensors)
            }
        } catch {
            failure = error
        }
        // Where a file has become shorter there are zeros, which are no error of its format, or another one.
        for file in files { try file.checkUnchanged() }
        if let failure { throw failure.error(path, format) }
        return Checkpoint(
            path: path, format: format, contents: contents, files: files,
            submodels: prefixes.count > 1 ? prefixes.map { String($0.dropLast()) } : [])
    }

    /// - Throws: ``WeightsError/fileUnreadable(path:reason:)`` if a file has changed since it was opened.
    func checkUnchanged() throws(WeightsError) {
        for file in files { try file.checkUnchanged() }
    }

    private init(
        path: String, format: CheckpointFormat, contents: CheckpointContents, files: [FileBytes],
        submodels: [String] = []
    ) {
        self.path = path
        self.format = format
        self.contents = contents
        self.files = files
        self.submodels = submodels
        var indices: [String: Int] = [:]
        for (index, tensor) in contents.tensors.enumerated() { indices[tensor.name] = index }
        self.indices = indices
    }

    /// One model of a file of several, its tensors under their official names.
    ///
    /// - Throws: ``WeightsError/submodelMissing(path:name:submodels:)``.
    package func submodel(_ name: String) throws(WeightsError) -> Checkpoint {
        guard submodels.contains(name) else {
            throw .submodelMissing(path: path, name: name, submodels: submodels)
        }
        let prefix = name + "."
        var part = contents
        do {
            part.tensors = try OfficialNames.without(
                prefix, tensors.filter { $0.name.hasPrefix(prefix) })
        } catch {
            throw error.error(path, format)
        }
        return Checkpoint(path: path, format: format, contents: part, files: files)
    }

    package func tensor(named name: String) -> StoredTensor? {
        indices[name].map { tensors[$0] }
    }

    /// The values of a tensor of this checkpoint, widened to float32 exactly.
    ///
    /// - Throws: ``WeightsError/notFloats(path:tensor:found:)`` unless the element type is float32,
    ///   float16 or bfloat16.
    package func floats(_ tensor: StoredTensor) throws(WeightsError) -> [Float] {
        guard tensor.elementType.widensToFloat32 else {
            throw .notFloats(
                path: path, tensor: tensor.name, found: tensor.elementType)
        }
        return try read(tensor) { bytes in
            [Float](unsafeUninitializedCapacity: tensor.count) { buffer, initialized in
                let output = UnsafeMutableBufferPointer(rebasing: buffer[..<tensor.count])
                Widening.widen(bytes, of: tensor.elementType, into: output)
                initialized = tensor.count
            }
        }
    }

    /// What `body` makes of the raw bytes of a tensor of this checkpoint, row-major and little-endian.
    ///
    /// - Throws: ``WeightsError/fileUnreadable(path:reason:)`` if a file has changed since it was opened.
    package func read<Result>(
        _ tensor: StoredTensor, _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(WeightsError) -> Result {
        let result = withBytes(of: tensor, body)
        try checkUnchanged()
        return result
    }

    /// The same without a look at what could be read: for readers that call ``checkUnchanged()`` at their end.
    func withBytes<Result, Failure: Error>(
        of tensor: StoredTensor, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
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
        return try bytes.withUnsafeBufferPointer { bytes throws(Failure) in
            try body(UnsafeRawBufferPointer(bytes))
        }
    }
}
