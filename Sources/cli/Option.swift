// An option of a command, and the options that several commands share. Parsing, help, shell completions
// and the manual all come from these tables.

import Demucs
import ModelZoo
import System
import Tensor

package struct Option: Sendable, Equatable {
    /// Completion of the option's value in a shell.
    enum Completion: Sendable, Equatable {
        case nothing
        case file
        case folder
        case words([String])
        case wordsOrFile([String])
        case commands
    }

    /// The name without dashes, `clip-mode`.
    let name: String
    /// The short form after one dash.
    let short: Character?
    /// Name of the value in the help, or all allowed values, `rescale|clamp|tanh|none`; nil for a flag.
    let placeholder: String?
    let completion: Completion
    let help: String

    /// - Parameter completion: by default files and folders for the placeholders `file` and
    ///   `folder`.
    init(
        _ name: String, short: Character? = nil, value placeholder: String? = nil,
        completion: Completion? = nil, help: String
    ) {
        let paths: [String?: Completion] = ["file": .file, "folder": .folder]
        self.name = name
        self.short = short
        self.placeholder = placeholder
        self.completion = completion ?? paths[placeholder] ?? .nothing
        self.help = help
    }

    /// An option that takes one of a few words.
    init(_ name: String, short: Character? = nil, values: [String], help: String) {
        self.init(
            name, short: short, value: values.joined(separator: "|"), completion: .words(values),
            help: help)
    }

    /// `--clip-mode`.
    var long: String { "--\(name)" }

    /// `--clip-mode <rescale|clamp|tanh|none>`.
    package var usage: String { placeholder.map { "\(long) <\($0)>" } ?? long }

    /// `-n, --name <model>`.
    var synopsis: String { short.map { "-\($0), \(usage)" } ?? usage }
}

// MARK: - Options of several commands

extension Option {
    /// The last options of nearly every command.
    static let common: [Option] = [.quiet, .version, .help]

    static let quiet = Option("quiet", short: "q", help: "Print warnings and errors only.")
    static let version = Option(
        "version",
        help: "Show the version, the instruction set, and the kernels or BLAS core in use.")
    static let help = Option(
        "help", short: "h", help: "Show this help; -h shows a shorter one.")

    /// A flag for each container but the default one.
    static let formatFlags = SeparationRequest.Format.flags.map { Option(field: $0.rawValue) }

    static let json = Option("json", help: "Write JSON instead of text.")
    package static let threads = Option(
        "threads", value: "n",
        help: "Number of threads, 1 to \(Separator.supportedThreads.upperBound). Results do not "
            + "depend on it. (default: all available cores)")
    package static let name = Option(
        "name", short: "n", value: "model",
        completion: .wordsOrFile([
            "htdemucs", "htdemucs_ft", "htdemucs_6s", "hdemucs_mmi", "mdx", "mdx_extra",
            "repro_mdx_a", "demo",
        ]),
        help: "The model: a file, a published name (htdemucs, htdemucs_ft, htdemucs_6s), a "
            + "signature, hf://[namespace/]name, or demo; the stems of several, a+b, are averaged. "
            + "Missing models are downloaded. (default: "
            + "htdemucs; if it is unavailable, demo with a warning)")
    package static let member = Option(
        "member", value: "name", help: "Which model to use from a file that holds several.")
    package static let config = Option(
        "config", value: "file",
        help: "The YAML file of a model whose checkpoint doesn't have its configuration. (default: "
            + "the file of the checkpoint's name beside it)")
    static let repo = Option(
        "repo", value: "folder", help: "A folder to search for models first.")
    static let offline = Option("offline", help: "Never download anything.")
    static let precision = Option(field: "precision")
    /// `--precision` of `live` and `serve`.
    package static let heardPrecision = Option(field: "precision", ownDefault: "auto")
    static let outFile = Option(
        "out", short: "o", value: "file", help: "The safetensors file to write. (required)")
}

extension ParsedArguments {
    /// `--threads`, by default one for each core.
    package func threads() throws(UsageError) -> Int {
        try number(.threads, in: Separator.supportedThreads)
            ?? countAvailableCores()
    }

    /// The models of `--repo` and the default places; a dry run fetches none.
    package func modelStore() throws -> ModelStore {
        var store = try ModelStore(ofProgramWith: value(.repo), isOffline: has(.offline))
        if has(.dryRun), store.offlineReason == nil { store.offlineReason = .dryRun }
        return store
    }
}
