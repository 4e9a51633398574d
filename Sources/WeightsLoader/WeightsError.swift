// Why a checkpoint can't be used. The text says what failed, the value found, the value expected and
// what to do.

import Files

/// Why a checkpoint can't be used.
public enum WeightsError: Error, Equatable, Sendable {
    // The file
    case fileMissing(path: String)
    case isFolder(path: String)
    case fileEmpty(path: String)
    case fileUnreadable(path: String, reason: String)

    // The container
    case notSafetensors(path: String, found: String)
    /// Damage in a file of another format than safetensors, and the byte where it was found.
    case damaged(path: String, format: CheckpointFormat, offset: Int, problem: String)
    /// An undamaged file with a part that is not supported; `problem` says what to give instead.
    case unsupported(path: String, format: CheckpointFormat, problem: String)
    /// `location`: the file beside an ONNX file, as the ONNX file names it.
    case externalDataInvalid(path: String, tensor: String, location: String, problem: String)
    case headerTooLong(path: String, foundBytes: UInt64, limitBytes: Int)
    case headerInvalid(path: String, problem: String, offset: Int)
    case tensorIncomplete(path: String, tensor: String)
    case unknownElementType(path: String, tensor: String, found: String)
    case shapeInvalid(path: String, tensor: String, found: [Int])
    case offsetsOutOfRange(path: String, tensor: String, begin: Int, end: Int, dataBytes: Int)
    case sizeMismatch(path: String, tensor: String, foundBytes: Int, expectedBytes: Int)
    case tensorsOverlap(path: String, first: String, second: String)
    case unclaimedBytes(path: String, offset: Int, countBytes: Int)

    // The tensors that a model needs
    case notFloats(path: String, tensor: String, found: ElementType)
    /// `similar`: unread tensors of the file, nearest names first.
    case tensorMissing(path: String, tensor: String, unasked: Int, similar: [String])
    case tensorsUnused(path: String, tensors: [String])
    case shapeMismatch(path: String, tensor: String, found: [Int], expected: [Int])
    /// The scales of a tensor of INT8 weights.
    case scalesInvalid(path: String, tensor: String, problem: String)

    // The metadata
    case metadataMissing(path: String, keys: [String])
    case metadataInvalid(path: String, key: String, problem: String)
    case otherModel(path: String, found: String, expected: String)
    case quantized(path: String, reason: String)

    // Files of several models
    case severalModels(path: String, submodels: [String])
    case submodelMissing(path: String, name: String, submodels: [String])

    // Writing
    case fileUnwritable(path: String, reason: String)
    case notStorable(path: String, tensor: String, value: Float, type: ElementType)
}

extension WeightsError: DescribedError {
    public var description: String { "\(path): \(problem)" }

    /// The file that the error is about.
    public var path: String {
        switch self {
        case .fileMissing(let path), .isFolder(let path), .fileEmpty(let path),
            .fileUnreadable(let path, _), .notSafetensors(let path, _),
            .headerTooLong(let path, _, _), .headerInvalid(let path, _, _),
            .tensorIncomplete(let path, _), .unknownElementType(let path, _, _),
            .shapeInvalid(let path, _, _), .offsetsOutOfRange(let path, _, _, _, _),
            .sizeMismatch(let path, _, _, _), .tensorsOverlap(let path, _, _),
            .unclaimedBytes(let path, _, _), .notFloats(let path, _, _),
            .tensorMissing(let path, _, _, _), .tensorsUnused(let path, _),
            .scalesInvalid(let path, _, _), .shapeMismatch(let path, _, _, _),
            .metadataMissing(let path, _), .metadataInvalid(let path, _, _),
            .otherModel(let path, _, _),
            .quantized(let path, _), .damaged(let path, _, _, _), .unsupported(let path, _, _),
            .externalDataInvalid(let path, _, _, _), .severalModels(let path, _),
            .submodelMissing(let path, _, _), .notStorable(let path, _, _, _),
            .fileUnwritable(let path, _):
            path
        }
    }

