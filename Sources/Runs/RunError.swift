// Errors in the settings and lists of a run, found before a track is separated.

import Demucs
import System

/// A run that can't begin, or a line of a followed manifest that can't be used. The descriptions say
/// what failed; each door adds the names of its options.
package enum RunError: Error, Equatable, CustomStringConvertible {
    case request(RequestError)
    /// - expected: completes "expected …".
    case invalidTemplate(String, expected: String)
    /// Two tracks would be written to the same file.
    ///
    /// - isStemFile: the template doesn't change the names of stem files.
    case sharedFile(String, String, path: String, isStemFile: Bool)
    /// Two outputs of a track would be written to the same file.
    case sharedFileOfTrack(String, String, path: String)
    /// - what: what the file is, such as "a track".
    /// - path: the file that would replace it.
    case fileReplaced(String, _ what: String, path: String, of: String)
    /// The model was loaded for some stems, and the request needs others.
    case stemsNotLoaded([String])
    case ffmpegMissing
    case tooFewStems([String])
    /// The mixes don't leave as many stems as a stem file has.
    ///
    /// - joined: stems that a mix could join.
    case stemsOfFile([String], joined: [String])
    /// No run has kept records in an output folder.
    case noRecords(folder: String, reason: String)
    /// The records of an output folder are of several models.
    case severalModels(folder: String, [String])
    /// A fault of the manifest; the text begins with its name.
    case manifest(String)
    case manifestUnreadable(name: String, reason: String)
    /// - place: the manifest and the line.
    case trackRequest(place: String, RequestError)

    package var description: String {
        switch self {
        case .request(let error): "\(error)"
        case .invalidTemplate(let text, let expected):
            "the file name template '\(text)' is invalid: expected \(expected)"
        case .sharedFile(let first, let second, let path, let isStemFile):
            "'\(second)' and '\(first)' would both be written to '\(path)'; "
                + (isStemFile
                    || FilePath.pathExtension(of: first) == FilePath.pathExtension(of: second)
                    ? "separate them in two runs with different folders"
                    : "the file name template '{track}.{trackext}/{stem}.{ext}' keeps both")
        case .sharedFileOfTrack(let first, let second, let path):
            "'\(first)' and '\(second)' would both be written to '\(path)'; include {stem} in the "
                + "file name template"
        case .fileReplaced(let file, let what, let path, let owner):
            "'\(file)' is \(what) and would be replaced by '\(path)', a file of '\(owner)'; choose "
                + "another folder or file name template"
        case .stemsNotLoaded(let stems):
            "the model was loaded without \(stems.joined(separator: ", ")), which the settings need; "
                + "load it with all stems"
        case .ffmpegMissing: "stem files need ffmpeg, and there is none on PATH; install it"
        case .tooFewStems(let sources):
            "stem files need a model of at least \(StemFileFormat.stemCount) stems; this one has "
                + "\(sources.count): \(sources.joined(separator: ", "))"
        case .stemsOfFile(let sources, let joined):
            "a stem file has \(StemFileFormat.stemCount) stems, and this model has "
                + "\(sources.count): \(sources.joined(separator: ", ")). Join some with mixes, each "
                + "in one mix, until \(StemFileFormat.stemCount) are left, such as "
                + "rest=\(joined.joined(separator: "+"))"
        case .noRecords(let folder, let reason):
            "\(folder): has no records of tracks (\(reason)); runs keep them with a manifest, a list of "
                + "failed tracks or skip-existing"
        case .severalModels(let folder, let models):
            "\(folder): has tracks of several models; name one of \(models.joined(separator: ", "))"
        case .manifest(let text): text
        case .manifestUnreadable(let name, let reason):
            "\(name): the manifest can't be read (\(reason)); expected a file of JSON lines"
        case .trackRequest(let place, let error): "\(place): \(error)"
        }
    }
}

extension RunError: CausedError {
    package var cause: ErrorCause { .argument }
}
