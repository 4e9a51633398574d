// The option table of `separate`. The first place for every text that help, completions and the manual
// show.

extension Option {
    // MARK: - Model

    static let name = Option(
        "name", short: "n", value: "model",
        completion: .wordsOrFile(["htdemucs", "htdemucs_ft", "htdemucs_6s", "demo"]),
        help: "The model: a file, a published name (htdemucs, htdemucs_ft, htdemucs_6s), a "
            + "signature, hf://[namespace/]name, or demo. What is missing is downloaded. (default: "
            + "htdemucs; where that can't be had, demo with a warning)")
    static let signature = Option(
        "sig", short: "s", value: "signature",
        help: "Refused: it names a training run of the reference, whose solver alone can read it. "
            + "Give the exported checkpoint with --name.")
    static let chosenMember = Option(
        "member", value: "name", help: "Which model, of a file that holds several.")
    static let repo = Option(
        "repo", value: "folder", help: "A folder of models to look into first.")
    static let offline = Option("offline", help: "Never download anything.")
    static let listModels = Option(
        "list-models", help: "List the names that --name takes, or those in --repo, and end.")

    // MARK: - Which stems

    static let writtenStems = Option(
        "stems", value: "list",
        help: "Write these stems only, separated by commas; what only others need does not run. "
            + "(default: all)")
    static let twoStems = Option(
        "two-stems", value: "stem", help: "Write this stem, and what is left without it.")
    static let otherMethod = Option(
        "other-method", value: "method", completion: .words(OtherMethod.allCases.map(\.rawValue)),
        help: "What is left with --two-stems: add sums up the other stems into no_<stem>, minus "
            + "takes the stem off the track into minus_<stem>, none leaves it out. (default: add)")
    static let mix = Option(
        "mix", value: "name=a+b",
        help: "Write a sum of stems under a name besides, as karaoke=drums+bass+other. May be "
            + "repeated. A name in --stems counts as one of its stems.")
    static let residual = Option(
        "residual", help: "Write what the sum of all stems lacks of the track, as 'residual'.")

    // MARK: - Separation

    static let shifts = Option(
        "shifts", value: "n",
        help: "Average over this many random shifts in time; each takes one more pass, 0 is the "
            + "fastest. (default: 1)")
    static let seed = Option(
        "seed", value: "n", help: "Seed of the shifts, to repeat a run. (default: random)")
    static let overlap = Option(
        "overlap", value: "share",
        help: "Share of each segment that overlaps the next one. (default: 0.25)")
    static let segment = Option(
        "segment", value: "seconds",
        help: "Length of a segment, decimals allowed. (default: the model's own, the longest)")
    static let noSplit = Option(
        "no-split", help: "Separate a short track as a whole, without segments.")
    static let start = Option(
        "start", value: "time",
        help: "Begin here, in seconds or as 1:02:03.5. (default: the track's start)")
    static let duration = Option(
        "duration", value: "time",
        help: "Separate this much of the track, as if there were no more. (default: to its end)")
    static let downmix = Option(
        "downmix", value: "method", completion: .words(["first", "average"]),
        help:
            "What becomes of more channels than the model takes: its first ones, or all averaged. "
            + "(default: first)")

    // MARK: - Files

    static let out = Option(
        "out", short: "o", value: "folder",
        help:
            "Where stems go: to a folder in it that is named after the model. (default: separated)")
    static let filename = Option(
        "filename", value: "template",
        help: "Names of the files below the model's folder, with {track}, {trackext}, {stem} and "
            + "{ext}. (default: {track}/{stem}.{ext})")
    static let int24 = Option("int24", help: "Write 24-bit samples. (default: 16 bits)")
    static let float32 = Option("float32", help: "Write 32-bit floating-point samples.")
    static let clipMode = Option(
        "clip-mode", value: "mode", completion: .words(["rescale", "clamp", "none"]),
        help:
            "What happens to stems that are too loud: rescale the stem, clamp its peaks, or none. "
            + "(default: rescale)")
    static let gain = Option(
        "gain", value: "kind", completion: .words(["stem", "common"]),
        help:
            "Whether --clip-mode rescale lowers each stem by itself or all by one common gain, so "
            + "that they still add up to the track. (default: stem)")
    static let flac = Option("flac", help: "Write FLAC files.")
    static let mp3 = Option("mp3", help: "Write MP3 files.")
    static let mp3Bitrate = Option(
        "mp3-bitrate", value: "kbit/s", help: "Bit rate of MP3 files. (default: 320)")
    static let mp3Preset = Option(
        "mp3-preset", value: "n", completion: .words((2...7).map(String.init)),
        help: "Effort of the MP3 encoder, from 2 (best) to 7 (fastest). (default: 2)")
    static let outputRate = Option(
        "output-rate", value: "rate", completion: .words(["model", "input"]),
        help: "Sample rate of the stems: the model's, or the track's own. (default: model)")
    static let stdout = Option(
        "stdout", value: "stem",
        help: "Write this stem of a single track to standard output, as WAV, and no file.")
    static let raw = Option(
        "raw", help: "With --stdout: samples alone, interleaved little-endian float32.")
    static let skipExisting = Option(
        "skip-existing",
        help: "Leave out tracks that are done already, with this model and these options.")
    static let force = Option(
        "force", help: "Do all tracks, whatever --skip-existing says.")
    static let spool = Option(
        "spool", value: "folder",
        help: "Where temporary files go: samples that wait for the loudest one to be known, what "
            + "ffmpeg decodes, standard input. (default: beside the stems; for input, the system's "
            + "folder)")

