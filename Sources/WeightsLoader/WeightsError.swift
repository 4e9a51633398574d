// Also Embedded Swift: typed throws, no key paths, no casts.
// Errors of checkpoints. The text says what failed, the value found, the value expected and what to
// do.

import System

/// An error in a checkpoint, or in writing one.
public enum WeightsError: Error, Equatable, Sendable {
    // The file
    /// No file exists at the path.
    case fileMissing(path: String)
    /// The file has no bytes.
    case fileEmpty(path: String)
    /// The system refuses to open or read the file.
    case fileUnreadable(path: String, reason: String)
    /// The file could not be created or written; nothing is left of it.
    case fileUnwritable(path: String, reason: String)

    // The format
    /// The first bytes belong to no known format.
    case notSafetensors(path: String, found: String)
    /// A damaged file, and the byte offset of the damage.
    case damaged(path: String, format: CheckpointFormat, offset: Int, problem: String)
    /// An undamaged file with a part that is not supported; `problem` says what to give instead.
    case unsupported(path: String, format: CheckpointFormat, problem: String)

    // The tensors that a model needs
    /// A tensor of integers where the model has weights.
    case notFloats(path: String, tensor: String, found: ElementType)
    /// `similar`: unread tensors of the file, the most similar names first.
    case tensorMissing(path: String, tensor: String, unasked: Int, similar: [String])
    /// The model has no parameters of these names.
    case tensorsUnused(path: String, tensors: [String])
    /// The configuration asks for another shape.
    case shapeMismatch(path: String, tensor: String, found: [Int], expected: [Int])
    /// Invalid scales of a tensor of INT8 weights.
    case scalesInvalid(path: String, tensor: String, problem: String)
    /// A value is beyond the range of the type that it is written in.
    case notStorable(path: String, tensor: String, value: Float, type: ElementType)

    // The metadata
    /// The file states no class or no arguments.
    case metadataMissing(path: String, keys: [String])
    /// A value of the metadata that the model can't be made with.
    case metadataInvalid(path: String, key: String, problem: String)
    /// The engine has no model of this class.
    case otherModel(path: String, found: String, expected: [String])
    /// A checkpoint of tensors alone, whose shapes don't determine its model.
    case configurationMissing(path: String, className: String)

    // Files of several models
    /// A file of several models, of which `ModelFiles.submodel` has to name one.
    case severalModels(path: String, submodels: [String])
    /// No model of the name is in the file.
    case submodelMissing(path: String, name: String, submodels: [String])
}

extension WeightsError: DescribedError {
    public var description: String { "\(path): \(problem)" }

    /// The file that the error is about.
    public var path: String {
        switch self {
        case .fileMissing(let path), .fileEmpty(let path), .fileUnreadable(let path, _),
            .fileUnwritable(let path, _), .notSafetensors(let path, _),
            .damaged(let path, _, _, _), .unsupported(let path, _, _), .notFloats(let path, _, _),
            .tensorMissing(let path, _, _, _), .tensorsUnused(let path, _),
            .shapeMismatch(let path, _, _, _), .scalesInvalid(let path, _, _),
            .notStorable(let path, _, _, _), .metadataMissing(let path, _),
            .metadataInvalid(let path, _, _), .otherModel(let path, _, _),
            .configurationMissing(let path, _), .severalModels(let path, _),
            .submodelMissing(let path, _, _):
            path
        }
    }

    package var problem: String {
        switch self {
        case .fileMissing:
            "no such file; check the path of the model"
        case .fileEmpty:
            "is empty (0 bytes); a checkpoint was expected, download it again"
        case .fileUnreadable(_, let reason):
            "can't be read: \(reason)"
        case .fileUnwritable(_, let reason):
            "can't be written: \(reason)"
        case .notSafetensors(_, let found):
            "is not a checkpoint of a known format: found \(found); give a .safetensors, an "
                + "official .th, a .ckpt, a demucs.cpp .bin or an .onnx file"
        case .damaged(_, let format, let offset, let problem):
            "this \(format.title) is damaged at byte \(offset): \(problem.printable()); "
                + "download it again"
        case .unsupported(_, let format, let problem):
            "this \(format.title) can't be used: \(problem.printable())"
        case .notFloats(_, let tensor, let found):
            "\(tensor.quoted) is stored as \(found.rawValue); weights are read from F32, F16 and "
                + "BF16, so convert the checkpoint to one of these"
        case .tensorMissing(_, let tensor, let unasked, let similar):
            "the tensor \(tensor.quoted) is missing; \(unasked) tensors of the file were not read"
                + (similar.isEmpty ? "" : ": \(Self.list(similar))")
                + "; the file's arguments don't fit its tensors"
        case .tensorsUnused(_, let tensors):
            "\(tensors.count) of its tensors are not part of the model that its arguments "
                + "describe: \(Self.list(tensors))"
        case .shapeMismatch(_, let tensor, let found, let expected):
            "\(tensor.quoted) has the shape \(found.listed), but the model that the file's arguments "
                + "describe needs \(expected.listed)"
        case .scalesInvalid(_, let tensor, let problem):
            "\(tensor.quoted) has INT8 weights, but \(problem); quantise the model again"
        case .notStorable(_, let tensor, let value, let type):
            "\(tensor.quoted) has the value \(value), which \(type.rawValue) can't represent; "
                + "keep the stored type"
        case .metadataMissing(_, let keys):
            "its metadata lack \(keys.joined(separator: ", ")), which name the model; "
                + "give a checkpoint as published by the official package"
        case .metadataInvalid(_, let key, let problem):
            "its metadata are damaged at \(key.quoted): \(problem)"
        case .otherModel(_, let found, let expected):
            "contains a model of class \(found.quoted); supported: "
                + expected.joined(separator: ", ")
        case .configurationMissing(_, let className):
            "has the tensors of \(className), but shapes don't show all of its arguments; put the YAML "
                + "file that is published with it beside it, with the same name and the extension "
                + ".yaml; or one with model.stft_hop_length, audio.chunk_size, training.instruments "
                + "and training.target_instrument, which is enough"
        case .severalModels(_, let submodels):
            Self.severalModels(submodels, choice: "choose one of them")
        case .submodelMissing(_, let name, let submodels):
            "contains no model \(name.quoted); it has \(Self.list(submodels))"
        }
    }

    package static func severalModels(_ submodels: [String], choice: String) -> String {
        "contains \(submodels.count) models; \(choice): \(list(submodels))"
    }

    /// Up to ten names, then the number of the others.
    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(10).map { $0.quoted }.joined(separator: ", ")
        return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
    }
}

extension WeightsError: CausedError {
    public var cause: ErrorCause {
        switch self {
        case .fileMissing: .modelMissing
        // A checkpoint that can't be written too: its caller works on models, not on tracks.
        case .fileEmpty, .fileUnreadable, .fileUnwritable, .notSafetensors, .damaged, .unsupported,
            .notFloats, .tensorMissing, .tensorsUnused, .shapeMismatch, .scalesInvalid,
            .notStorable, .metadataMissing, .metadataInvalid, .otherModel, .configurationMissing,
            .severalModels, .submodelMissing:
            .model
        }
    }
}

extension [Int] {
    /// The text of the array, such as `[2, 3]`, which Embedded Swift doesn't make.
    var listed: String { "[" + map { String($0) }.joined(separator: ", ") + "]" }
}

extension StringProtocol {
    /// `contains` of the standard library takes only characters in Embedded Swift.
    func hasPart(_ part: String) -> Bool {
        utf8.indices.contains { utf8[$0...].starts(with: part.utf8) }
    }
}
