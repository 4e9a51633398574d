// The options of `separate`.

import Demucs

extension Option {
    // MARK: - Model

    static let signature = Option(
        "sig", short: "s", value: "signature",
        help: "Not supported: only the reference's solver can read its training runs. Pass the "
            + "exported checkpoint with --name.")
    static let listModels = Option(
        "list-models", help: "List the names that --name accepts, or those in --repo, and exit.")

    // MARK: - Many tracks

    static let manifest = Option(
        "manifest", value: "file",
        help: "Separate the tracks that a file lists, as JSON lines with id, path and options of "
            + "their own, or - for standard input. The id names the stems: "
            + "<out>/<model>/<id>/<stem>.wav.")
    static let shard = Option(
        "shard", value: "i/n",
        help: "Separate part i of n of the manifest, counted from 0; a hash of the id decides.")
    static let follow = Option(
        "follow",
        help: "Separate each track of the manifest as soon as its line arrives, until its end; for "
            + "programs that keep a model loaded. Lines are not checked before.")
    static let quarantineAfter = Option(
        "quarantine-after", value: "n",
        help: "Don't try a track of the manifest again that has failed n times. (default: try "
            + "again)")

    static let allFormats = Option(
        "all-formats",
        help:
            "Decode every format that libsndfile knows, such as ADPCM in WAV, without ffmpeg; for files "
            + "that you trust.")

    // MARK: - Which stems

    static let writtenStems = Option(
        field: "stems",
        more: "With --stem-file, none writes the stem file alone.")
    static let mix = Option(field: "mix")

    // MARK: - Files

    static let out = Option(field: "out", short: "o")
    static let filename = Option(field: "filename")
    static let stemFile = Option(field: "stem-file")
    static let stdout = Option(
        "stdout", value: "stem",
        help: "Write this stem of a single track to standard output, as WAV, and no file.")
    static let raw = Option(
        "raw",
        help: "Write samples without a header (with --stdout): interleaved little-endian float32.")
    static let skipExisting = Option(field: "skip-existing")

    // MARK: - Running

    static let device = Option(
        "device", short: "d", values: ["cpu"],
        help: "Ignored: everything runs on the CPU.")
    static let jobs = Option(
        "jobs", short: "j", value: "n",
        help: "Segments to compute in parallel, 0 to 1024, each on its share of --threads; 0 and 1 "
            + "compute one at a time. (default: 0)")
    static let dryRun = Option(field: "dry-run")
    static let jsonLines = Option(
        "json", help: "Write events as lines of JSON; the last one is a manifest of all files.")
    static let progress = Option(
        "progress", value: "bar|tqdm",
        help: "A bar, or demucs' lines and bars for programs that read them. (default: that of "
            + "SWIFT_DEMUCS_PROGRESS, and tqdm if the program is called demucs, else bar)")
    static let verbose = Option(
        "verbose", short: "v", help: "Print which model and kernels run, and the startup time.")
}

extension SeparateCommand {
    static let command = Command(
        name: "separate",
        overview:
            "Separate music into stems: drums, bass, vocals and whatever else the model has.",
        operand: "track ...",
        operandHelp: "Audio files, folders to search for them, patterns ('*', '?', '[...]'), or - "
            + "for standard input; WAV, AIFF, FLAC, Ogg Vorbis, Opus and MP3, others and videos "
            + "through ffmpeg.",
        topics: [
            "MODEL": [.name, .member, .config, .repo, .offline, .listModels, .signature],
            "WHICH STEMS": [.writtenStems, "two-stems", "other-method", .mix, "residual", "then"],
            "SEPARATION": [
                "shifts", "seed", "overlap", "segment", "no-split", "transition-power", "start",
                "duration", "downmix", .precision,
            ],
            "FILES": [
                .out, .filename, "safe-names", "int24", "float32", "clip-mode", "gain",
            ] + Option.formatFlags + [
                "mp3-bitrate", "mp3-preset", .stemFile, "stem-codec", "output-rate", "no-tags",
                "analyze", .stdout, .raw, .skipExisting, "force", "spool",
            ],
            "MANY TRACKS": [
                .manifest, .shard, .follow, "timeout", "max-duration", .quarantineAfter, "failed",
            ],
            "RUNNING": [
                .device, .threads, .jobs, .allFormats, .dryRun, .jsonLines, .progress, .quiet,
                .verbose,
                .version, .help,
            ],
        ],
        exclusive: [
            [.signature, .name], [.quiet, .verbose], [.writtenStems, .stdout], [.raw, "int24"],
            [.progress, .jsonLines], [.progress, .stdout],
        ]
            + SeparationRequest.exclusive.map { $0.map { Option(field: $0) } }
            // With audio on standard output there are no files to name or to report.
            + ([
                .out, .filename, .stemFile, .skipExisting, .dryRun, .jsonLines, .manifest,
            ] + Option.formatFlags).map { [.stdout, $0] },
        standalone: [.listModels, .manifest],
        examples: [
            "swift-demucs song.mp3": "Stems go to separated/htdemucs/song/.",
            "swift-demucs --two-stems vocals --flac 'album/*.mp3'":
                "The vocals and the rest of each track, as FLAC files.",
            "swift-demucs --mix karaoke=drums+bass+other --stems karaoke song.mp3":
                "One file: the song without its vocals.",
            "swift-demucs --stem-file mp4 --stems none song.mp3":
                "One file for DJ software: separated/htdemucs/song.stem.mp4.",
            "swift-demucs --skip-existing -o stems ~/Music":
                "A whole collection; the same command resumes after an interruption.",
            "ffmpeg -i film.mkv -f wav - | swift-demucs --stdout vocals - | aplay":
                "In a pipeline.",
        ]
    ) { arguments, console throws(UsageError) in
        try SeparateCommand(arguments, console: console).run()
    }
}
