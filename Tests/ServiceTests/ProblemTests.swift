import Demucs
import Service
import System
import Testing

/// Errors become problems by their causes.
struct ProblemTests {
    private struct Caused: CausedError {
        let cause: ErrorCause
        var reason: String? { "a reason" }
    }

    private static let kinds: [ErrorCause: Problem.Kind] = [
        .argument: .invalidOption, .unsuitable: .unusableSound, .tooLong: .unusableSound,
        .input: .unusableSound, .inputAccess: .diskFull, .notAudio: .notASound, .noRoom: .noRoom,
        .tooManyFiles: .tooManyFiles,
        .output: .diskFull, .encoding: .failed, .modelResult: .failed, .modelName: .noModel,
        .modelMissing: .noModel, .model: .noModel, .engine: .failed,
        .system: .diskFull, .cancelled: .badRequest, .internal: .failed,
    ]

    @Test(arguments: ErrorCause.allCases)
    func everyCauseHasAKind(cause: ErrorCause) {
        #expect(Problem(Caused(cause: cause)).kind == Self.kinds[cause])
    }

    @Test func pathsOfTheServiceStayInside() {
        for error in [
            AudioError.writeFailed(path: "/secret", reason: "No space left on device"),
            .unwritable(path: "/secret", reason: "x"), .unreadable(path: "/secret", reason: "x"),
            .unsupportedOutput(path: "/secret", problem: "x"),
            .encodingFailed(path: "/secret", reason: "x"),
        ] {
            #expect(!Problem(error).detail.contains("/secret"))
        }
        let needed = SeparationError.notEnoughSpace(
            folder: "/secret", neededBytes: 2_000_000, freeBytes: 1_000_000)
        #expect(Problem(needed).kind == .diskFull)
        #expect(Problem(needed).detail.contains("2.0 MB are needed"))
    }

    @Test func tooManyOpenFilesAreNoFullDisk() {
        let error = SystemError(code: EMFILE)
        let errors: [any Error] = [
            error, AudioError.unreadable(path: "/secret", error),
            AudioError.unwritable(path: "/secret", error),
        ]
        #expect(errors.allSatisfy { Problem($0).kind == .tooManyFiles })
    }

    @Test func missingThreadsAreNamed() {
        #expect(Problem(SystemError.noThread).kind == .noResources)
        #expect(ServiceError.cannotStart(.noThread).description.contains("ulimit -u"))
    }
}
