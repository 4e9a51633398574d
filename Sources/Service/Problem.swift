// Errors of requests, as problem documents. Reference: RFC 9457.

import Demucs
import System

/// The reason why a request was refused or a job failed.
package struct Problem: Error, Codable, Equatable, Sendable {
    /// The kind of a problem: the last part of its `type`.
    package enum Kind: String, Codable, Sendable, CaseIterable {
        case badRequest = "bad-request"
        case unauthorized
        case forbidden
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        case conflict
        case tooLarge = "too-large"
        case notASound = "not-a-sound"
        case unsupportedType = "unsupported-type"
        case rangeNotSatisfiable = "range-not-satisfiable"
        case wrongHost = "wrong-host"
        case invalidOption = "invalid-option"
        case tooMuchWork = "too-much-work"
        case noRoom = "no-room"
        case unusableSound = "unusable-sound"
        case queueFull = "queue-full"
        case tooManyRequests = "too-many-requests"
        case noModel = "no-model"
        case notReady = "not-ready"
        case busy
        case tooManyFiles = "too-many-files"
        case noResources = "no-resources"
        case diskFull = "disk-full"
        case diskUnusable = "disk-unusable"
        case failed

        /// The `type` of the document.
        var type: String { "urn:swift-demucs:problem:\(rawValue)" }

        var status: Int { reply.status }
        var title: String { reply.title }

        private var reply: (status: Int, title: String) {
            switch self {
            case .badRequest: (400, "The request is malformed")
            case .unauthorized: (401, "A token is needed")
            case .forbidden: (403, "The request is not allowed")
            case .notFound: (404, "Not found")
            case .methodNotAllowed: (405, "The method does not fit the address")
            case .conflict: (409, "The job is not in a state for this")
            case .tooLarge: (413, "The file is too large")
            case .notASound: (415, "The file is not a sound file")
            case .unsupportedType: (415, "The body has a type that is not taken")
            case .rangeNotSatisfiable: (416, "The range is outside the file")
            case .wrongHost: (421, "The service does not answer for this host")
            case .invalidOption: (422, "An option is invalid")
            case .tooMuchWork: (422, "The job is too much work")
            case .noRoom: (422, "The results would not fit")
            case .unusableSound: (422, "The sound can't be separated")
            case .queueFull: (429, "The queue is full")
            case .tooManyRequests: (429, "Too many requests are waiting")
            case .noModel: (503, "The model is missing")
            case .notReady: (503, "The service is not ready")
            case .busy: (503, "The service is busy")
            case .tooManyFiles: (503, "Too many files are open")
            case .noResources: (503, "The machine lacks memory or threads")
            case .diskFull: (503, "The disk is full")
            case .diskUnusable: (503, "The service can't use its disk")
            case .failed: (500, "The separation failed")
            }
        }
    }

    package let kind: Kind
    /// One line: what failed, the value found, the value expected, what to do.
    package let detail: String

    /// The names of records, those of all ledgers.
    private enum CodingKeys: String, CodingKey {
        case kind = "errorClass"
        case detail = "error"
    }

    init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    /// Seconds after which the same request may succeed; nil if somebody has to do something first.
    var retryAfterSeconds: Int? {
        switch kind {
        case .queueFull: 30
        case .notReady, .busy, .tooManyFiles, .tooManyRequests: 5
        default: nil
        }
    }

    /// - Parameter instance: path of the request or the job.
    func json(instance: String) -> JSON {
        [
            "type": .text(kind.type), "title": .text(kind.title), "status": .integer(kind.status),
            "detail": .text(detail), "instance": .text(instance),
        ]
    }

    /// The schema of ``json(instance:)``.
    static let schema = JSONSchema.fields([
        "type": .words(Kind.allCases.map(\.type)), "title": .string, "status": .integer,
        "detail": .string.about("One line: what failed, what was found, what was expected."),
        "instance": .string,
    ]).about("RFC 9457.")

    static let nothingHere = Problem(
        .notFound,
        "There is nothing at this address. The addresses are described in /openapi.json.")

    /// - Parameter kind: job or set.
    static func missing(_ kind: String) -> Problem {
        Problem(
            .notFound,
            "There is no such \(kind): it was removed, or belongs to another user who has not opened it."
        )
    }

    /// The problem of a name that is none of the options or fields.
    static func unknownField(_ name: String, _ kind: String, among names: [String]) -> Problem {
        let nearest = nearestWord(to: name, among: names).map { "; did you mean '\($0)'?" }
        let list =
            names.isEmpty
            ? "; there are none" : "; expected one of " + names.joined(separator: ", ")
        return Problem(.invalidOption, "'\(name.prefix(100))' is no \(kind)\(nearest ?? list)")
    }

    /// The problem of an invalid option or field.
    static func option(_ name: String, value: String, expected: String) -> Problem {
        Problem(
            .invalidOption,
            "The value '\(value.prefix(100))' is invalid for '\(name)': expected \(expected)")
    }
}

extension Problem {
    /// The problem of a sound that could not be decoded or separated.
    package init(_ error: any Error) {
        if let problem = error as? Problem {
            self = problem
            return
        }
        if case SeparationError.notEnoughMemory = error {
            self.init(.noResources, "\(error)")
            return
        }
        let caused = error as? any CausedError
        // These texts name the client's own file or option.
        let text = Problem.oneLine(caused?.reason ?? "\(error)")
        var isFull = [ENOSPC, EDQUOT].contains { text.hasSuffix(SystemError(code: $0).description) }
        if case SeparationError.notEnoughSpace = error { isFull = true }
        switch ErrorCause(of: error) {
        case .argument: self.init(.invalidOption, text)
        case .unsuitable, .tooLong, .input: self.init(.unusableSound, text)
        case .notAudio: self.init(.notASound, text)
        case .noRoom: self.init(.noRoom, text)
        case .tooManyFiles:
            self.init(
                .tooManyFiles, "The service has too many open files. Try again in a few seconds.")
        case .program:
            self.init(
                .noResources, "The machine of the service lacks memory or a program (\(text)).")
        case .system where [EAGAIN, ENOMEM].contains((error as? SystemError)?.code):
            self.init(.noResources, "The machine of the service lacks memory or threads (\(text)).")
        case .inputAccess, .output, .system:
            // Paths of the service are not for its clients.
            self.init(
                isFull ? .diskFull : .diskUnusable,
                caused?.reason.map {
                    "The service can't use its files (\($0)). Its owner has to look at its disk."
                } ?? "The service can't store the job.")
        case .modelResult:
            self.init(
                .failed, "A stem has samples that are not finite. Its sound may be far too loud.")
        case .encoding:
            self.init(.failed, "The result can't be written as a sound file.")
        case .modelName, .modelMissing, .model:
            self.init(.noModel, "The model of the job is missing or can't be loaded.")
        case .engine, .internal:
            self.init(.failed, "The separation failed for a reason inside the service.")
        case .cancelled:
            self.init(.badRequest, "The client closed its connection before the reply.")
        }
    }

    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
