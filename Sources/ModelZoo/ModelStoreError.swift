import System

/// A named model can't be found or fetched.
public enum ModelStoreError: Error, Equatable, Sendable {
    /// A text that no name, address or path of a model can be.
    case invalidName(name: String, problem: String)
    /// The repository is not a folder.
    case repositoryMissing(path: String)
    /// Files of the model are missing; `missing` has their signatures if the other files exist.
    case notFound(name: String, folders: [String], missing: [String])
    /// A published model whose weights can't be read.
    case packed(name: String)
    /// The model isn't on this machine, and fetching is disabled.
    case offline(name: String, folders: [String], reason: OfflineReason)
    /// Every server of the model failed; `reasons` has one error for each.
    case notFetched(name: String, reasons: [DownloadError])
    /// `HF_ENDPOINT` can't be used.
    case invalidEndpoint(value: String)
    /// A file that is installed with the program is missing.
    case bundledFileMissing(name: String, folders: [String])
}

/// Why a store fetches nothing.
public enum OfflineReason: Equatable, Sendable {
    /// The store was made with `isOffline`.
    case requested
    /// The variable `HF_HUB_OFFLINE` of the environment.
    case environment
    /// The model is for a run that writes nothing.
    case dryRun
}

extension ModelStoreError: DescribedError {
    public var description: String {
        switch self {
        case .invalidName(let name, let problem):
            "'\(name)' is not a name of a model: \(problem)"
        case .repositoryMissing(let path):
            "the model repository '\(path)' is not a folder; give the folder that holds the models"
        case .notFound(let name, let folders, let missing):
            "the model '\(name)' was not found"
                + (missing.isEmpty ? "" : " complete: \(missing.joined(separator: ", ")) missing")
                + Self.places(folders)
                + "; give a model file, or a published name: "
                + (PublishedModel.all.map(\.name) + LinkedModel.all.map(\.name))
                .joined(separator: ", ") + ", hf://namespace/name"
        case .packed(let name):
            "the model '\(name)' can't be used: its published weights are packed by diffq, whose "
                + "format only its own code defines, under CC BY-NC; use "
                + (name.hasPrefix("mdx_")
                    ? "'\(name.dropLast("_q".count))'" : "'mdx' or 'mdx_extra'")
                + ", the same models in floats, or unpack it with the official package (docs/models.md)"
        case .offline(let name, let folders, let reason):
            switch reason {
            case .requested: Self.offline(name, folders, "the store is offline")
            case .environment: Self.offline(name, folders, "of HF_HUB_OFFLINE")
            case .dryRun: Self.offline(name, folders, "this is a dry run")
            }
        case .notFetched(let name, let reasons):
            "the model '\(name)' could not be fetched: "
                + reasons.map(\.description).joined(separator: "; and ")
        case .invalidEndpoint(let value):
            "HF_ENDPOINT is '\(value)'; expected an https:// address, or http:// of this machine "
                + "(localhost, 127.0.0.1), without query"
        case .bundledFileMissing(let name, let folders):
            "'\(name)' was not found" + Self.places(folders)
                + "; it comes with the program: set SWIFT_DEMUCS_MODELS to its folder"
        }
    }

    /// - Parameter reason: completes "because …".
    package static func offline(_ name: String, _ folders: [String], _ reason: String) -> String {
        "the model '\(name)' was not found\(places(folders)), and is not fetched because \(reason)"
    }

    private static func places(_ folders: [String]) -> String {
        (folders.isEmpty ? "" : " in \(folders.joined(separator: ", "))")
            + (FilePath.missingOfSystem == "/proc"
                ? " (there is no /proc, by which the files beside the program are found)" : "")
    }
}

extension ModelStoreError: CausedError {
    public var cause: ErrorCause {
        switch self {
        case .invalidName, .repositoryMissing: .modelName
        case .notFound, .packed, .offline, .notFetched, .invalidEndpoint, .bundledFileMissing:
            .modelMissing
        }
    }
}
