// Why a named model can't be had.

import Foundation

/// Why a model can't be found or fetched by its name.
public enum ModelStoreError: Error, Equatable, Sendable {
    case invalidName(name: String, problem: String)
    /// `--repo` or its like names something that is no folder.
    case repositoryMissing(path: String)
    /// `missing`: files of the model that are not there although others are.
    case notFound(name: String, folders: [String], missing: [String])
    /// The model isn't there, and fetching is switched off by what `reason` says.
    case offline(name: String, folders: [String], reason: String)
    /// Every place that has the model failed, each for a reason of its own.
    case notFetched(name: String, reasons: [DownloadError])
    /// `HF_ENDPOINT` can't be used.
    case invalidEndpoint(value: String)
}

extension ModelStoreError: CustomStringConvertible, LocalizedError {
    public var description: String {
        switch self {
        case .invalidName(let name, let problem):
            "'\(name)' is no name of a model: \(problem)"
        case .repositoryMissing(let path):
            "the model repository '\(path)' is not a folder; give the folder that holds the models"
        case .notFound(let name, let folders, let missing):
            "the model '\(name)' was not found"
                + (missing.isEmpty ? "" : " complete: \(missing.joined(separator: ", ")) missing")
                + Self.places(folders)
                + "; give a model file, or a published name: "
                + KnownModel.all.map(\.name).joined(separator: ", ") + ", hf://namespace/name"
        case .offline(let name, let folders, let reason):
            "the model '\(name)' was not found" + Self.places(folders)
                + ", and is not fetched because of \(reason)"
        case .notFetched(let name, let reasons):
            "the model '\(name)' could not be fetched: "
                + reasons.map(\.description).joined(separator: "; and ")
        case .invalidEndpoint(let value):
            "HF_ENDPOINT is '\(value)'; expected an https:// address, or http:// of this machine "
                + "(localhost, 127.0.0.1), without query"
        }
    }

    public var errorDescription: String? { description }

    private static func places(_ folders: [String]) -> String {
        folders.isEmpty ? "" : " in \(folders.joined(separator: ", "))"
    }
}
