import CInterface
import CSwiftDemucs
import System
import Testing

/// Errors become statuses of the C interface by their causes.
struct StatusTests {
    private static let statuses: [ErrorCause: sd_status] = [
        .argument: SD_ERROR_ARGUMENT, .unsuitable: SD_ERROR_ARGUMENT, .tooLong: SD_ERROR_ARGUMENT,
        .input: SD_ERROR_INPUT, .inputAccess: SD_ERROR_INPUT, .notAudio: SD_ERROR_INPUT,
        .noRoom: SD_ERROR_OUTPUT, .tooManyFiles: SD_ERROR_OUTPUT, .output: SD_ERROR_OUTPUT,
        .encoding: SD_ERROR_OUTPUT,
        .modelResult: SD_ERROR_MODEL, .modelName: SD_ERROR_ARGUMENT,
        .modelMissing: SD_ERROR_MODEL_MISSING, .model: SD_ERROR_MODEL,
        .engine: SD_ERROR_ENGINE, .program: SD_ERROR_ENGINE, .system: SD_ERROR_OUTPUT,
        .cancelled: SD_CANCELLED, .internal: SD_ERROR_INTERNAL,
    ]

    @Test(arguments: ErrorCause.allCases)
    func everyCauseHasAStatus(cause: ErrorCause) {
        #expect(sd_status(cause) == Self.statuses[cause])
    }
}
