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
        help: "Separate the tracks that a file lists, as JSON lines or CSV with id, path and "
            + "options of their own, or - for standard input. The id names the stems: "
            + "<out>/<model>/<id>/<stem>.wav.")
    static let shard = Option(
        "shard", value: "i/n",
        help: "Separate part i of n of the manifest, counted from 0; a hash of the id decides.")
    static let follow = Option(
        "follow",
        help: "Separate each track of the manifest as soon as its line arrives, until its end; for "
            + "programs that keep a model loaded. Lines are not checked before.")
    static let maxDuration = Option(
        "max-duration", value: "time",
        help: "Refuse a track, or an excerpt, longer than this time. (default: any length)")
    static let timeout = Option(
        "timeout", value: "seconds", help: "Give up on a track after this time. (default: never)")
    static let quarantineAfter = Option(
        "quarantine-after", value: "n",
        help: "Don't try a track of the manifest again that has failed n times. (default: try "
            + "again)")

    // MARK: - Which stems

    static let writtenStems = Option(
        "stems", value: "list",
        help: "Write only these stems, separated by commas; models that only other stems need do "
            + "not run. With --stem-file, none writes the stem file alone. (default: all)")
    static let twoStems = Option(
        "two-stems", value: "stem", help: "Write only this stem and the rest of the track.")
    static let otherMethod = Option(
        "other-method", values: OtherMethod.allCases.map(\.rawValue),
        help:
            "How --two-stems makes the rest of the track: add sums the other stems into no_<stem>, minus "
            + "subtracts the stem from the track into minus_<stem>, none writes no rest. (default: "
            + "add)")
    static let mix = Option(
        "mix", value: "name=a+b",
        help: "Also write a sum of stems under a new name, such as karaoke=drums+bass+other. Can "
            + "be repeated. --stems accepts the name too.")
    static let residual = Option(
        "residual", help: "Also write 'residual', the track minus the sum of all stems.")

    // MARK: - Separation

    static let shifts = Option(
        "shifts", value: "n",
        help: "Average over this many passes with random shifts in time: 0 to 100. Each pass takes "
            + "the time of a separation: 5 takes five times as long as 1. The demo model gains 0.09 "
            + "dB of SDR with 2 and 0.14 dB with 5. 0 is one pass without a shift, as fast as 1 "
            + "and the same each time. (default: 1)")
    static let seed = Option(
        "seed", value: "n",
        help: "Seed of the shifts, a whole number, to repeat a run. (default: random)")
    static let overlap = Option(
        "overlap", value: "fraction",
        help: "Fraction of each segment that overlaps the next one: 0 to less than 1. The time "
            + "grows as 1 / (1 - overlap): 0.1 takes a sixth less time than 0.25, 0.5 half as much "
            + "again. (default: 0.25)")
    static let segment = Option(
        "segment", value: "seconds",
        help: "Length of a segment, decimals allowed. (default: the model's own, the longest "
            + "possible one of HTDemucs)")
    static let noSplit = Option(
        "no-split", help: "Separate a short track as a whole, without segments.")
    static let start = Option(
        "start", value: "time",
        help: "Start here, in seconds or as 1:02:03.5. (default: the track's start)")
    static let duration = Option(
        "duration", value: "time",
        help: "Separate a part of this length, as if the track ended there. (default: to its end)")
    static let downmix = Option(
        "downmix", values: ["first", "average"],
        help: "How to reduce more channels than the model takes: first keeps the first ones, "
            + "average averages all. (default: first)")

    // MARK: - Files

    static let out = Option(
        "out", short: "o", value: "folder",
        help: "The output folder; stems go to a folder in it that is named after the model. "
            + "(default: separated)")
    static let filename = Option(
        "filename", value: "template",
        help: "Names of the files below the model's folder, with {track}, {trackext}, {stem} and "
            + "{ext}. (default: {track}/{stem}.{ext})")
    static let int24 = Option("int24", help: "Write 24-bit samples. (default: 16 bits)")
    static let float32 = Option("float32", help: "Write 32-bit floating-point samples.")
    static let clipMode = Option(
        "clip-mode", values: ["rescale", "clamp", "none"],
        help: "How to avoid clipping: rescale the stem, clamp its peaks, or none. (default: "
            + "rescale)")
    static let gain = Option(
        "gain", values: ["stem", "common"],
        help: "Whether --clip-mode rescale scales each stem by its own gain, or all by a common "
            + "one, so that they still add up to the track. (default: stem)")
    static let flac = Option("flac", help: "Write FLAC files.")
    static let mp3 = Option("mp3", help: "Write MP3 files.")
    static let mp3Bitrate = Option(
        "mp3-bitrate", value: "kbit/s",
        help: "Bit rate of MP3 files, \(MP3Settings.supportedBitRates.lowerBound) to "
            + "\(MP3Settings.supportedBitRates.upperBound). (default: 320)")
    static let mp3Preset = Option(
        "mp3-preset", values: (2...7).map(String.init),
        help: "Preset of the MP3 encoder, from 2 (best) to 7 (fastest). (default: 2)")
    static let stemFile = Option(
        "stem-file", values: StemFileFormat.Container.allCases.map(\.rawValue),
        help: "Also write a stem file for DJ software, which holds the track and four stems: mp4 "
            + "writes <out>/<model>/<track>.stem.mp4 (Native Instruments' Stems), mka Matroska. "
            + "Needs ffmpeg. --gain is common then, unless it is given.")
    static let stemCodec = Option(
        "stem-codec", values: StemFileFormat.Codec.allCases.map(\.rawValue),
        help: "Codec of the stem file: alac and flac are lossless, aac has 256 kbit/s for each of "
            + "the five tracks. mp4 holds alac and aac, mka flac and alac. (default: alac, for mka "
            + "flac)")
    static let outputRate = Option(
        "output-rate", values: ["model", "input"],
        help: "Sample rate of the stems: the model's, or the track's own. (default: model)")
    static let stdout = Option(
        "stdout", value: "stem",
        help: "Write this stem of a single track to standard output, as WAV, and no file.")
    static let raw = Option(
        "raw",
        help: "Write samples without a header (with --stdout): interleaved little-endian float32.")
    static let skipExisting = Option(
        "skip-existing",
        help: "Skip tracks that are done already, with this model and these options.")
    static let force = Option(
        "force", help: "Separate all tracks, even with --skip-existing.")
    static let spool = Option(
        "spool", value: "folder",
        help: "Folder for temporary files: samples until the peak is known, audio decoded by "
            + "ffmpeg, standard input. (default: beside the stems; for input, the system's folder)")

    // MARK: - Running

    static let device = Option(
        "device", short: "d", values: ["cpu"],
        help: "Where to compute; only cpu is supported.")
    static let jobs = Option(
        "jobs", short: "j", value: "n",
        help: "Segments to compute in parallel, 0 to 1024, each on its share of --threads; 0 and 1 "
            + "compute one at a time. (default: 0)")
    static let dryRun = Option(
        "dry-run", help: "Print which files would be written, and write nothing.")
    static let jsonLines = Option(
        "json", help: "Write events as lines of JSON; the last one is a manifest of all files.")
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
            "MODEL": [.name, .member, .repo, .offline, .listModels, .signature],
            "WHICH STEMS": [.writtenStems, .twoStems, .otherMethod, .mix, .residual],
            "SEPARATION": [
                .shifts, .seed, .overlap, .segment, .noSplit, .start, .duration, .downmix,
                .precision,
            ],
            "FILES": [
                .out, .filename, .int24, .float32, .clipMode, .gain, .flac, .mp3, .mp3Bitrate,
                .mp3Preset, .stemFile, .stemCodec, .outputRate, .stdout, .raw, .skipExisting,
                .force, .spool,
            ],
            "MANY TRACKS": [
                .manifest, .shard, .follow, .timeout, .maxDuration, .quarantineAfter,
            ],
            "RUNNING": [
                .device, .threads, .jobs, .dryRun, .jsonLines, .quiet, .verbose, .version, .help,
            ],
        ],
        exclusive: [
            [.signature, .name], [.segment, .noSplit], [.int24, .float32], [.flac, .mp3],
            [.quiet, .verbose], [.writtenStems, .twoStems], [.writtenStems, .stdout],
            [.raw, .int24],
        ]
            // With audio on standard output there are no files to name or to report.
            + [
                .out, .filename, .flac, .mp3, .stemFile, .skipExisting, .dryRun, .jsonLines,
                .manifest,
            ].map {
                [.stdout, $0]
            },
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
        SeparateCommand(settings: try Settings(arguments), console: console).run()
    }
}