    package var problem: String {
        switch self {
        case .fileMissing:
            "no such file; check the path of the model"
        case .isFolder:
            "is a folder; give the path of the safetensors file in it"
        case .fileEmpty:
            "is empty (0 bytes); a checkpoint was expected, download it again"
        case .fileUnreadable(_, let reason):
            "can't be read: \(reason)"
        case .notSafetensors(_, let found):
            "is not a checkpoint of a known format: found \(found); give a .safetensors, an "
                + "official .th, a demucs.cpp .bin or an .onnx file"
        case .damaged(_, let format, let offset, let problem):
            "this \(format.title) is damaged at byte \(offset): \(Self.printable(problem)); "
                + "download it again"
        case .unsupported(_, let format, let problem):
            "this \(format.title) can't be used: \(Self.printable(problem))"
        case .externalDataInvalid(_, let tensor, let location, let problem):
            "\(Self.quoted(tensor)) lies in \(Self.quoted(location)): \(problem)"
        case .headerTooLong(_, let found, let limit):
            "is not a safetensors file, or is cut short: its first 8 bytes announce a header of "
                + "\(found) bytes, at most \(limit) can be there; download it again"
        case .headerInvalid(_, let problem, let offset):
            "its safetensors header is damaged at byte \(offset): \(problem); download it again"
        case .tensorIncomplete(_, let tensor):
            "the header's entry for \(Self.quoted(tensor)) is incomplete; expected dtype, shape "
                + "and two data_offsets"
        case .unknownElementType(_, let tensor, let found):
            "\(Self.quoted(tensor)) has the unknown dtype \(Self.quoted(found)); expected one of "
                + "the safetensors format's, as F32, F16 or BF16"
        case .shapeInvalid(_, let tensor, let found):
            "\(Self.quoted(tensor)) has the impossible shape \(Self.text(found)); sizes can't be "
                + "negative, and their product must fit 64 bits"
        case .offsetsOutOfRange(_, let tensor, let begin, let end, let dataBytes):
            "\(Self.quoted(tensor)) is said to lie at bytes \(begin)..<\(end) of the data, which "
                + "has \(dataBytes); the file is cut short or damaged, download it again"
        case .sizeMismatch(_, let tensor, let found, let expected):
            "\(Self.quoted(tensor)) takes \(found) bytes, but its shape and dtype need "
                + "\(expected); the header is damaged, download the file again"
        case .tensorsOverlap(_, let first, let second):
            "\(Self.quoted(first)) and \(Self.quoted(second)) share bytes, which the format "
                + "forbids; the header is damaged, download the file again"
        case .unclaimedBytes(_, let offset, let count):
            "\(count) bytes from byte \(offset) on belong to no tensor, which the format forbids; "
                + "the file is damaged, download it again"
        case .notFloats(_, let tensor, let found):
            "\(Self.quoted(tensor)) is stored as \(found.rawValue); weights are read from F32, "
                + "F16 and BF16, so convert the checkpoint to one of these"
        case .tensorMissing(_, let tensor, let unasked, let similar):
            "the tensor \(Self.quoted(tensor)) is missing; \(unasked) of the file's tensors "
                + "weren't asked for" + (similar.isEmpty ? "" : ": \(Self.list(similar))")
                + "; the file's arguments don't fit its tensors"
        case .tensorsUnused(_, let tensors):
            "\(tensors.count) of its tensors have no place in the model that its arguments "
                + "describe: \(Self.list(tensors))"
        case .shapeMismatch(_, let tensor, let found, let expected):
            "\(Self.quoted(tensor)) has the shape \(Self.text(found)), but the model that the "
                + "file's arguments describe needs \(Self.text(expected))"
        case .scalesInvalid(_, let tensor, let problem):
            "\(Self.quoted(tensor)) holds INT8 weights, but \(problem); quantise the model again"
        case .metadataMissing(_, let keys):
            "its metadata lack \(keys.joined(separator: ", ")), which say what model the tensors "
                + "belong to; give a checkpoint as published by the official package"
        case .metadataInvalid(_, let key, let problem):
            "its metadata are damaged at \(Self.quoted(key)): \(problem)"
        case .otherModel(_, let found, let expected):
            "holds a model of class \(Self.quoted(found)); only \(expected) is supported"
        case .quantized(_, let reason):
            "\(Self.printable(reason)), which is not supported; use the checkpoint with plain "
                + "float weights"
        case .severalModels(_, let submodels):
            "holds \(submodels.count) models; choose one of them (--member): "
                + Self.list(submodels)
        case .submodelMissing(_, let name, let submodels):
            "holds no model \(Self.quoted(name)); it has \(Self.list(submodels))"
        case .fileUnwritable(_, let reason):
            "can't be written: \(reason)"
        case .notStorable(_, let tensor, let value, let type):
            "\(Self.quoted(tensor)) holds \(value), which \(type.rawValue) can't; keep the "
                + "stored type"
        }
    }

    /// Up to ten names, then how many more there are.
    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(10).map(quoted).joined(separator: ", ")
        return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
    }

    private static func text(_ shape: [Int]) -> String {
        let shown = shape.prefix(10).map(String.init).joined(separator: ", ")
        return shape.count > 10 ? "[\(shown), … \(shape.count) sizes]" : "[\(shown)]"
    }

    /// Names come from the file: quoted, kept on one line and of a bearable length.
    private static func quoted(_ name: String) -> String {
        "\"" + printable(name, limit: 200) + "\""
    }

    private static func printable(_ text: String, limit: Int = 500) -> String {
        let printable = text.unicodeScalars.prefix(limit).map { scalar in
            scalar.properties.generalCategory == .control ? "\u{FFFD}" : Character(scalar)
        }
        return String(printable) + (text.unicodeScalars.count > limit ? "…" : "")
    }
}
