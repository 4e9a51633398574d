import Runs
import System
import Testing

/// Errors become classes of failures by their causes.
struct TrackFailureTests {
    private static let classes: [ErrorCause: TrackFailure.Class] = [
        .unsuitable: .unreadable, .input: .unreadable, .inputAccess: .unreadable,
        .notAudio: .unreadable, .tooLong: .tooLong, .noRoom: .noRoom, .tooManyFiles: .noRoom,
        .output: .noRoom,
        .modelName: .model, .modelMissing: .model, .model: .model, .modelResult: .model,
        .argument: .internal, .encoding: .internal, .engine: .internal, .program: .internal,
        .system: .internal, .cancelled: .internal, .internal: .internal,
    ]

    @Test(arguments: ErrorCause.allCases)
    func everyCauseHasAClass(cause: ErrorCause) {
        #expect(TrackFailure.Class(cause) == Self.classes[cause])
    }

    private static let faults: [ErrorCause: Fault] = [
        .noRoom: .machine, .tooManyFiles: .machine, .output: .machine, .inputAccess: .machine,
        .system: .machine, .engine: .machine, .program: .machine, .modelResult: .model,
        .modelName: .model,
        .modelMissing: .model,
        .model: .model,
    ]

    @Test(arguments: ErrorCause.allCases)
    func onlyFaultsOfTheTrackCountAgainstIt(cause: ErrorCause) {
        #expect(cause.fault == Self.faults[cause] ?? .track)
    }
}
