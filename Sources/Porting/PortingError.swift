// Errors of tensor files, folders of chunks, and invalid options.

import System
import Tracks

/// An error in writing, reading or comparing tensors. Messages name the path, the value found and
/// the value expected.
package enum PortingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file or folder that can't be used; `problem` gives its state and the remedy.
    case unusable(path: String, problem: String)
    case notFinite(path: String, tensor: String, index: Int)
    /// The folder has chunks of another track, model or plan.
    case folderTaken(path: String, difference: String)
    /// The chunks were prepared for a model that differs in one property.
    case modelDiffers(path: String, prepared: String, found: String)
    case bagOfSeveral(name: String, checkpoints: [String])
    /// The model has no core, because it runs on the waveform alone.
    case noCore(name: String)
    /// The model's family has other parts than the one that is wanted.
    case otherFamily(name: String, family: String)
    case invalidOption(name: String, value: String, allowed: String)
    case nothingLoud(limitDecibels: Double)
    case tooFewSamples(found: Int, wanted: Int)
    case noMatch(patterns: [NamePattern], names: [String])

    package var description: String {
        switch self {
        case .unusable(let path, let problem): "\(path): \(problem)"
        case .notFinite(let path, let tensor, let index):
            "\(path): element \(index) of \(tensor) is not a finite number"
        case .folderTaken(let path, let difference):
            "\(path): has chunks of another run (\(difference)); choose another folder, or remove "
                + "this one"
        case .modelDiffers(let path, let prepared, let found):
            "\(path): was prepared for \(prepared), the model has \(found); prepare it with this "
                + "model, or give that model"
        case .bagOfSeveral(let name, let checkpoints):
            "\(name): is a bag of \(checkpoints.count) models, expected a single model; give one "
                + "of its checkpoints: \(checkpoints.joined(separator: ", "))"
        case .noCore(let name):
            "\(name): runs on the waveform alone and has no core; give a hybrid model, or use trace"
        case .otherFamily(let name, let family):
            "\(name): is a \(family); give a model of demucs"
        case .invalidOption(let name, let value, let allowed):
            "The value '\(value)' is invalid for '\(name)': expected \(allowed)"
        case .nothingLoud(let limit):
            "No piece of the files is louder than \(limit) dB of full scale; give music"
        case .tooFewSamples(let found, let wanted):
            "The files have \(found) pieces that aren't silent, but \(wanted) samples were "
                + "requested; give more files, or request fewer"
        case .noMatch(let patterns, let names):
            "Nothing matches '\(patterns.map(\.text).joined(separator: ","))'; there are names like "
                + names.prefix(12).joined(separator: ", ")
        }
    }
}

extension PortingError: CausedError {
    package var cause: ErrorCause {
        switch self {
        case .invalidOption: .argument
        case .bagOfSeveral: .model
        // Their callers name the files of tensors as arguments.
        case .unusable, .notFinite, .folderTaken, .modelDiffers, .noCore, .otherFamily,
            .nothingLoud,
            .tooFewSamples, .noMatch:
            .unsuitable
        }
    }
}

extension PortingError {
    static func missing(_ path: String, expected: String) -> PortingError {
        .unusable(path: path, problem: "is missing; expected \(expected)")
    }

    static func unreadable(_ path: String, _ reason: String) -> PortingError {
        .unusable(path: path, problem: "can't be read (\(reason))")
    }

    static func unwritable(_ path: String, _ reason: String) -> PortingError {
        .unusable(path: path, problem: "can't be written (\(reason))")
    }

    static func damaged(_ path: String, _ problem: String) -> PortingError {
        .unusable(path: path, problem: "is damaged: \(problem)")
    }

    static func tensorMissing(_ path: String, _ tensor: String, found: [String]) -> PortingError {
        let names = found.prefix(10).joined(separator: ", ") + (found.count > 10 ? ", …" : "")
        return .unusable(
            path: path,
            problem: "contains no tensor '\(tensor)'; it has \(found.isEmpty ? "none" : names)")
    }
}
