// The fields of a run: those of its request, and its own.

import Demucs
import System

extension RunSettings: RequestSettings {
    package typealias Field = RequestField<RunSettings>

    package static let scopes = Set(FieldScope.allCases)

    package static let fields: [Field] = [
        Field(
            "out", .text(placeholder: "folder"), .string,
            help: "The output folder; stems go to a folder in it that is named after the model.",
            default: "separated", parse: { $1.folder = $0 }),
        Field(
            "filename", .text(placeholder: "template"), .string,
            help:
                "Names of the files below the model's folder, with {track}, {trackext}, {stem}, "
                + "{Stem} (with a capital), {ext} and {model}.", default: "{track}/{stem}.{ext}",
            parse: { value, settings throws(Field.Expected) in
                do throws(RunError) {
                    settings.template = try FileNameTemplate(value)
                } catch {
                    guard case .request(.invalidValue(_, _, let expected)) = error else { return }
                    throw Field.Expected(expected)
                }
            }),
        Field(
            flag: "safe-names",
            help:
                "Replace characters in the names of files that Windows, USB sticks (exFAT) and network "
                + "disks (SMB) refuse, such as ? and :, by _."
        ) { $1.hasSafeNames = $0 },
        Field(
            "stem-file", choices: StemFileFormat.Container.allCases,
            help:
                "Also write a stem file for DJ software, which holds the track and four stems: mp4 "
                + "writes <out>/<model>/<track>.stem.mp4 (Native Instruments' Stems). Needs "
                + "ffmpeg. `gain` is common then, unless it is given.", value: \.stemContainer
        ) { $1.stemContainer = $0 },
        Field(
            "stem-codec", choices: StemFileFormat.Codec.allCases,
            help:
                "Codec of the stem file: alac is lossless, aac has 256 kbit/s for each of the five "
                + "tracks.",
            default: "alac", value: \.stemCodec
        ) { $1.stemCodec = $0 },
        Field(
            flag: "skip-existing",
            help: "Skip tracks that are done already, with this model and these options."
        ) { $1.skipsExisting = $0 },
        Field(flag: "force", help: "Separate all tracks, even with `skip-existing`.") {
            $1.isForced = $0
        },
        Field(
            "failed", .text(placeholder: "file"), .string,
            help: "Write the paths of the tracks that failed to this file, one a line.",
            parse: { $1.failedList = $0 }),
        Field(
            "spool", .text(placeholder: "folder"), .string,
            help: "Folder for temporary files: samples until the peak is known, audio decoded by "
                + "ffmpeg, standard input.",
            default: "beside the stems; for input, the system's folder",
            parse: { $1.spoolFolder = $0 }),
        Field(
            "timeout", .text(placeholder: "seconds"), .number,
            help: "Give up on a track after this time.", default: "never",
            parse: { value, settings throws(Field.Expected) in
                guard let seconds = Double(value), seconds > 0, seconds <= 1e9 else {
                    throw Field.Expected("a number of seconds above 0 and at most 1000000000")
                }
                settings.timeoutSeconds = seconds
            }),
        Field(
            time: "max-duration", help: "Refuse a track, or an excerpt, longer than this time.",
            default: "any length", value: \.maximumSeconds
        ) { $1.maximumSeconds = $0 },
        Field(flag: "dry-run", help: "Print which files would be written, and write nothing.") {
            $1.isDryRun = $0
        },
    ]

    /// The settings that fields make.
    package init(
        fields: [(name: String, value: String)]
    ) throws(RequestError) {
        self.init()
        givenFields = try set(fields)
        if stemCodec != nil, stemContainer == nil { throw .needs("stem-codec", "stem-file") }
        try checkStems(of: request)
    }

    /// Refuses a request of these settings that would write no file.
    ///
    /// - Throws: `RequestError.needs`.
    func checkStems(of request: SeparationRequest) throws(RequestError) {
        if request.hasNoStems, stemContainer == nil {
            throw .needs("stems \(SeparationRequest.noStems)", "stem-file")
        }
    }

    /// The settings of a JSON object. A file name template is below the folder of the run.
    package init(json: String) throws(RunError) {
        do throws(RequestError) {
            try self.init(fields: SeparationRequest.fields(ofJSON: json))
        } catch {
            throw .request(error)
        }
        hasModelFolder = !givenFields.contains("filename")
    }
}