    // MARK: - Running

    static let device = Option(
        "device", short: "d", value: "device", completion: .words(["cpu"]),
        help: "Where to compute: cpu, the only one there is.")
    static let precision = Option(
        "precision", value: "name", completion: .words(["float32", "bfloat16", "int8", "auto"]),
        help: "float32 gives the reference's samples; bfloat16 is faster on CPUs that multiply it "
            + "and 40 dB near; int8 is smaller and faster still, and 35 dB near; auto takes the "
            + "faster of the first two here. (default: float32; int8 for INT8 weights)")
    static let threads = Option(
        "threads", value: "n", help: "Number of threads. (default: all available cores)")
    static let jobs = Option(
        "jobs", short: "j", value: "n",
        help: "Segments to compute side by side, each on a share of --threads; 0 and 1 take one "
            + "after the other. (default: 0)")
    static let dryRun = Option(
        "dry-run", help: "Tell what would be written, and write nothing.")
    static let jsonLines = Option(
        "json", help: "Write what happens as lines of JSON, a manifest of all files at last.")
    static let quiet = Option("quiet", short: "q", help: "Tell warnings and errors only.")
    static let verbose = Option(
        "verbose", short: "v", help: "Tell what is used, and how long the start took.")
}

extension SeparateCommand {
    static let definition = CommandDefinition(
        name: "separate",
        overview:
            "Separate music into stems: drums, bass, vocals and whatever else the model knows.",
        operand: "track",
        operandHelp: "Sound files (WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3; others, and videos, "
            + "through ffmpeg if it is installed), folders that are searched for such files, "
            + "patterns ('*', '?', '[...]'), or - for standard input.",
        topics: [
            OptionTopic(
                title: "MODEL",
                options: [.name, .chosenMember, .repo, .offline, .listModels, .signature]),
            OptionTopic(
                title: "WHICH STEMS",
                options: [.writtenStems, .twoStems, .otherMethod, .mix, .residual]),
            OptionTopic(
                title: "SEPARATION",
                options: [
                    .shifts, .seed, .overlap, .segment, .noSplit, .start, .duration, .downmix,
                    .precision,
                ]),
            OptionTopic(
                title: "FILES",
                options: [
                    .out, .filename, .int24, .float32, .clipMode, .gain, .flac, .mp3, .mp3Bitrate,
                    .mp3Preset, .outputRate, .stdout, .raw, .skipExisting, .force, .spool,
                ]),
            OptionTopic(
                title: "RUNNING",
                options: [
                    .device, .threads, .jobs, .dryRun, .jsonLines, .quiet, .verbose, .version,
                    .help,
                ]),
        ],
        exclusive: [
            [.signature, .name], [.segment, .noSplit], [.int24, .float32], [.flac, .mp3],
            [.quiet, .verbose], [.writtenStems, .twoStems], [.writtenStems, .stdout],
            [.raw, .int24],
        ]
            // With the sound itself on standard output there are no files to name or to report.
            + [.out, .filename, .flac, .mp3, .skipExisting, .dryRun, .jsonLines].map {
                [.stdout, $0]
            },
        standalone: [.listModels])

    static let command = Command(definition: definition) { arguments, console throws(UsageError) in
        let settings = try Settings(arguments)
        var console = console
        console.isQuiet = settings.isQuiet
        console.isVerbose = settings.isVerbose
        return SeparateCommand(settings: settings, console: console).run()
    }
}
