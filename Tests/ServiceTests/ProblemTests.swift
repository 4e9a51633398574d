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
        .input: .unusableSound, .inputAccess: .diskUnusable, .notAudio: .notASound,
        .noRoom: .noRoom,
        .tooManyFiles: .tooManyFiles, .output: .diskUnusable, .encoding: .failed,
        .modelResult: .failed, .modelName: .noModel, .modelMissing: .noModel, .model: .noModel,
        .engine: .failed, .program: .noResources, .system: .diskUnusable, .cancelled: .badRequest,
        .internal: .failed,
    ]

    @Test(arguments: ErrorCause.allCases)
    func everyCauseHasAKind(cause: ErrorCause) {
        #expect(Problem(Caused(cause: cause)).kind == Self.kinds[cause])
    }

    private static let tooManyOpenFiles = SystemError(code: EMFILE)

    @Test(
        arguments: [
            (AudioError.unwritable(path: "/secret", SystemError(code: ENOSPC)), .diskFull, ""),
            (
                AudioError.writeFailed(
                    path: "/secret", reason: SystemError(code: EDQUOT).description), .diskFull, ""
            ),
            (AudioError.unwritable(path: "/secret", reason: "x"), .diskUnusable, ""),
            (AudioError.unreadable(path: "/secret", reason: "x"), .diskUnusable, ""),
            (SystemError(code: ENOSPC), .diskFull, "No space left"),
            (SystemError(code: EROFS), .diskUnusable, "Read-only"),
            (SystemError(code: EIO), .diskUnusable, "Input/output error"),
            (AudioError.unsupportedOutput(path: "/secret", problem: "x"), .invalidOption, ""),
            (AudioError.encodingFailed(path: "/secret", reason: "x"), .failed, ""),
            (
                SeparationError.notEnoughSpace(
                    folder: "/secret", neededBytes: 2_000_000, freeBytes: 1_000_000), .diskFull,
                "2.0 MB are needed"
            ),
            (tooManyOpenFiles, .tooManyFiles, ""),
            (AudioError.unreadable(path: "/secret", tooManyOpenFiles), .tooManyFiles, ""),
            (AudioError.unwritable(path: "/secret", tooManyOpenFiles), .tooManyFiles, ""),
            (SystemError.noThread, .noResources, ""),
        ] as [(any Error, Problem.Kind, String)])
    func pathsOfTheServiceStayInside(error: any Error, kind: Problem.Kind, words: String) {
        let problem = Problem(error)
        #expect(problem.kind == kind)
        #expect(!problem.detail.contains("/secret"))
        #expect(words.isEmpty || problem.detail.contains(words))
    }

    @Test func anErrorOfThreadsNamesTheLimit() {
        #expect(ServiceError.cannotStart(.noThread).description.contains("ulimit -u"))
    }
}
