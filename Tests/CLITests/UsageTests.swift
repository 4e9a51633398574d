import Foundation
import TestSupport
import Testing

/// Invalid arguments and other failures of all commands: one line on stderr, an exit code, no files.
struct UsageTests {
    private static let models = Fixture.url("models").path
    private static let formats = Fixture.url("weights/formats").path

    /// The exit code, by default 2, and arguments after a dollar sign; then the message, or its
    /// beginning up to an ellipsis.
    private static let mistakes = """
        $
        Missing expected argument '<track> ...'; see 'swift-demucs --help'
        $ --shift 2
        Unknown option '--shift'. Did you mean '--shifts'?
        $ --clipmode=none
        Unknown option '--clipmode'. Did you mean '--clip-mode'?
        $ -shifts 2
        Unknown option '-shifts'. Did you mean '--shifts'?
        $ -out x track.wav
        Unknown option '-out'. Did you mean '--out'?
        $ --frobnicate
        Unknown option '--frobnicate'.
        $ -z
        Unknown option '-z'.
        $ track.wav --out
        Missing value for '--out <folder>'
        $ --out --shifts 2
        Missing value for '--out <folder>'
        $ --float32=yes
        The option '--float32' takes no value, but 'yes' was given
        $ track.wav --shifts -1
        The value '-1' is invalid for '--shifts <n>': expected a number from 0 to 100
        $ track.wav -n cross_first --segment 1
        The value '1' is invalid for '--segment <seconds>': expected at least one sample and at \
        most the 0.25 seconds that the model was trained on
        $ track.wav --threads 0
        The value '0' is invalid for '--threads <n>': expected a whole number from 1 to 1024
        $ track.wav -s abc
        '--sig' is not supported: only the reference's solver can read its training runs; export \
        the model and pass the checkpoint with '--name'
        $ track.wav -n cross_first --stdout=piano
        The value 'piano' is invalid for '--stdout <stem>': expected one of drums, rest
        $ track.wav --filename={track}/{name}.{ext}
        The value '{track}/{name}.{ext}' is invalid for '--filename <template>': expected only the \
        fields {model}, {track}, {trackext}, {stem}, {Stem}, {ext}; write '{{' or '}}' for a brace
        $ track.wav -n cross_first --filename={track}/{stem}.ogg
        The value '{track}/{stem}.ogg' is invalid for '--filename <template>': expected a name \
        that ends in .{ext}, .wav, .flac or .mp3
        $ track.wav -n cross_first --filename={track}.{ext}
        'drums' and 'rest' would both be written to 'separated/cross_first/track.wav'; include \
        {stem} in '--filename'
        $ track.wav text.safetensors -n cross_first --stdout=drums
        '--stdout' takes a single track, but 2 were found
        $ track.wav --timeout=1e30
        The value '1e30' is invalid for '--timeout <seconds>': expected a number of seconds above \
        0 and at most 1000000000
        $ track.wav -s abc -n x
        '--sig' can't be combined with '--name'
        $ track.wav --stdout=x --json
        '--stdout' can't be combined with '--json'
        $ track.wav --raw
        '--raw' requires '--stdout <stem>'
        $ models fetsch
        Unknown action 'fetsch': expected one of fetch, path, verify
        $ models fetch
        Missing expected argument '<name>' after 'fetch'; see 'swift-demucs models --help'
        $ models path
        Missing expected argument '<name>' after 'path'; see 'swift-demucs models --help'
        $ models path demo x
        Unexpected argument 'x'
        $ models verify x
        Unexpected argument 'x'
        $ models verify --json
        '--json' only applies to 'models' without an action
        $ completions csh
        Unknown shell 'csh': expected one of bash, zsh, fish
        $ bench --random-weights mdx
        The value 'mdx' is invalid for '--random-weights <htdemucs|hdemucs|demucs|mel_band_roformer_kim|\
        bs_roformer_ep_317|bs_roformer_sw>': expected one of htdemucs, hdemucs, demucs, mel_band_roformer_kim, \
        bs_roformer_ep_317, bs_roformer_sw
        $ bench --precision int4
        The value 'int4' is invalid for '--precision <float32|bfloat16|int8|all>': expected one of float32, bfloat16, \
        int8, all
        $ bench --runs 0
        The value '0' is invalid for '--runs <n>': expected a whole number from 1 to 1000
        $ bench --threads two
        The value 'two' is invalid for '--threads <n>': expected a whole number from 1 to 1024
        $ bench -n base --random-weights htdemucs
        '--name' can't be combined with '--random-weights'
        $ bench -n base --references stems
        '--references' requires '--track <file>'
        $ bench track.wav
        Unexpected argument 'track.wav'
        $ eval true
        Missing expected argument '<reference> <estimate>'; see 'swift-demucs eval --help'
        $ eval a b c
        Unexpected argument 'c'
        $ eval a b --metrics sdr,snr
        The value 'snr' is invalid for '--metrics <list>': expected some of sdr,si-sdr
        $ eval a b --metrics=
        The value '' is invalid for '--metrics <list>': expected some of sdr,si-sdr
        $ eval a b --stems=drums,drums
        The value 'drums,drums' is invalid for '--stems <list>': expected stem names, each once
        $ eval a b --stems=,
        The value ',' is invalid for '--stems <list>': expected stem names, each once
        $ inspect
        Missing expected argument '<file>'; see 'swift-demucs inspect --help'
        $ inspect a b
        Unexpected argument 'b'
        $ convert a
        Missing value for '--out <file>'
        $ convert a --float1 -o b
        Unknown option '--float1'. Did you mean '--float16'?
        $ quantize a
        Missing value for '--out <file>'
        $ quantize a -o x --precision int4
        The value 'int4' is invalid for '--precision <float32|bfloat16|int8>': expected one of float32, \
        bfloat16, int8
        $ quantize a -o x --samples 0
        The value '0' is invalid for '--samples <n>': expected a whole number from 1 to 10000
        $ tensors prepare track.wav
        Missing value for '--out <folder>'
        $ tensors prepare track.wav -o c -n cross_first --overlap 1
        The value '1.0' is invalid for '--overlap': expected a number from 0.0 to 0.99
        $ tensors prepare track.wav -o c -n cross_first --format hdf5
        The value 'hdf5' is invalid for '--format <raw|npy|safetensors>': expected one of raw, npy, safetensors
        $ tensors stems c -o out --tensors a,b,c
        The value 'a,b,c' is invalid for '--tensors <names>': expected one name, or two separated \
        by a comma
        $ tensors split track.wav
        Unknown action 'split': expected one of prepare, run, stems, calibrate
        $ trace track.wav -o t -n cross_first --start 9
        The value '9.0' is invalid for '--start': expected a number of seconds within the track's \
        0.4375
        $ trace . -o t --start 1
        '--start' only applies to audio files
        $ trace track.wav -o t -n cross_first --attention layers.4:0
        The value 'layers.4:0' is invalid for '--attention': expected LAYER:HEAD…
        1 $ track.wav -qn cross_first --no-split --shifts=0
        track.wav: Without splitting, a track may have at most…
        1 $ track.wav -n cross_first -o text.safetensors
        text.safetensors/cross_first: cannot be written…
        1 $ track.wav -qn cross_first -o /proc/stems
        /proc/stems…
        3 $ track.wav -n htdemucs -o out
        the model 'htdemucs' was not found in \(models)…
        3 $ track.wav -n ./nowhere.safetensors -o out
        ./nowhere.safetensors: no such file…
        3 $ track.wav -n text.safetensors -o out
        text.safetensors: is not a checkpoint of a known format: found 8 bytes that state a header of…
        3 $ track.wav -n \(models) -o out
        \(models): can't be read: it is a folder; give the path of the safetensors file in it
        3 $ track.wav --repo nowhere
        the model repository 'nowhere' is not a folder…
        3 $ inspect \(formats)/several.safetensors --member x
        \(formats)/several.safetensors: contains no model "x"; it has "d12395a8", "f7e0c4bc"
        3 $ convert \(formats)/model.th -o absent/out.safetensors
        absent/out.safetensors: can't be written: No such file or directory
        1 $ bench -n base --track nowhere.wav -q
        nowhere.wav…
        3 $ bench -n nothing -q
        the model 'nothing'…
        1 $ none.wav -n nothing
        none.wav: there is no such file. Check the path.
        $ serve --disk-quota 9MB
        The value '9MB' is invalid for '--disk-quota <size>': expected a number with kB, MB, GB or \
        TB, such as 20GB, of at least 10MB
        $ serve --max-work 0
        The value '0' is invalid for '--max-work <n>': expected a whole number from 1 to 1000000
        $ serve --allow-host music.example.org:8443
        The value 'music.example.org:8443' is invalid for '--allow-host <name>': expected a name or \
        an address without a port, such as example.org
        $ serve --allow-host [::1]
        The value '[::1]' is invalid for '--allow-host <name>': …
        $ serve --allow-host ::1 --allow-host https://example.org
        The value 'https://example.org' is invalid for '--allow-host <name>': …
        $ serve --allow-origin https://example.org/
        The value 'https://example.org/' is invalid for '--allow-origin <origin>': expected \
        scheme://host or scheme://host:port in lower case, without the scheme's own port, such as \
        https://example.org
        $ serve --allow-origin https://[::1]:8443 --allow-origin https://Example.org
        The value 'https://Example.org' is invalid for '--allow-origin <origin>': …
        $ serve --allow-origin https://example.org:443
        The value 'https://example.org:443' is invalid for '--allow-origin <origin>': …
        $ serve --allow-origin https://[::1]8443
        The value 'https://[::1]8443' is invalid for '--allow-origin <origin>': …
        $ serve --allow-origin example.org
        The value 'example.org' is invalid for '--allow-origin <origin>': …
        $ serve --allow-origin https://example.org:http
        The value 'https://example.org:http' is invalid for '--allow-origin <origin>': …
        $ help me
        Unknown command 'me': expected one of separate, status, serve, models, live, analyze, eval, selftest, \
        inspect, convert, quantize, bench, tensors, trace, compare, help, completions, manual
        $ help tensors prepares
        Unknown action 'prepares': expected one of prepare, run, stems, calibrate
        $ help eval now
        Unexpected argument 'now'
        1 $ tensors prepare none.wav -o c -n nothing
        none.wav: there is no such file. Check the path.
        1 $ trace none.wav -o t -n nothing
        none.wav: there is no such file. Check the path.
        1 $ tensors run c
        c/manifest.json: is missing; expected the manifest of 'tensors prepare'
        2 $ compare none.npy track.wav
        none.npy: is missing; expected a file of tensors, a folder of them or a folder of stems
        3 $ trace track.wav -o t -n none
        …
        """
        .split(separator: "\n").map(String.init)

