/// What the shell learns about a run.
enum ExitCode: Int32, CaseIterable {
    case done = 0
    /// At least one track failed; the others are done.
    case trackFailed = 1
    /// The arguments make no sense; nothing was begun.
    case wrongUsage = 2
    /// The model is missing, unreadable or of another kind.
    case modelUnusable = 3
    /// By SIGINT or SIGTERM.
    case interrupted = 130
    /// Nobody reads the sound on standard output any more; the code of a program that SIGPIPE ends.
    case pipeClosed = 141

    var meaning: String {
        switch self {
        case .done: "All is done."
        case .trackFailed: "A track failed, or a test; the other tracks are done."
        case .wrongUsage: "The call makes no sense; nothing was begun."
        case .modelUnusable: "The model is missing, unreadable or of another kind."
        case .interrupted:
            "Interrupted (SIGINT, SIGTERM); tracks that were finished are complete."
        case .pipeClosed: "Nobody reads the sound on standard output any more."
        }
    }
}
