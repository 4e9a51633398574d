// Plans the files that a run will write, before the first track, and makes their folders.

import Demucs
import System

/// A track and its output files.
struct PlannedTrack {
    let input: InputTrack
    /// Paths in the order of the outputs; empty for standard output.
    let stemPaths: [String]
    let stemFilePath: String?
    /// The track's entry in the ledger; nil for standard input and output.
    let entry: LedgerEntry?

    /// Paths of all files; the stem file is last.
    var paths: [String] { stemPaths + (stemFilePath.map { [$0] } ?? []) }

    func outputs(_ selected: [NamedSignal]) -> [StemOutput] {
        selected.enumerated().map { index, output in
            output.written(
                to: stemPaths.isEmpty
                    ? .descriptor(STDOUT_FILENO) : .file(stemPaths[index]))
        }
    }

    /// Checks that no name is too long for a file, and that no file would replace the track or
    /// another file that is taken.
    ///
    /// - Parameters:
    ///   - names: how the disk compares names.
    ///   - folder: the folder of all files.
    /// - Throws: `AudioError.unwritable`, `AudioError.unusableName`.
    func checkPaths(
        _ taken: TakenFiles, _ names: NameComparison, below folder: String
    ) throws(AudioError) {
        let track = input.file
        for path in paths {
            if FilePath.name(of: path).utf8.count > FilePath.longestNameBytes {
                throw .unwritable(path: path, SystemError(code: ENAMETOOLONG))
            }
            if let other = names.otherName(at: path, below: folder) {
                throw .unwritable(
                    path: path,
                    reason: "on this disk it is '\(other)', which may be of another track")
            }
            if let track, FilePath.status(path)?.file == track {
                throw .unwritable(path: path, reason: "it is the track itself")
            }
            if let file = taken.file(at: path) {
                throw .unwritable(path: path, reason: "it is \(file.what)")
            }
        }
    }

    /// The folders of the files, each once.
    var folders: [String] {
        paths.map(FilePath.folder).reduce(into: []) { folders, folder in
            if !folders.contains(folder) { folders.append(folder) }
        }
    }
}

struct OutputPlan {
    /// Tracks of the operands; those of a manifest are planned one by one.
    private(set) var tracks: [PlannedTrack] = []

    /// The folder of all files, unless a template leads out of it; nil for standard output.
    let folder: String?

    /// Tracks that would be written to the files of another one, and are left out.
    private(set) var shared: [(track: InputTrack, error: RunError)] = []

    /// The format of the files. An extension in the template overrides the settings.
    let format: OutputFormat

    private let out: String
    private let names: [String]
    private let template: FileNameTemplate
    private let stemFile: StemFileFormat?
    private let hasSafeNames: Bool

    /// - Parameters:
    ///   - names: names of the outputs.
    ///   - otherNames: names of outputs that only some tracks of a manifest have.
    ///   - modelFolder: the value of `{model}`, `htdemucs`.
    ///   - taken: files that no output may replace.
    /// - Throws: `RunError` if two outputs of a track would be written to the same file, if an output
    ///   would replace a file that is taken, and for a template with an unknown extension.
    init(
        _ inputs: [InputTrack], names: [String], otherNames: [String], modelFolder: String,
        isManifest: Bool, taken: TakenFiles, settings: RunSettings
    ) throws(RunError) {
        format = try OutputPlan.format(settings)
        out = settings.folder
        folder = settings.hasModelFolder ? FilePath.normalised("\(out)/\(modelFolder)") : out
        self.names = names
        template = settings.template.naming(model: modelFolder)
        stemFile = settings.stemFile
        hasSafeNames = settings.hasSafeNames
        if isManifest {
            try template.checkIDsDecide(
                outputs: names + otherNames.filter { !names.contains($0) }, format: format)
        }
        try addTracks(inputs)
        try checkFilesRemain(taken)
    }

    /// Plans the tracks, but those whose files another one has.
    private mutating func addTracks(_ inputs: [InputTrack]) throws(RunError) {
        var owners = NewPaths<(input: InputTrack, output: Int)>()
        for input in inputs {
            let track = try planned(input)
            var sharing: RunError?
            for (output, path) in track.paths.enumerated() {
                let owner = owners.insert(path, (input, output), probing: folder ?? "")
                guard let owner else { continue }
                if owner.input == input {
                    let labels = names + (stemFile.map { [$0.fileExtension] } ?? [])
                    throw .settings(
                        "'\(labels[owner.output])' and '\(labels[output])' would both be written to "
                            + "'\(path)'", remedy: "include {stem} in `filename`")
                }
                // The template doesn't change the names of stem files.
                let isOneName =
                    output >= names.count
                    || FilePath.pathExtension(of: owner.input.path)
                        == FilePath.pathExtension(of: input.path)
                sharing =
                    sharing
                    ?? .settings(
                        "'\(input.path)' and '\(owner.input.path)' would both be written to '\(path)'",
                        remedy: isOneName
                            ? "separate them in two runs with different folders"
                            : "the file name template '{track}.{trackext}/{stem}.{ext}' keeps both")
            }
            if let sharing { shared.append((input, sharing)) } else { tracks.append(track) }
        }
    }

    /// - Throws: `RunError` if a file of a track would replace one that is taken.
    private func checkFilesRemain(_ taken: TakenFiles) throws(RunError) {
        for track in tracks {
            for path in track.paths {
                if let file = taken.file(at: path) {
                    throw .settings(
                        "'\(file.path)' is \(file.what) and would be replaced by '\(path)', a file of "
                            + "'\(track.input.path)'",
                        remedy: "choose another `out` folder, or change `filename`")
                }
            }
        }
    }

