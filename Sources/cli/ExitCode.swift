/// What the shell learns about a run.
enum ExitCode: Int32 {
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
}
