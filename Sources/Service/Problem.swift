// Errors of requests, as problem documents. Reference: RFC 9457.

import Audio
import Demucs
import ModelZoo

/// The reason why a request was refused or a job failed.
struct Problem: Error, Codable, Equatable, Sendable {
    /// The kind of a problem: the last part of its `type`.
    enum Kind: String, Codable, Sendable, CaseIterable {
        case badRequest = "bad-request"
        case unauthorized
        case forbidden
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        case conflict
        case tooLarge = "too-large"
        case notASound = "not-a-sound"
        case rangeNotSatisfiable = "range-not-satisfiable"
        case wrongHost = "wrong-host"
        case invalidOption = "invalid-option"
        case unusableSound = "unusable-sound"
        case queueFull = "queue-full"
        case notReady = "not-ready"
        case busy
        case diskFull = "disk-full"
        case failed

        var status: Int {
            switch self {
            case .badRequest: 400
            case .unauthorized: 401
            case .forbidden: 403
            case .notFound: 404
            case .methodNotAllowed: 405
            case .conflict: 409
            case .tooLarge: 413
            case .notASound: 415
            case .rangeNotSatisfiable: 416
            case .wrongHost: 421
            case .invalidOption, .unusableSound: 422
            case .queueFull: 429
            case .notReady, .busy, .diskFull: 503
            case .failed: 500
            }
        }

        var title: String {
            switch self {
            case .badRequest: "The request is malformed"
            case .unauthorized: "A token is needed"
            case .forbidden: "The request comes from another site"
            case .notFound: "Not found"
            case .methodNotAllowed: "The method does not fit the address"
            case .conflict: "The job is not in a state for this"
            case .tooLarge: "The file is too large"
            case .notASound: "The file is not a sound file"
            case .rangeNotSatisfiable: "The range is outside the file"
            case .wrongHost: "The service does not answer for this host"
            case .invalidOption: "An option is invalid"
            case .unusableSound: "The sound can't be separated"
            case .queueFull: "The queue is full"
            case .notReady: "The service is not ready"
            case .busy: "The service is busy"
            case .diskFull: "The disk is full"
            case .failed: "The separation failed"
            }
        }
    }

    let kind: Kind
    /// One line: what failed, the value found, the value expected, what to do.
    let detail: String

    init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }

    /// Seconds after which the client may try again.
    var retryAfterSeconds: Int? {
        switch kind {
        case .queueFull, .diskFull: 30
        case .notReady, .busy: 5
        default: nil
        }
    }

    /// - Parameter instance: path of the request or the job.
    func json(instance: String) -> JSON {
        [
            "type": .text("urn:swift-demucs:problem:\(kind.rawValue)"), "title": .text(kind.title),
            "status": .integer(kind.status), "detail": .text(detail), "instance": .text(instance),
        ]
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
    init(_ error: any Error) {
        if let problem = error as? Problem {
            self = problem
            return
        }
        if error is CancellationError {
            self.init(.badRequest, "The client closed its connection before the reply.")
            return
        }
        let kind: Kind =
            switch error {
            case AudioError.writeFailed, AudioError.unwritable, SeparationError.notEnoughSpace,
                SeparationError.spoolFailed, SeparationError.folderUnusable:
                .diskFull
            case AudioError.empty, AudioError.notAudio, AudioError.ffmpegMissing,
                AudioError.implausibleHeader, AudioError.nothingDecodable:
                .notASound
            case is AudioError, SeparationError.emptyAudio, SeparationError.tooLoud,
                SeparationError.excerptOutside, SeparationError.trackTooLong,
                SeparationError.longerThanAllowed:
                .unusableSound
            case is SeparationError: .invalidOption
            case is ModelStoreError, is BagError: .notReady
            default: .failed
            }
        self.init(kind, Problem.oneLine("\(error)"))
    }

    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