    /// A track with its files.
    ///
    /// - Throws: never for a template that `init` has used.
    func planned(_ input: InputTrack) throws(RunError) -> PlannedTrack {
        let subfolder = input.relativeFolder.split(separator: "/").map { written(String($0)) }
            .joined(separator: "/")
        var track = (name: written(input.nameParts.name), ending: input.nameParts.ending)
        if let id = input.id, track.name != id {
            // The tracks of a manifest aren't compared with each other: different ids stay different.
            track.name += "-\(SHA256(of: id).hexadecimal.prefix(8))"
        }
        let names = input.outputs?.map(\.name) ?? names
        let paths = try names.map { name throws(RunError) in
            place(try template.path(track: track, stem: name, format: format), in: subfolder)
        }
        let stemFilePath = stemFile.map {
            place("\(track.name).\($0.fileExtension)", in: subfolder)
        }
        return PlannedTrack(
            input: input, stemPaths: paths, stemFilePath: stemFilePath,
            entry: input.isStandardInput
                ? nil
                : (paths.first ?? stemFilePath).map {
                    LedgerEntry(
                        named: input.id == nil ? written(input.fileName) : track.name, in: out,
                        firstOutput: $0)
                })
    }

    /// The path of a file: its own `../` lead up from the folder of all files, and the subfolder of the track
    /// stands behind them, so that equal names in two subfolders stay apart.
    private func place(_ path: String, in subfolder: String) -> String {
        let (ups, rest) = FilePath.ups(of: path)
        let above = Array(repeating: "..", count: ups).joined(separator: "/")
        return FilePath.normalised(
            [above, subfolder, rest].reduce(folder ?? "") { FilePath.joined($0, $1) })
    }

    /// The name of a track or folder in the names of its files.
    private func written(_ name: String) -> String {
        // A name that is not UTF-8 can't be part of one that is.
        let text = name.unicodeScalars.reduce(into: "") { text, scalar in
            if let byte = scalar.byte {
                text += "%\(String(byte, radix: 16, uppercase: true))"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return hasSafeNames ? FilePath.safe(text) : text
    }

    /// Plans audio for standard output, without files.
    init(toStandardOutput input: InputTrack, settings: RunSettings) {
        format = settings.output.format
        folder = nil
        out = ""
        names = []
        hasSafeNames = false
        template = settings.template
        stemFile = nil
        tracks = [PlannedTrack(input: input, stemPaths: [], stemFilePath: nil, entry: nil)]
    }

    /// The format of the files: an extension in the template overrides the options, as in the
    /// reference.
    private static func format(_ settings: RunSettings) throws(RunError)
        -> OutputFormat
    {
        let path = try settings.template.path(
            track: ("track", ""), stem: "stem", format: settings.output.format)
        let name = FilePath.name(of: path)
        let ending = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
        let format = settings.output.format
        if ending == format.fileExtension { return format }
        guard let named = SeparationRequest.Format(rawValue: ending) else {
            throw settings.template.invalid(
                "a name that ends in .{ext}, \(OutputFormat.Container.endings)")
        }
        return settings.request.outputFormat(named)
    }
}

/// An output folder, made before the work starts to find an unwritable one early.
struct OutputFolder {
    let path: String

    /// The folders that were made, outermost first.
    private let made: [String]
    private let disk: dev_t?

    /// Makes the folder and its parents, unless they exist.
    ///
    /// - Parameter tries: number of attempts, if another run removes an empty parent meanwhile.
    /// - Throws: `AudioError.unwritable` if it can't be made or no files can be made in it.
    init(making path: String, tries: Int = 10) throws(AudioError) {
        self.path = path
        var missing: [String] = []
        var folder = path
        while FilePath.status(folder) == nil, folder != missing.last {
            missing.append(folder)
            folder = FilePath.folder(of: folder)
        }
        var made: [String] = []
        for folder in missing.reversed() {
            if mkdir(folder, 0o777) == 0 {
                made.append(folder)
            } else if errno == ENOENT, tries > 1 {
                let again = try OutputFolder(making: path, tries: tries - 1)
                self.made = made + again.made
                disk = again.disk
                return
            } else if errno != EEXIST {
                throw OutputFolder.unwritable(folder, errno)
            }
        }
        self.made = made
        disk = FilePath.status(path)?.st_dev
        if !FilePath.isFolder(path) { throw OutputFolder.unwritable(path, ENOTDIR) }
        if access(path, W_OK | X_OK) != 0 { throw OutputFolder.unwritable(path, errno) }
    }

    /// Checks that the disk of the folder is still there: otherwise the next files would fill the
    /// disk below. A run beside this one may have removed the empty folder alone.
    func checkDisk() throws(AudioError) {
        var existing = path
        while FilePath.status(existing) == nil, existing != FilePath.folder(of: existing) {
            existing = FilePath.folder(of: existing)
        }
        if existing != path, FilePath.status(existing)?.st_dev != disk {
            throw .unwritable(path: path, reason: "its disk was removed")
        }
    }

    /// Removes the folders that were made, if they are empty.
    func removeIfEmpty() {
        // rmdir fails for a folder that isn't empty.
        for folder in made.reversed() { rmdir(folder) }
    }

    private static func unwritable(_ path: String, _ code: Int32) -> AudioError {
        .unwritable(path: path, SystemError(code: code))
    }
}
