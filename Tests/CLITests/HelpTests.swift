import Foundation
import TestSupport
import Testing

/// The texts of `--help` and `--version`.
struct HelpTests {
    private let folder = TemporaryFolder()

    @Test func theTopOfTheHelpMatchesTheSnapshot() throws {
        let help = try folder.run("--help").output
        #expect(
            help.hasPrefix(
                """
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
                """))
        for arguments in [["separate", "--help"], ["track.wav", "-q", "--help"], ["help"]] {
            let run = try folder.run(arguments)
            #expect(run.output == help && run.errors.isEmpty, "\(arguments)")
        }
    }

    /// The lines of each part of a help by its title, with wrapped texts joined.
    private func parts(_ help: String) -> [String: [String]] {
        let pieces = help.replacing(/\n {26}/, with: " ").matches(
            of: /(?m)^([A-Z ]+):\n((?:  .*\n)+)/)
        return Dictionary(
            uniqueKeysWithValues: pieces.map {
                (String($0.1), $0.2.split(separator: "\n").map(String.init))
            })
    }

    @Test func everyTopicListsItsOptionsAndTheirDefaults() throws {
        let parts = parts(try folder.run("--help").output)
        let topics = [
            "MODEL": "name: member config: repo offline list-models sig",
            "WHICH STEMS": "stems: two-stems other-method: mix residual then",
            "SEPARATION": """
            shifts: seed: overlap: segment: no-split transition-power: start: duration: \
            downmix: precision:
            """,
            "FILES": """
            out: filename: safe-names int24: float32 clip-mode: gain: flac mp3 mp3-bitrate: \
            mp3-preset: stem-file stem-codec: output-rate: no-tags analyze stdout raw \
            skip-existing force spool:
            """,
            "MANY TRACKS": "manifest shard follow timeout: max-duration: quarantine-after: failed",
            "RUNNING": """
            device threads: jobs: all-formats dry-run json progress: quiet verbose version help
            """,
        ]
        for (topic, options) in topics {
            // A colon marks an option with a default.
            let found = try #require(parts[topic]).compactMap { line in
                line.firstMatch(of: /--([a-z0-9-]+)/).map {
                    $0.1 + (line.contains("(default: ") ? ":" : "")
                }
            }
            #expect(found.joined(separator: " ") == options, "\(topic)")
        }
        #expect(
            parts["COMMANDS"]?.map { $0.split(separator: " ")[0] } == [
                "status", "serve", "models", "live", "analyze", "eval", "selftest", "inspect",
                "convert", "quantize", "bench", "tensors", "trace", "compare", "help",
                "completions", "manual",
            ])
        #expect(parts["EXAMPLES"]?.count == 12)
        let variables = try #require(parts["ENVIRONMENT"]).joined()
        for name in ["SWIFT_DEMUCS_MODELS", "HF_HUB_CACHE", "HF_ENDPOINT", "SWIFT_DEMUCS_ISA"] {
            #expect(variables.contains(name))
        }
    }

    @Test(arguments: [
        "separate", "serve", "models", "live", "analyze", "eval", "selftest", "inspect", "convert",
        "quantize", "bench", "tensors prepare", "tensors run", "tensors stems", "tensors calibrate",
        "trace", "compare", "completions",
    ])
    func everyOptionOfACommandAppearsOnceWithAText(command: String) throws {
        let words = command.split(separator: " ").map(String.init)
        let run = try folder.run(words + ["--help"])
        #expect(run.output == (try folder.run(["help"] + words).output))
        // The calls of examples and the names of options are not wrapped.
        #expect(run.outputLines.allSatisfy { $0.count <= 80 || $0.starts(with: /\ {2}\S/) })
        let joined = run.output.replacing(/\n {26}/, with: " ")
        let options = joined.matches(of: /(?m)^  (?:-., )?(--[a-z0-9-]+)(?: <.*?>)? +\S/).map(\.1)
        #expect(options.contains("--help"))
        #expect(options.count == Set(options).count)
        #expect(options.count == joined.matches(of: /(?m)^  (?:-., )?--/).count)
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

    @Test func helpOfTensorsListsTheActionsAndEachHasItsOwn() throws {
        let all = try folder.run("tensors", "--help")
        for name in ["prepare", "run", "stems", "calibrate"] {
            #expect(all.output.contains("\n  \(name) <"))
            let own = try folder.run("tensors", name, "--help")
            #expect(own.output.contains("\nUSAGE: swift-demucs tensors \(name) "))
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
