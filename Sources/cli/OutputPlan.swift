// Which files a call writes, before it begins.

import Demucs
import Files
import Foundation

/// One track and the files that come of it.
struct PlannedTrack {
    let input: InputTrack
    /// In the order of the outputs; none for sound that goes to standard output.
    let paths: [String]
    /// Where the record of a complete result stands: beside the first stem. nil without files.
    let recordPath: String?

    /// The outputs with where they go.
    func outputs(_ selected: [OutputSelection.Output]) -> [StemOutput] {
        selected.enumerated().map { index, output in
            StemOutput(
                name: output.name, signal: output.signal,
                to: paths.isEmpty ? .descriptor(STDOUT_FILENO) : .file(paths[index]))
        }
    }

    /// A name that no file can have is found before the work.
    ///
    /// - Throws: `AudioError.unwritable`.
    func checkNames() throws(AudioError) {
        for path in paths where FilePath.name(of: path).utf8.count > FilePath.longestNameBytes {
            throw .unwritable(path: path, reason: String(cString: strerror(ENAMETOOLONG)))
        }
    }

    /// Folders that the files go to, each once.
    var folders: [String] {
        var folders: [String] = []
        for path in paths {
            let folder = FilePath.folder(of: path)
            if !folders.contains(folder) { folders.append(folder) }
        }
        return folders
    }
}

struct OutputPlan {
    private(set) var tracks: [PlannedTrack] = []

    /// What all files are in, unless a template leads out of it; nil without files.
    let folder: String?

    /// What the files are, by the ending of their names where `--filename` gives one.
    let format: OutputFormat

    /// - Parameters:
    ///   - names: of the outputs.
    ///   - modelFolder: `separated/htdemucs`.
    /// - Throws: `UsageError.sameOutput` or `sameOutputOfStems` if two tracks, or two outputs of one,
    ///   would be written to one file; `invalidValue` for a template whose names end in no known
    ///   format.
    init(
        _ inputs: [InputTrack], names: [String], in modelFolder: String,
        settings: SeparateCommand.Settings
    ) throws(UsageError) {
        format = try OutputPlan.format(settings)
        folder = modelFolder
        var owners: [[UInt8]: (input: InputTrack, output: Int)] = [:]
        for input in inputs {
            let folder = FilePath.joined(modelFolder, input.relativeFolder)
            let paths = names.map { name in
                FilePath.joined(
                    folder,
                    settings.template.path(track: input.fileName, stem: name, format: format))
            }
            let firstOwner = owners[FilePath.key(paths[0])]?.input
            if let firstOwner, OutputPlan.isSameFile(firstOwner, input) { continue }
            for (output, path) in paths.enumerated() {
                if let owner = owners.updateValue((input, output), forKey: FilePath.key(path)) {
                    throw owner.input == input
                        ? .sameOutputOfStems(names[owner.output], names[output], path: path)
                        : .sameOutput(first: owner.input.path, second: input.path, path: path)
                }
            }
            tracks.append(
                PlannedTrack(
                    input: input, paths: paths,
                    recordPath: SeparationRecord.path(of: input, besideOutput: paths[0])))
        }
    }

    /// Sound for standard output, and no files.
    init(toStandardOutput input: InputTrack, format: OutputFormat) {
        self.format = format
        folder = nil
        tracks = [PlannedTrack(input: input, paths: [], recordPath: nil)]
    }

    /// One file that was named twice is one track.
    private static func isSameFile(_ first: InputTrack, _ second: InputTrack) -> Bool {
        if first == second { return true }
        guard let one = FilePath.status(first.path), let other = FilePath.status(second.path) else {
            return false
        }
        return one.st_dev == other.st_dev && one.st_ino == other.st_ino
    }

