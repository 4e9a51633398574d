// Errors of tensor files, folders of chunks, and invalid options.

import Foundation

/// Tensors that can't be written, read or compared. Messages name the path, the value found and the
/// value expected.
package enum PortingError: Error, Equatable, Sendable, CustomStringConvertible {
    // Files
    case fileMissing(path: String, expected: String)
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
    /// A raw file of another length; `hint` names what its length would fit.
    case wrongSize(
        path: String, foundBytes: Int, expectedBytes: Int, expected: String, hint: String)
    case wrongShape(path: String, found: [Int], expected: [Int])
    /// A file of another element type than the files before it, or than the manifest says.
    case wrongType(path: String, found: String, expected: String, shape: [Int])
    case damaged(path: String, problem: String)
    case notFinite(path: String, tensor: String, index: Int)
    /// A finite value beyond the range of float16.
    case notStorable(path: String, tensor: String, value: Float)
    case tensorMissing(path: String, tensor: String, found: [String])
    /// `drums.npy` beside `drums.raw`.
    case ambiguous(path: String, tensor: String, files: [String])

    // Folders of chunks
    case manifestInvalid(path: String, problem: String)
    /// Chunks of another track, model or plan are there.
    case folderTaken(path: String, difference: String)

    // Models
    case bagOfSeveral(name: String, checkpoints: [String])
    case modelDiffers(folder: String, property: String, found: String, expected: String)

    // Calls
    case invalidOption(name: String, value: String, allowed: String)
    case nothingLoud(limitDecibels: Double)
    case tooFewSamples(found: Int, wanted: Int)
    case noMatch(patterns: [String], examples: [String])
    case nothingToCompare(path: String, reason: String)

    package var description: String {
        switch self {
        case .fileMissing(let path, let expected):
            return "\(path): is missing; expected \(expected)"
        case .unreadable(let path, let reason): return "\(path): can't be read (\(reason))"
        case .unwritable(let path, let reason): return "\(path): can't be written (\(reason))"
        case .wrongSize(let path, let found, let wanted, let expected, let hint):
            return "\(path): has \(found) bytes, expected \(wanted): \(expected)"
                + (hint.isEmpty ? "" : "; \(hint)")
        case .wrongShape(let path, let found, let expected):
            return "\(path): has the shape \(found), expected \(expected)"
        case .wrongType(let path, let found, let expected, let shape):
            return "\(path): holds \(found), expected \(expected) \(shape); give all files one type"
        case .damaged(let path, let problem): return "\(path): is damaged: \(problem)"
        case .notFinite(let path, let tensor, let index):
            return "\(path): element \(index) of \(tensor) is not a finite number"
        case .notStorable(let path, let tensor, let value):
            return "\(path): \(tensor) has the value \(value), which float16 can't hold; write "
                + "float32"
        case .tensorMissing(let path, let tensor, let found):
            return "\(path): holds no tensor '\(tensor)'; it has \(Self.list(found))"
        case .ambiguous(let path, let tensor, let files):
            return "\(path): '\(tensor)' is there as \(files.joined(separator: " and as ")); keep "
                + "one of them"
        case .manifestInvalid(let path, let problem):
            return "\(path): is not a manifest of 'tensors prepare': \(problem)"
        case .folderTaken(let path, let difference):
            return "\(path): holds chunks of another call (\(difference)); name another folder, or "
                + "remove this one"
        case .bagOfSeveral(let name, let checkpoints):
            return "\(name): is a bag of \(checkpoints.count) models, which have a core each; name "
                + "one of its checkpoints: \(checkpoints.joined(separator: ", "))"
        case .modelDiffers(let folder, let property, let found, let expected):
            return "\(folder): was prepared for \(property) \(expected), the model has \(found); "
                + "prepare it with this model, or name the other one with -n"
        case .invalidOption(let name, let value, let allowed):
            return "The value '\(value)' is invalid for '--\(name)': expected \(allowed)"
        case .nothingLoud(let limit):
            return "No piece of the files is louder than \(limit) dB of full scale; give music"
        case .tooFewSamples(let found, let wanted):
            return "The files have \(found) pieces that aren't silent, fewer than the \(wanted) "
                + "samples asked for; give more files, or ask for fewer with --samples"
        case .noMatch(let patterns, let examples):
            return "Nothing matches '\(patterns.joined(separator: ","))'; there are names like "
                + examples.joined(separator: ", ")
        case .nothingToCompare(let path, let reason): return "\(path): \(reason)"
        }
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty
            ? "none"
            : names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
    }
}
