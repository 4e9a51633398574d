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
                  <track> ...             Sound files: WAV, AIFF, FLAC, Ogg Vorbis, Opus, MP3.

                OPTIONS:
                  -n, --name <model>      The model: a file, a published name (htdemucs,
                                          htdemucs_ft, htdemucs_6s), a signature,
                                          hf://[namespace/]name, or demo. What is missing is
                                          downloaded. (default: htdemucs; where that can't be
                                          had, demo with a warning)
                  --repo <folder>         A folder of models to look into first.
                  --offline               Never download anything.
                  -o, --out <folder>      Where stems go, as
                                          <folder>/<model>/<track>/<stem>.wav. (default:
                                          separated)
                  --shifts <n>            Average over this many random shifts in time; each
                                          takes one more pass, 0 is the fastest. (default: 1)
                  --seed <n>              Seed of the shifts, to repeat a run. (default: random)
                  --overlap <share>       Share of each segment that overlaps the next one.
                                          (default: 0.25)
                  --segment <seconds>     Length of a segment, decimals allowed. (default: the
                                          model's own, the longest)
                  --no-split              Separate a short track as a whole, without segments.
                  --int24                 Write 24-bit files. (default: 16 bits)
                  --float32               Write 32-bit floating-point files.
                  --clip-mode <mode>      What happens to stems that are too loud: rescale the
                                          stem, clamp its peaks, or none. (default: rescale)
                  --precision <name>      float32 gives the reference's samples; bfloat16 is
                                          faster on CPUs that multiply it and 40 dB near; int8
                                          is smaller and faster still, and 37 dB near; auto
                                          takes the faster of the first two here. (default:
                                          float32; int8 for INT8 weights)
                  --threads <n>           Number of threads. (default: all available cores)
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
            "The value '-1' is invalid for '--seed <n>': expected a whole number from 0 to "
                + "18446744073709551615"
        ),
        (
            ["track.wav", "--overlap=1.0"],
            "The value '1.0' is invalid for '--overlap <share>': expected a number from 0 to "
                + "less than 1"
        ),
        (
            ["track.wav", "--overlap=nan"],
            "The value 'nan' is invalid for '--overlap <share>': expected a number from 0 to "
                + "less than 1"
        ),
        (
            ["track.wav", "--segment", "0"],
            "The value '0' is invalid for '--segment <seconds>': expected a positive number of "
                + "seconds"
        ),
        (
            ["track.wav", "-n", "cross_first", "--segment", "1"],
            "The value '1' is invalid for '--segment <seconds>': expected at least one sample and "
                + "at most the 0.25 seconds that the model was trained on"
        ),
        (
            ["track.wav", "--threads", "0"],
            "The value '0' is invalid for '--threads <n>': expected a whole number from 1 to 1024"
        ),
        (
            ["track.wav", "--clip-mode", "tanh"],
            "The value 'tanh' is invalid for '--clip-mode <mode>': expected one of rescale, "
                + "clamp, none"
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
            "'track.wav' and './track.flac' would both be written to 'x/cross_first/track'; "
                + "separate them in two calls with different '--out' folders"
        ),
    ]

    @Test(arguments: mistakes)
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
