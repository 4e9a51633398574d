import Foundation
import TestSupport
import Testing

/// Completions, manual and installation, checked with installed tools.
struct ShellTests {
    private let folder = TemporaryFolder()

    /// Runs a line of a shell in the folder, and expects success.
    ///
    /// - Returns: stdout and stderr together.
    private func shell(_ line: String) throws -> String {
        let run = try CommandRun(
            ["-c", line], in: folder.url, models: nil, executable: URL(fileURLWithPath: "/bin/sh"))
        return run.output + run.errors
    }

    private func write(_ arguments: String..., to name: String) throws {
        let run = try folder.run(arguments)
        try folder.write(run.output, name)
    }

    @Test(
        .enabled(if: isInstalled("bash")),
        arguments: [
            (["swift-demucs", "--cli"], "--clip-mode"),
            (["swift-demucs", "song.wav", "--clip-mode", ""], "rescale clamp tanh none off"),
            (["swift-demucs", "--clip-mode", "=", "re"], "rescale"),
            (["swift-demucs", "-n", "htdemucs_"], "htdemucs_ft htdemucs_6s"),
            (["swift-demucs", "mod"], "models"),
            (["swift-demucs", "models", ""], "fetch path verify"),
            (["swift-demucs", "eval", "--agai"], "--against"),
            (["swift-demucs", "models", "--agai"], ""),
            (["swift-demucs", "completions", "z"], "zsh"),
            (["swift-demucs", "--", "mod"], ""),
        ])
    func bashCompletes(words: [String], offered: String) throws {
        try write("completions", "bash", to: "completions")
        let call = words.map { "'\($0)'" }.joined(separator: " ")
        try folder.write(
            Data(
                """
                . ./completions
                COMP_WORDS=(\(call)) COMP_CWORD=\(words.count - 1)
                _swift_demucs
                echo "${COMPREPLY[*]}"
                """.utf8), "script")
        #expect(try shell("bash --norc script") == "\(offered)\n")
    }

    @Test(.enabled(if: isInstalled("zsh")))
    func zshAcceptsItsCompletions() throws {
        try write("completions", "zsh", to: "_swift-demucs")
        #expect(try shell("zsh -n _swift-demucs") == "")
    }

    @Test(.enabled(if: isInstalled("fish")))
    func fishCompletes() throws {
        try write("completions", "fish", to: "completions")
        let text = try shell(
            "HOME=$PWD fish -c \"source completions; complete -C 'swift-demucs --clip-mode re'\"")
        #expect(text.hasPrefix("rescale"))
    }

    @Test func everyOptionIsInEveryText() throws {
        let help = try folder.run("--help").output
        let options = help.matches(of: /--([a-z0-9-]+)[ \n]/).map { String($0.1) }
        #expect(options.count > 40)
        let texts: [(arguments: [String], form: (String) -> String)] = [
            (["completions", "bash"], { "--\($0)" }), (["completions", "zsh"], { "--\($0)" }),
            (["completions", "fish"], { "-l \($0)" }),
            (["manual"], { "--\($0)".replacing("-", with: "\\-") }),
        ]
        for (arguments, form) in texts {
            let text = try folder.run(arguments).output
            for option in options { #expect(text.contains(form(option)), "\(option)") }
        }
    }

    @Test func theManualHasNoUnknownRequests() throws {
        let manual = try folder.run("manual")
        let requests: Set<Substring> = [".\\\"", ".TH", ".SH", ".SS", ".TP", ".PP", ".br"]
        for line in manual.outputLines where line.hasPrefix(".") || line.hasPrefix("'") {
            #expect(requests.contains(line.prefix { $0 != " " }), "\(line)")
        }
    }

    @Test(.enabled(if: isInstalled("groff")))
    func groffAcceptsTheManual() throws {
        try write("manual", to: "manual.1")
        #expect(try shell("groff -man -Tutf8 -ww -z manual.1") == "")
    }

    @Test func anInstalledProgramFindsItsModels() throws {
        let manager = FileManager.default
        for part in ["bin", "share/swift-demucs/models"] { try folder.makeFolder(part) }
        let program = folder.url("bin/swift-demucs")
        try manager.copyItem(at: CommandRun.executable, to: program)
        let model = folder.url("share/swift-demucs/models/demo.safetensors")
        try manager.copyItem(at: Fixture.url("models/cross_first.safetensors"), to: model)
        // A symbolic link, as package managers create them.
        try manager.createSymbolicLink(at: folder.url("link"), withDestinationURL: program)
        let found = try shell("HOME=$PWD ./link models path demo")
        #expect(found.hasSuffix("/share/swift-demucs/models/demo.safetensors\n"))
    }
}