    /// The reference goes by the ending that a template gives, whatever the options say.
    private static func format(_ settings: SeparateCommand.Settings) throws(UsageError)
        -> OutputFormat
    {
        let path = settings.template.path(
            track: "track", stem: "stem", format: settings.output.format)
        let name = FilePath.name(of: path)
        let ending = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
        var format = settings.output.format
        switch ending {
        case format.fileExtension: break
        case "wav": format.container = .wav
        case "flac": format.container = .flac
        case "mp3": format.container = .mp3(settings.mp3)
        default:
            throw .invalidValue(
                .filename, value: settings.arguments.value(.filename) ?? "",
                allowed: "a name that ends in .{ext}, .wav, .flac or .mp3")
        }
        return format
    }
}

/// A template like Python's format strings: `{track}/{stem}.{ext}`, `{{` and `}}` for braces.
struct FileNameTemplate: Equatable {
    enum Field: String, CaseIterable {
        case track
        case trackext
        case stem
        case ext
    }

    private enum Part: Equatable {
        case text(String)
        case field(Field)
    }

    private let parts: [Part]

    /// - Parameter text: nil for the default.
    /// - Throws: `UsageError.invalidValue` for an unknown field, a lonely brace or an empty name.
    init(_ text: String?) throws(UsageError) {
        let text = text ?? "{track}/{stem}.{ext}"
        func invalid(_ problem: String) -> UsageError {
            .invalidValue(.filename, value: text, allowed: problem)
        }
        if text.isEmpty || text.utf8.contains(0) { throw invalid("a name") }
        var parts: [Part] = []
        var literal: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "{") where rest.first == byte,
                UInt8(ascii: "}") where rest.first == byte:
                literal.append(rest.removeFirst())
            case UInt8(ascii: "{"):
                let name = String(decoding: rest.prefix { $0 != UInt8(ascii: "}") }, as: UTF8.self)
                rest = rest.dropFirst(name.utf8.count)
                guard rest.popFirst() != nil, let field = Field(rawValue: name) else {
                    let names = Field.allCases.map { "{\($0.rawValue)}" }.joined(separator: ", ")
                    throw invalid("no fields but \(names); a brace itself is '{{' or '}}'")
                }
                parts += [.text(String(decoding: literal, as: UTF8.self)), .field(field)]
                literal = []
            case UInt8(ascii: "}"): throw invalid("'}}' for a brace that ends no field")
            default: literal.append(byte)
            }
        }
        parts.append(.text(String(decoding: literal, as: UTF8.self)))
        self.parts = parts
    }

    /// The path of one output below the model's folder.
    ///
    /// - Parameter track: the track's file name.
    func path(track: String, stem: String, format: OutputFormat) -> String {
        let (name, ending) = FileNameTemplate.split(track)
        return parts.map { part in
            switch part {
            case .text(let text): text
            case .field(.track): name
            case .field(.trackext): ending
            case .field(.stem): stem
            case .field(.ext): format.fileExtension
            }
        }.joined()
    }

    /// A file's name without what follows its last dot, and that.
    ///
    /// A name that would be empty or lead elsewhere (`.wav`, `..wav`, `...wav`) stays whole.
    private static func split(_ file: String) -> (name: String, ending: String) {
        // By bytes: to a String, a dot with a combining mark is no dot.
        guard let dot = file.utf8.lastIndex(of: UInt8(ascii: ".")) else { return (file, file) }
        let name = String(file[..<dot])
        let ending = String(file[file.utf8.index(after: dot)...])
        return (["", ".", ".."].contains(name) ? file : name, ending)
    }

    /// What keeps a name from being part of a file's name; nil if nothing does.
    static func problem(withName name: String) -> String? {
        if name.isEmpty || name == "." || name == ".." { return "must not be '\(name)'" }
        if name.utf8.contains(where: { $0 < 32 || $0 == 127 || $0 == UInt8(ascii: "/") }) {
            return "must hold neither '/' nor control characters"
        }
        return name.utf8.count > 200 ? "must have at most 200 bytes" : nil
    }
}
