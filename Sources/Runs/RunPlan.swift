// The plan of a run, made before the first track: the model, the files, the parameters of each track.

import Demucs
import System

struct RunPlan {
    let settings: RunSettings
    let model: ChosenModel
    let manifest: TrackManifest?
    let outputs: [NamedSignal]
    /// The stems of stem files; empty without them.
    private let stemFileParts: [NamedSignal]
    private let ffmpeg: FFmpeg?
    let files: OutputPlan
    let precision: Precision
    /// Number of tracks; nil for a manifest that is followed.
    let trackCount: Int?
    /// Seed of all tracks without their own seed, so that one number repeats the run.
    let seed: UInt64
    /// The files that the run reads, and the list of failed tracks.
    let taken: TakenFiles
    let failed: FailedList?

    /// - Throws: `RunError` for settings that don't fit the model or the tracks.
    init(
        of tracks: [InputTrack], _ manifest: TrackManifest?, with model: () throws -> ChosenModel,
        settings: RunSettings
    ) throws {
        // A wrong list must not start a download.
        failed = try settings.openFailedList()
        let model = try model()
        var settings = settings
        if let loaded = model.separator {
            settings.request = loaded.withLoadedStems(settings.request)
        }
        self.settings = settings
        self.model = model
        self.manifest = manifest
        outputs = try settings.outputs(of: model.stems)
        stemFileParts =
            try settings.stemFile == nil
            ? [] : settings.request.stemFileParts(of: model.stems.sources)
        try model.separator?.checkLoaded(outputs + stemFileParts)
        ffmpeg = settings.stemFile == nil ? nil : .onPath
        if settings.stemFile != nil, ffmpeg == nil {
            throw RunError.settings(
                "stem files need ffmpeg, and there is none on PATH",
                remedy: "install it, or leave out `stem-file`")
        }
        var taken = TakenFiles()
        for path in model.paths { taken.add(path, "a file of the model") }
        if let manifest { taken.add(manifest.identity, manifest.name, "the manifest") }
        for track in tracks { taken.add(track.file, track.path, "a track") }
        let folder = settings.folder
        try failed?.claim(
            in: &taken,
            outside: (settings.hasModelFolder ? [FilePath.joined(folder, model.folder)] : [])
                + [Ledger(ofRun: folder).folder])
        self.taken = taken
        files =
            settings.standardOutput != nil
            ? OutputPlan(toStandardOutput: tracks[0], settings: settings)
            : try OutputPlan(
                tracks, names: outputs.map(\.name),
                // A track of a manifest may ask for other stems than the command.
                otherNames: manifest?.mayHaveStems == true ? model.stems.all : [],
                modelFolder: model.folder, isManifest: manifest != nil, taken: taken,
                settings: settings)
        try manifest?.validateStems(of: model.stems)
        precision = try model.precision(of: settings.request)
        trackCount = manifest == nil ? files.tracks.count : manifest?.count
        seed = settings.request.separation.seedOrDrawn()
    }

    // MARK: - Of the run

    /// Loads the model, unless it is loaded.
    func load() throws -> Separator {
        let separator = try model.load(
            stems: neededStems, threads: settings.threads,
            segmentsInParallel: max(1, settings.jobs), precision: precision)
        try separator.validate(settings.request.separation)
        try manifest?.validateSegments { try separator.validate($0) }
        return separator
    }

    /// The stems to compute, in the model's order; nil for all.
    private var neededStems: [String]? {
        if manifest?.mayHaveStems == true { return nil }
        let needed = Set((outputs + stemFileParts).flatMap(\.signal.stems))
        let stems = model.stems.all.filter(needed.contains)
        return stems.count == model.stems.all.count ? nil : stems
    }

    var outputOptions: OutputOptions {
        var options = settings.output
        options.format = files.format
        return options
    }

    // MARK: - Of a track

    /// The track's request, or that of the command.
    func request(of track: PlannedTrack?) -> SeparationRequest {
        track?.input.request ?? settings.request
    }

    /// The track's options with the seed that will be used; nil without shifts.
    func options(of track: PlannedTrack) -> SeparationOptions {
        var options = request(of: track).separation
        options.seed = options.shifts > 0 ? options.seed ?? seed : nil
        return options
    }

    func outputs(of track: PlannedTrack?) -> [NamedSignal] { track?.input.outputs ?? outputs }

    func stemFile(of track: PlannedTrack) -> StemFileOutput? {
        guard let ffmpeg, let path = track.stemFilePath, let format = settings.stemFile else {
            return nil
        }
        return StemFileOutput(
            path: path, format: format,
            parts: stemFileParts.map { NamedSignal(StemFileFormat.shownName($0.name), $0.signal) },
            ffmpeg: ffmpeg)
    }

    /// - Parameter track: nil for the tracks without options of their own.
    func parameters(of track: PlannedTrack?) -> SeparationParameters {
        SeparationParameters(
            request(of: track), outputOptions, of: model, outputs: outputs(of: track),
            precision: precision,
            stemFile: settings.stemFile.map {
                [$0.container.rawValue, $0.codec.rawValue] + stemFileParts.map(\.description)
            })
    }
}
