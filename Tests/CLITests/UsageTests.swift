import Foundation
import Testing

/// Help, version, and calls that make no sense.
struct UsageTests {
    private func run(_ arguments: String...) throws -> CommandRun {
        let folder = try TemporaryFolder()
        try folder.writeTrack("track.wav")
        return try CommandRun(arguments, in: folder.url)
    }

    @Test(arguments: [["--help"], ["-h"], ["separate", "--help"], ["track.wav", "-qh"]])
    func helpIsThis(arguments: [String]) throws {
        let folder = try TemporaryFolder()
        let run = try CommandRun(arguments, in: folder.url)
        #expect(run.exitCode == 0)
        #expect(run.errors.isEmpty)
        #expect(
            run.output == """
                OVERVIEW: Separate music into stems: drums, bass, vocals and whatever else the
                model knows.

                USAGE: swift-demucs [separate] [<options>] <track> ...

                ARGUMENTS:
                  <track> ...             Sound files (WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3;
                                          others, and videos, through ffmpeg if it is
                                          installed), folders that are searched for such files,
                                          patterns ('*', '?', '[...]'), or - for standard input.

                MODEL:
                  -n, --name <model>      The model: a file, a published name (htdemucs,
                                          htdemucs_ft, htdemucs_6s), a signature,
                                          hf://[namespace/]name, or demo. What is missing is
                                          downloaded. (default: htdemucs; where that can't be
                                          had, demo with a warning)
                  --member <name>         Which model, of a file that holds several.
                  --repo <folder>         A folder of models to look into first.
                  --offline               Never download anything.
                  --list-models           List the names that --name takes, or those in --repo,
                                          and end.
                  -s, --sig <signature>   Refused: it names a training run of the reference,
                                          whose solver alone can read it. Give the exported
                                          checkpoint with --name.

                WHICH STEMS:
                  --stems <list>          Write these stems only, separated by commas; what only
                                          others need does not run. (default: all)
                  --two-stems <stem>      Write this stem, and what is left without it.
                  --other-method <method>
                                          What is left with --two-stems: add sums up the other
                                          stems into no_<stem>, minus takes the stem off the
                                          track into minus_<stem>, none leaves it out. (default:
                                          add)
                  --mix <name=a+b>        Write a sum of stems under a name besides, as
                                          karaoke=drums+bass+other. May be repeated. A name in
                                          --stems counts as one of its stems.
                  --residual              Write what the sum of all stems lacks of the track, as
                                          'residual'.

                SEPARATION:
                  --shifts <n>            Average over this many random shifts in time; each
                                          takes one more pass, 0 is the fastest. (default: 1)
                  --seed <n>              Seed of the shifts, to repeat a run. (default: random)
                  --overlap <share>       Share of each segment that overlaps the next one.
                                          (default: 0.25)
                  --segment <seconds>     Length of a segment, decimals allowed. (default: the
                                          model's own, the longest)
                  --no-split              Separate a short track as a whole, without segments.
                  --start <time>          Begin here, in seconds or as 1:02:03.5. (default: the
                                          track's start)
                  --duration <time>       Separate this much of the track, as if there were no
                                          more. (default: to its end)
                  --downmix <method>      What becomes of more channels than the model takes:
                                          its first ones, or all averaged. (default: first)
                  --precision <name>      float32 gives the reference's samples; bfloat16 is
                                          faster on CPUs that multiply it and 40 dB near; int8
                                          is smaller and faster still, and 35 dB near; auto
                                          takes the faster of the first two here. (default:
                                          float32; int8 for INT8 weights)

                FILES:
                  -o, --out <folder>      Where stems go: to a folder in it that is named after
                                          the model. (default: separated)
                  --filename <template>   Names of the files below the model's folder, with
                                          {track}, {trackext}, {stem} and {ext}. (default:
                                          {track}/{stem}.{ext})
                  --int24                 Write 24-bit samples. (default: 16 bits)
                  --float32               Write 32-bit floating-point samples.
                  --clip-mode <mode>      What happens to stems that are too loud: rescale the
                                          stem, clamp its peaks, or none. (default: rescale)
                  --gain <kind>           Whether --clip-mode rescale lowers each stem by itself
                                          or all by one common gain, so that they still add up
                                          to the track. (default: stem)
                  --flac                  Write FLAC files.
                  --mp3                   Write MP3 files.
                  --mp3-bitrate <kbit/s>  Bit rate of MP3 files. (default: 320)
                  --mp3-preset <n>        Effort of the MP3 encoder, from 2 (best) to 7
                                          (fastest). (default: 2)
                  --output-rate <rate>    Sample rate of the stems: the model's, or the track's
                                          own. (default: model)
                  --stdout <stem>         Write this stem of a single track to standard output,
                                          as WAV, and no file.
                  --raw                   With --stdout: samples alone, interleaved
                                          little-endian float32.
                  --skip-existing         Leave out tracks that are done already, with this
                                          model and these options.
                  --force                 Do all tracks, whatever --skip-existing says.
                  --spool <folder>        Where temporary files go: samples that wait for the
                                          loudest one to be known, what ffmpeg decodes, standard
                                          input. (default: beside the stems; for input, the
                                          system's folder)

                RUNNING:
                  -d, --device <device>   Where to compute: cpu, the only one there is.
                  --threads <n>           Number of threads. (default: all available cores)
                  -j, --jobs <n>          Segments to compute side by side, each on a share of
                                          --threads; 0 and 1 take one after the other. (default:
                                          0)
                  --dry-run               Tell what would be written, and write nothing.
                  --json                  Write what happens as lines of JSON, a manifest of all
                                          files at last.
                  -q, --quiet             Tell warnings and errors only.
                  -v, --verbose           Tell what is used, and how long the start took.
                  --version               Show the version, the instruction set, and the kernels
                                          or the BLAS core in use.
                  -h, --help              Show this help.

                COMMANDS:
                  models                  List the published models and where they are; fetch,
                                          find and verify them.
                  eval                    Score separated stems against the true ones: SDR as in
                                          the MDX challenges, SI-SDR and BSSEval v4.
                  selftest                Compare what this machine computes with PyTorch's
                                          results, for every set of kernels that it can run.
                  inspect                 Show a checkpoint's format, configuration, tensors and
                                          checksum.
                  convert                 Write a checkpoint in the official safetensors layout.
                  quantize                Write a model with INT8 weights, a quarter of the
                                          size.
                  bench                   Measure how fast a model runs here, and what that
                                          costs in memory and accuracy.
                  tensors                 Take a track through the network in chunks of raw
                                          tensors, here or in another runtime.
                  trace                   Write the values inside the network for one chunk,
                                          under the reference's names and in its order of axes.
                  compare                 Compare tensors or stems one by one, in the order of
                                          computation, and name the first that is off.
                  completions             Print completions of all commands and options for a
                                          shell.
                  manual                  Print the manual as a man page, for 'man -l -'.

                """)
    }

    @Test func helpOfModelsIsThis() throws {
        let run = try run("models", "--help")
        #expect(run.exitCode == 0)
        #expect(
            run.output == """
                OVERVIEW: List the published models and where they are; fetch, find and verify
                them.

                USAGE: swift-demucs models [<options>] [<action> ...]

                ARGUMENTS:
                  [<action> ...]          Nothing to list the published models. 'fetch <name>
                                          ...' downloads models. 'path <name>' prints a model's
                                          files. 'verify' compares the files of all models with
                                          their checksums.

                OPTIONS:
                  --json                  Write JSON instead of text.
                  --repo <folder>         A folder of models to look into first.
                  --offline               Never download anything.
                  -q, --quiet             Tell warnings and errors only.
                  --version               Show the version, the instruction set, and the kernels
                                          or the BLAS core in use.
                  -h, --help              Show this help.

                """)
    }

    @Test func versionTellsTheInstructionSetAndWhatMultiplies() throws {
        let run = try run("--version")
        #expect(run.exitCode == 0)
        try #require(run.outputLines.count == 3)
        #expect(run.outputLines[0].hasPrefix("swift-demucs "))
        #expect(run.outputLines[1].hasPrefix("instruction set: "))
        #expect(run.outputLines[2].hasPrefix("matrix products: "))
    }

    static let mistakes: [([String], String)] = [
        ([], "Missing expected argument '<track> ...'; see 'swift-demucs --help'"),
        (["--shift", "2"], "Unknown option '--shift'. Did you mean '--shifts'?"),
        (["--clipmode=none"], "Unknown option '--clipmode'. Did you mean '--clip-mode'?"),
        (["-shifts", "2"], "Unknown option '-shifts'. Did you mean '--shifts'?"),
        (["--frobnicate"], "Unknown option '--frobnicate'."),
        (["-z"], "Unknown option '-z'."),
        (["track.wav", "--out"], "Missing value for '--out <folder>'"),
        (["--out", "--shifts", "2"], "Missing value for '--out <folder>'"),
        (["--float32=yes"], "The option '--float32' takes no value, but 'yes' was given"),
        (
            ["track.wav", "--shifts", "two"],
            "The value 'two' is invalid for '--shifts <n>': expected a whole number"
        ),
        (
            ["track.wav", "--shifts", "-1"],
            "The value '-1' is invalid for '--shifts <n>': expected a number from 0 to 100"
        ),
        (
            ["track.wav", "--seed=-1"],
            """
            The value '-1' is invalid for '--seed <n>': expected a whole number from 0 to \
            18446744073709551615
            """
        ),
        (
            ["track.wav", "--overlap=1.0"],
            """
            The value '1.0' is invalid for '--overlap <share>': expected a number from 0 to \
            less than 1
            """
        ),
        (
            ["track.wav", "--overlap=nan"],
            """
            The value 'nan' is invalid for '--overlap <share>': expected a number from 0 to \
            less than 1
            """
        ),
        (
            ["track.wav", "--segment", "0"],
            """
            The value '0' is invalid for '--segment <seconds>': expected a positive number of \
            seconds
            """
        ),
        (
            ["track.wav", "-n", "cross_first", "--segment", "1"],
            """
            The value '1' is invalid for '--segment <seconds>': expected at least one sample and \
            at most the 0.25 seconds that the model was trained on
            """
        ),
        (
            ["track.wav", "--threads", "0"],
            "The value '0' is invalid for '--threads <n>': expected a whole number from 1 to 1024"
        ),
        (
            ["track.wav", "--clip-mode", "tanh"],
            """
            The value 'tanh' is invalid for '--clip-mode <mode>': expected one of rescale, \
            clamp, none
            """
        ),
        (
            ["track.wav", "--segment=0.2", "--no-split"],
            "'--segment' can't be combined with '--no-split'"
        ),
        (
            ["track.wav", "--float32", "--int24"],
            "'--int24' can't be combined with '--float32'"
        ),
        (["models", "fetsch"], "Unknown action 'fetsch': expected one of fetch, path, verify"),
        (
            ["models", "fetch"],
            "Missing expected argument '<name>' after 'fetch'; see 'swift-demucs models --help'"
        ),
        (
            ["models", "path"],
            "Missing expected argument '<name>' after 'path'; see 'swift-demucs models --help'"
        ),
        (["models", "path", "demo", "x"], "Unexpected argument 'x'"),
        (["models", "verify", "x"], "Unexpected argument 'x'"),
        (
            ["models", "verify", "--json"],
            "'--json' goes with 'models' alone, without an action"
        ),
        (
            ["track.wav", "./track.flac", "-n", "cross_first", "-o", "x"],
            """
            'track.wav' and './track.flac' would both be written to \
            'x/cross_first/track/drums.wav'; separate them in two calls with different \
            '--out' folders, or tell them apart with '--filename'
            """
        ),
    ]

    static let mistakesOfSeparating: [([String], String)] = [
        (["-out", "x", "track.wav"], "Unknown option '-out'. Did you mean '--out'?"),
        (
            ["track.wav", "-s", "abc"],
            """
            '--sig' names a training run of the reference, which only its own solver can read; \
            export the model and give the checkpoint with '--name'
            """
        ),
        (["track.wav", "-s", "abc", "-n", "x"], "'--sig' can't be combined with '--name'"),
        (["track.wav", "--flac", "--mp3"], "'--flac' can't be combined with '--mp3'"),
        (
            ["track.wav", "-d", "cuda"],
            """
            The value 'cuda' is invalid for '--device <device>': expected cpu: this program \
            computes on the CPU alone
            """
        ),
        (
            ["track.wav", "--mp3-preset=8"],
            "The value '8' is invalid for '--mp3-preset <n>': expected a whole number from 2 to 7"
        ),
        (
            ["track.wav", "--other-method=sub"],
            """
            The value 'sub' is invalid for '--other-method <method>': expected one of none, add, \
            minus
            """
        ),
        (
            ["track.wav", "-n", "cross_first", "--two-stems=vocals"],
            "The value 'vocals' is invalid for '--two-stems <stem>': expected one of drums, rest"
        ),
        (
            ["track.wav", "-n", "cross_first", "--stems=drums,bass"],
            "The value 'bass' is invalid for '--stems <list>': expected one of drums, rest"
        ),
        (
            ["track.wav", "--stems=drums,,rest"],
            """
            The value 'drums,,rest' is invalid for '--stems <list>': expected names of stems, as \
            vocals,drums, each once
            """
        ),
        (
            ["track.wav", "--stems=drums", "--two-stems=rest"],
            "'--stems' can't be combined with '--two-stems'"
        ),
        (
            ["track.wav", "--mix=a"],
            """
            The value 'a' is invalid for '--mix <name=a+b>': expected a name and stems, as \
            karaoke=drums+bass
            """
        ),
        (
            ["track.wav", "--mix=../a=drums"],
            """
            The value '../a=drums' is invalid for '--mix <name=a+b>': expected a name and stems, \
            as karaoke=drums+bass; the name must hold neither '/' nor control characters
            """
        ),
        (
            ["track.wav", "-n", "cross_first", "--mix=Drums=rest"],
            "Two outputs would be called 'Drums'; give the one of '--mix <name=a+b>' another name"
        ),
        (
            ["track.wav", "-n", "cross_first", "--mix=x=rest+piano"],
            "The value 'piano' is invalid for '--mix <name=a+b>': expected one of drums, rest"
        ),
        (
            ["track.wav", "--gain=common", "--clip-mode=clamp"],
            """
            The value 'common' is invalid for '--gain <kind>': expected stem, because \
            '--clip-mode clamp' has no gain
            """
        ),
        (
            ["track.wav", "--start=-1"],
            """
            The value '-1' is invalid for '--start <time>': expected seconds, minutes:seconds or \
            hours:minutes:seconds
            """
        ),
        (
            ["track.wav", "--duration=1:2:3:4"],
            """
            The value '1:2:3:4' is invalid for '--duration <time>': expected seconds, \
            minutes:seconds or hours:minutes:seconds
            """
        ),
        (
            ["track.wav", "--duration=0"],
            "The value '0' is invalid for '--duration <time>': expected more than nothing"
        ),
        (
            ["track.wav", "--filename={track}/{name}.{ext}"],
            """
            The value '{track}/{name}.{ext}' is invalid for '--filename <template>': expected no \
            fields but {track}, {trackext}, {stem}, {ext}; a brace itself is '{{' or '}}'
            """
        ),
        (
            ["track.wav", "-n", "cross_first", "--filename={track}/{stem}.ogg"],
            """
            The value '{track}/{stem}.ogg' is invalid for '--filename <template>': expected a \
            name that ends in .{ext}, .wav, .flac or .mp3
            """
        ),
        (
            ["track.wav", "-n", "cross_first", "--filename={track}.{ext}"],
            """
            'drums' and 'rest' would both be written to 'separated/cross_first/track.wav'; put \
            {stem} into '--filename <template>'
            """
        ),
        (["track.wav", "--raw"], "'--raw' goes with '--stdout <stem>' alone"),
        (["track.wav", "--stdout=x", "--json"], "'--stdout' can't be combined with '--json'"),
        (
            ["track.wav", "track.wav", "-n", "cross_first", "--stdout=drums"],
            "'--stdout' takes a single track, but 2 were found"
        ),
        (
            ["track.wav", "-n", "cross_first", "--stdout=piano"],
            "The value 'piano' is invalid for '--stdout <stem>': expected one of drums, rest"
        ),
        (["completions", "csh"], "Unknown shell 'csh': expected one of bash, zsh, fish"),
    ]

    @Test(arguments: mistakes + mistakesOfSeparating)
    func mistakesAreTold(arguments: [String], message: String) throws {
        let folder = try TemporaryFolder()
        try folder.writeTrack("track.wav")
        let run = try CommandRun(arguments, in: folder.url)
        #expect(run.errors == "error: \(message)\n")
        #expect(run.exitCode == 2)
        #expect(run.output.isEmpty)
        #expect(folder.contents == ["track.wav"])
    }
}