    private static let calls = mistakes.filter { $0.contains("$ ") || $0 == "$" }
    private static let messages = mistakes.filter { !$0.contains("$ ") && $0 != "$" }

    @Test(arguments: zip(calls, messages))
    func mistakesAreReported(call: String, message: String) throws {
        let folder = TemporaryFolder()
        try folder.writeTrack("track.wav")
        try folder.write("just text, and not short", "text.safetensors")
        let words = call.split(separator: " ").map(String.init)
        let run = try folder.run(
            Array(words.drop { $0 != "$" }.dropFirst()), exits: Int32(words[0]) ?? 2)
        #expect(run.errorLines.count == 1)
        if message.hasSuffix("…") {
            #expect(run.errors.hasPrefix("error: \(message.dropLast())"))
        } else {
            #expect(run.errors == "error: \(message)\n")
        }
        #expect(run.output.isEmpty)
        #expect(folder.paths == ["track.wav", "text.safetensors"])
    }

    /// Runs a command in a mount namespace without /proc; nil if this user may not make one.
    private static func withoutProc(_ words: String...) throws -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["unshare", "--map-root-user", "--mount", "sh", "-c"]
            + ["mount -t tmpfs none /proc && test ! -e /proc/self && exec \"$@\"", "sh"] + words
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? String(decoding: text, as: UTF8.self) : nil
    }

    private static let canHideProc = (try? withoutProc("echo", "a")) == "a\n"

    @Test(.enabled(if: canHideProc, "needs a mount namespace"))
    func argumentsNeedNoProc() throws {
        let output = try Self.withoutProc(CommandRun.executable.path, "--version")
        #expect(output?.hasPrefix("swift-demucs ") == true)
        let help = try Self.withoutProc(CommandRun.executable.path, "help", "selftest")
        #expect(help?.contains("selftest") == true)
    }
}
