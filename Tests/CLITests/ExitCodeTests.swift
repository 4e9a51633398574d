import CLI
import System
import Testing

/// Errors become exit codes by their causes.
struct ExitCodeTests {
    private static let codes: [ErrorCause: ExitCode] = [
        .argument: .wrongUsage, .cancelled: .interrupted, .modelName: .modelUnusable,
        .modelMissing: .modelUnusable, .model: .modelUnusable,
    ]

    @Test(arguments: ErrorCause.allCases)
    func everyCauseHasAnExitCode(cause: ErrorCause) {
        #expect(ExitCode(cause) == Self.codes[cause] ?? .trackFailed)
    }
}
