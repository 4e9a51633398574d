/// Destination of encoded bytes.
public enum OutputDestination: Sendable, Equatable {
    /// A file, which appears under this name only when it is complete. Its folder must exist.
    case file(String)
    /// An open descriptor, such as that of standard output (1), which stays open. The process must
    /// ignore SIGPIPE, or a reader that closes the stream ends the process.
    case descriptor(Int32)

    /// Name of the destination in messages.
    package var name: String {
        switch self {
        case .file(let path): path
        case .descriptor(1): "standard output"
        case .descriptor(let number): "descriptor \(number)"
        }
    }
}
