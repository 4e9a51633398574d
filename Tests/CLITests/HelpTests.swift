import Foundation
import TestSupport
import Testing

/// The texts of `--help` and `--version`.
struct HelpTests {
    private let folder = TemporaryFolder()

    @Test(arguments: [
        ["--help"], ["separate", "--help"], ["track.wav", "-q", "--help"], ["help"],
    ])
    func helpMatchesTheSnapshot(arguments: [String]) throws {
        let run = try folder.run(arguments)
        #expect(run.errors.isEmpty)
        #expect(
            run.output == """
                OVERVIEW: Separate music into stems: drums, bass, vocals and whatever else the
                model has.

                USAGE: swift-demucs [separate] [<options>] <track> ...

                ARGUMENTS:
                  <track> ...             Audio files, folders to search for them, patterns
                                          ('*', '?', '[...]'), or - for standard input; WAV,
                                          AIFF, FLAC, Ogg Vorbis, Opus and MP3, others and
                                          videos through ffmpeg.

                MODEL:
                  -n, --name <model>      The model: a file, a published name (htdemucs,
                                          htdemucs_ft, htdemucs_6s), a signature,
                                          hf://[namespace/]name, or demo. Missing models are
                                          downloaded. (default: htdemucs; if it is unavailable,
                                          demo with a warning)
                  --member <name>         Which model to use from a file that holds several.
                  --config <file>         The YAML file of a model whose checkpoint doesn't have
                                          its configuration. (default: the file of the
                                          checkpoint's name beside it)
                  --repo <folder>         A folder to search for models first.
                  --offline               Never download anything.
                  --list-models           List the names that --name accepts, or those in
                                          --repo, and exit.
                  -s, --sig <signature>   Not supported: only the reference's solver can read
                                          its training runs. Pass the exported checkpoint with
                                          --name.

                WHICH STEMS:
                  --stems <list>          Write only these stems, separated by commas; models
                                          that only other stems need do not run. With
                                          --stem-file, none writes the stem file alone.
                                          (default: all)
                  --two-stems <stem>      Write only this stem and the rest of the track.
                  --other-method <none|add|minus>
                                          How --two-stems makes the rest of the track: add sums
                                          the other stems into no_<stem>, minus subtracts the
                                          stem from the track into minus_<stem>, none writes no
                                          rest. (default: add)
                  --mix <name=a+b>        Also write a sum of stems under a new name, such as
                                          karaoke=drums+bass+other, or the track minus stems,
                                          such as rest=mixture-vocals. Can be repeated. --stems
                                          accepts the name too.
                  --residual              Also write 'residual', the track minus the sum of all
                                          stems.
                  --then <stem=model>     Separate a stem further by another model, such as
                                          drums=drumsep, into drums_kick, drums_snare and so on.
                                          Can be repeated. --stems and --mix accept these names
                                          too.

                SEPARATION:
                  --shifts <n>            Average over this many passes with random shifts in
                                          time: 0 to 100. Each pass takes the time of a
                                          separation: 5 takes five times as long as 1. The demo
                                          model gains 0.11 dB of SDR with 2 and 0.18 dB with 5.
                                          0 is one pass without a shift, as fast as 1 and the
                                          same each time. (default: 1)
                  --seed <n>              Seed of the shifts, a whole number, to repeat a run.
                                          (default: random)
                  --overlap <fraction>    Fraction of each segment that overlaps the next one: 0
                                          to less than 1. The time grows as 1 / (1 - overlap):
                                          0.1 takes a sixth less time than 0.25, 0.5 half as
                                          much again. (default: 0.25; what its configuration
                                          says for a RoFormer)
                  --segment <seconds>     Length of a segment in seconds, decimals allowed.
                                          (default: the model's own, the longest possible one of
                                          HTDemucs)
                  --no-split              Separate a short track as a whole, without segments.
                  --transition-power <power>
                                          Power of the triangular weights of overlapping
                                          segments, at least 1. (default: 1)
                  --start <time>          Start here, in seconds or as 1:02:03.5. (default: the
                                          track's start)
                  --duration <time>       Separate a part of this length, as if the track ended
                                          there. (default: to its end)
                  --downmix <first|average|layout>
                                          How to reduce more channels than the model takes:
                                          first keeps the first ones, average averages all,
                                          layout mixes all by their loudspeakers (ITU-R BS.775).
                                          (default: first)
                  --precision <float32|bfloat16|int8|auto>
                                          Numbers to compute with: float32 matches the
                                          reference; bfloat16 is faster on CPUs that support it,
                                          with an SNR of 42 dB against float32; int8 is smaller
                                          and faster still, with 39 dB; auto picks the faster of
                                          float32 and bfloat16. The SDR of the demo model's
                                          stems changes by 0.01 dB at most. (default: float32;
                                          int8 for INT8 weights)

                FILES:
                  -o, --out <folder>      The output folder; stems go to a folder in it that is
                                          named after the model. (default: separated)
                  --filename <template>   Names of the files below the model's folder, with
                                          {track}, {trackext}, {stem}, {ext} and {model}.
                                          (default: {track}/{stem}.{ext})
                  --safe-names            Replace characters in the names of files that Windows,
                                          USB sticks (exFAT) and network disks (SMB) refuse,
                                          such as ? and :, by _.
                  --int24                 Write 24-bit samples. (default: 16 bits)
                  --float32               Write 32-bit floating-point samples.
                  --clip-mode <rescale|clamp|tanh|none|off>
                                          How to avoid clipping: rescale the stem, clamp its
                                          peaks, bend them by tanh, or none, which limits
                                          samples to ±1. off keeps samples beyond ±1, with
                                          --float32. (default: rescale)
                  --gain <stem|common>    Whether --clip-mode rescale scales each stem by its
                                          own gain, or all by a common one, so that they still
                                          add up to the track. (default: stem)
                  --flac                  Write FLAC files.
                  --mp3                   Write MP3 files.
                  --mp3-bitrate <kbit/s>  Bit rate of MP3 files, 8 to 320. (default: 320)
                  --mp3-preset <2|3|4|5|6|7>
                                          Preset of the MP3 encoder, from 2 (best) to 7
                                          (fastest). (default: 2)
                  --stem-file <mp4|mka>   Also write a stem file for DJ software, which holds
                                          the track and four stems: mp4 writes
                                          <out>/<model>/<track>.stem.mp4 (Native Instruments'
                                          Stems), mka Matroska. Needs ffmpeg. --gain is common
                                          then, unless it is given.
                  --stem-codec <alac|aac|flac>
                                          Codec of the stem file: alac and flac are lossless,
                                          aac has 256 kbit/s for each of the five tracks. mp4
                                          holds alac and aac, mka flac and alac. (default: alac,
                                          for mka flac)
                  --output-rate <model|input>
                                          Sample rate of the stems: the model's, or the track's
                                          own. (default: model)
                  --no-tags               Leave out the track's title, artist and other tags.
                  --analyze               Also find the tempo and the key, for the record and
                                          the result of the track.
                  --stdout <stem>         Write this stem of a single track to standard output,
                                          as WAV, and no file.
                  --raw                   Write samples without a header (with --stdout):
                                          interleaved little-endian float32.
                  --skip-existing         Skip tracks that are done already, with this model and
                                          these options.
                  --force                 Separate all tracks, even with --skip-existing.
                  --spool <folder>        Folder for temporary files: samples until the peak is
                                          known, audio decoded by ffmpeg, standard input.
                                          (default: beside the stems; for input, the system's
                                          folder)

                MANY TRACKS:
                  --manifest <file>       Separate the tracks that a file lists, as JSON lines
                                          with id, path and options of their own, or - for
                                          standard input. The id names the stems:
                                          <out>/<model>/<id>/<stem>.wav.
                  --shard <i/n>           Separate part i of n of the manifest, counted from 0;
                                          a hash of the id decides.
                  --follow                Separate each track of the manifest as soon as its
                                          line arrives, until its end; for programs that keep a
                                          model loaded. Lines are not checked before.
                  --timeout <seconds>     Give up on a track after this time. (default: never)
                  --max-duration <time>   Refuse a track, or an excerpt, longer than this time.
                                          (default: any length)
                  --quarantine-after <n>  Don't try a track of the manifest again that has
                                          failed n times. (default: try again)
                  --failed <file>         Write the paths of the tracks that failed to this
                                          file, one a line.

                RUNNING:
                  -d, --device <cpu>      Ignored: everything runs on the CPU.
                  --threads <n>           Number of threads, 1 to 1024. Results do not depend on
                                          it. (default: all available cores)
                  -j, --jobs <n>          Segments to compute in parallel, 0 to 1024, each on
                                          its share of --threads; 0 and 1 compute one at a time.
                                          (default: 0)
                  --all-formats           Decode every format that libsndfile knows, such as W64
                                          or ADPCM, without ffmpeg; for files that you trust.
                  --dry-run               Print which files would be written, and write nothing.
                  --json                  Write events as lines of JSON; the last one is a
                                          manifest of all files.
                  -q, --quiet             Print warnings and errors only.
                  -v, --verbose           Print which model and kernels run, and the startup
                                          time.
                  --version               Show the version, the instruction set, and the kernels
                                          or BLAS core in use.
                  -h, --help              Show this help; -h shows a shorter one.

                COMMANDS:
                  serve                   Run a service with a web page, by default for this
                                          machine alone.
                  models                  List the published models and where they are; fetch
                                          and verify models.
                  live                    Play a mix of the stems while the music arrives, a
                                          constant delay later.
                  analyze                 Print the tempo, the beats and the key of tracks,
                                          found in their separated stems.
                  eval                    Score separated stems against the true ones: SDR as in
                                          the MDX challenges, and SI-SDR.
                  selftest                Compare the results of every set of kernels that this
                                          machine can run with PyTorch's.
                  inspect                 Show a checkpoint's format, configuration, tensors and
                                          checksum.
                  convert                 Write a checkpoint in the official safetensors layout.
                  quantize                Write a model with INT8 weights: a quarter of the size
                                          of float32 weights, half that of the published files.
                  bench                   Measure speed, memory and accuracy of a model on this
                                          machine.
                  tensors                 Take a track through the network in chunks of raw
                                          tensors, here or in another runtime.
                  trace                   Write the values inside the network for one chunk,
                                          with the reference's names and order of axes.
                  compare                 Compare tensors or stems one by one, in the order of
                                          computation, and name the wrong ones.
                  help                    Show the help of a command.
                  completions             Print completions of all commands and options for a
                                          shell.
                  manual                  Print the manual as a man page, for 'man -l -'.

                EXAMPLES:
                  swift-demucs song.mp3
                      Stems go to separated/htdemucs/song/.
                  swift-demucs --two-stems vocals --flac 'album/*.mp3'
                      The vocals and the rest of each track, as FLAC files.
                  swift-demucs --mix karaoke=drums+bass+other --stems karaoke song.mp3
                      One file: the song without its vocals.
                  swift-demucs --stem-file mp4 --stems none song.mp3
                      One file for DJ software: separated/htdemucs/song.stem.mp4.
                  swift-demucs --skip-existing -o stems ~/Music
                      A whole collection; the same command resumes after an interruption.
                  ffmpeg -i film.mkv -f wav - | swift-demucs --stdout vocals - | aplay
                      In a pipeline.

                ENVIRONMENT:
                  SWIFT_DEMUCS_MODELS     Folders of models, separated by colons.
                  HF_HUB_CACHE, HF_HOME, TORCH_HOME, XDG_CACHE_HOME
                                          Caches of other programs that are searched for models,
                                          and where downloads go.
                  HF_ENDPOINT             The hub to download from instead of huggingface.co.
                  HF_HUB_OFFLINE          Set to 1 to never download anything.
                  TMPDIR                  Folder for standard input and audio decoded by ffmpeg.
                  SWIFT_DEMUCS_ISA        The instruction set to compute with, instead of the
                                          best that the CPU has: plain, avx2, avxvnni, avx512,
                                          avx512vnni, avx512bf16, avx512amx, neon, neondot,
                                          neonbf16.

                """)
    }

    /// The short help has the first clause of each text of the full one, in the same layout.
    @Test(arguments: [["-h"], ["separate", "-h"], ["track.wav", "-qh"]])
    func shortHelpHasTheFirstClauses(arguments: [String]) throws {
        let run = try folder.run(arguments)
        #expect(run.errors.isEmpty)
        #expect(run.outputLines.allSatisfy { $0.count <= 80 })
        func unwrapped(_ help: String) -> String {
            help.replacing("\n" + String(repeating: " ", count: 26), with: " ")
        }
        let full = try unwrapped(folder.run("--help").output)
        let entries = try #require(full.split(separator: "EXAMPLES:").first)
            .replacing(/(?m)(^  .*?[^.])[.:;] .*$/) { $0.1 + "." }
        #expect(
            unwrapped(run.output) == entries + """
                'swift-demucs --help' shows all details, with examples.

                """)
    }

    @Test(arguments: [["models", "--help"], ["help", "models"]])
    func helpOfModelsMatchesTheSnapshot(arguments: [String]) throws {
        let run = try folder.run(arguments)
        #expect(
            run.output == """
                OVERVIEW: List the published models and where they are; fetch and verify models.

                USAGE: swift-demucs models [<options>] [<action> ...]

                ARGUMENTS:
                  [<action> ...]          Without an action, lists the published models. 'fetch
                                          <name> ...' downloads models. 'path <name>' prints a
                                          model's files. 'verify' compares the files of all
                                          installed models with their checksums.

                OPTIONS:
                  --json                  Write JSON instead of text.
                  --repo <folder>         A folder to search for models first.
                  --offline               Never download anything.
                  -q, --quiet             Print warnings and errors only.
                  --version               Show the version, the instruction set, and the kernels
                                          or BLAS core in use.
                  -h, --help              Show this help; -h shows a shorter one.

                EXAMPLES:
                  swift-demucs models fetch htdemucs
                      Downloads the default model, 84 MB.
                  swift-demucs models path htdemucs
                      Prints the path of its file.

                ENVIRONMENT:
                  SWIFT_DEMUCS_MODELS     Folders of models, separated by colons.
                  HF_HUB_CACHE, HF_HOME, TORCH_HOME, XDG_CACHE_HOME
                                          Caches of other programs that are searched for models,
                                          and where downloads go.
                  HF_ENDPOINT             The hub to download from instead of huggingface.co.
                  HF_HUB_OFFLINE          Set to 1 to never download anything.

                """)
    }

    @Test func helpOfTensorsListsTheActionsAndEachHasItsOwn() throws {
        let all = try folder.run("tensors", "--help")
        for name in ["prepare", "run", "stems", "calibrate"] {
            #expect(all.output.contains("\n  \(name) <"))
            let own = try folder.run("tensors", name, "--help")
            #expect(own.output.contains("\nUSAGE: swift-demucs tensors \(name) "))
            #expect(own.output == (try folder.run("help", "tensors", name)).output)
        }
        // Only some actions write files of their own.
        #expect(!all.output.contains("--out"))
        #expect(!(try folder.run("tensors", "run", "--help")).output.contains("--out"))
    }

    /// A mistyped command must not start a download.
    @Test func missingTracksAreReportedBeforeAModelIsLookedFor() throws {
        let run = try folder.run("-n", "nothing", "evla", "none.wav", exits: 1)
        #expect(
            run.errorLines == [
                "error: evla: there is no such file. Check the path.",
                "error: none.wav: there is no such file. Check the path.",
                "error: 'evla' is not a command either. Did you mean 'eval'?",
            ])
        let events = try folder.run("-n", "nothing", "none.wav", "--json", exits: 1)
        #expect(events.outputLines.count == 3)
    }

    @Test func versionNamesTheInstructionSetAndTheKernels() throws {
        let run = try folder.run("--version")
        try #require(run.outputLines.count == 3)
        #expect(run.outputLines[0].hasPrefix("swift-demucs "))
        #expect(run.outputLines[1].hasPrefix("instruction set: "))
        #expect(run.outputLines[2].hasPrefix("matrix products: "))
    }
}
