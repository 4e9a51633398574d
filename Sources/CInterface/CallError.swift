// Converts Swift's errors to a status and a message in the caller's buffer.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CSwiftDemucs
import ModelZoo
import System

/// An error with the status that the caller gets.
struct CallError: Error {
    let status: sd_status
    let text: String

    init(_ status: sd_status, _ text: String) {
        self.status = status
        self.text = text
    }

    /// - Throws: `SD_ERROR_ARGUMENT` unless the value is valid.
    static func require(
        _ isValid: Bool, _ name: String, _ value: @autoclosure () -> Any,
        _ expected: @autoclosure () -> String
    ) throws(CallError) {
        guard isValid else {
            throw CallError(
                SD_ERROR_ARGUMENT, "\(name) is \(value()), expected \(expected())")
        }
    }
}

/// Runs the body of a function of the interface.
///
/// - Parameters:
///   - message: the caller's buffer; empty on success, otherwise the error's text.
///   - capacity: size of the buffer in bytes.
func call(
    _ message: UnsafeMutablePointer<CChar>?, _ capacity: Int, _ body: () throws -> sd_status
) -> sd_status {
    do {
        let status = try body()
        write("", to: message, capacity)
        return status
    } catch {
        let failure = CallError(error)
        write(failure.text, to: message, capacity)
        return failure.status
    }
}

/// Runs the body of a function of the interface that succeeds or throws.
func attempt(
    _ message: UnsafeMutablePointer<CChar>?, _ capacity: Int, _ body: () throws -> Void
) -> sd_status {
    call(message, capacity) {
        try body()
        return SD_OK
    }
}

/// Writes as many characters as fit, and a terminating zero byte. Names of files may have control
/// characters, which must not reach a terminal, and zero bytes, which would end the text.
private func write(_ text: String, to message: UnsafeMutablePointer<CChar>?, _ capacity: Int) {
    // A size_t above Int.max arrives as a negative number; no buffer is that large.
    guard let message, capacity > 0 else { return }
    var count = 0
    for scalar in text.withoutHiddenCharacters.unicodeScalars {
        let bytes = Array(String(scalar).utf8)
        if count + bytes.count >= capacity { break }
        for byte in bytes {
            message[count] = CChar(bitPattern: byte)
            count += 1
        }
    }
    message[count] = 0
}

extension CallError {
    fileprivate init(_ error: any Error) {
        switch error {
        case let error as CallError: self = error
        case is CancellationError: self.init(SD_CANCELLED, "cancelled")
        case ModelStoreError.notFound(let name, _, _):
            self.init(
                SD_ERROR_MODEL_MISSING,
                "\(error); sd_fetch and 'swift-demucs models fetch \(name)' download it")
        default: self.init(sd_status(ErrorCause(of: error)), "\(error)")
        }
    }
}

extension sd_status {
    package init(_ cause: ErrorCause) {
        self =
            switch cause {
            case .argument, .unsuitable, .tooLong, .modelName: SD_ERROR_ARGUMENT
            case .modelMissing: SD_ERROR_MODEL_MISSING
            case .model, .modelResult: SD_ERROR_MODEL
            case .input, .inputAccess, .notAudio: SD_ERROR_INPUT
            case .noRoom, .tooManyFiles, .output, .encoding, .system: SD_ERROR_OUTPUT
            case .engine, .program: SD_ERROR_ENGINE
            case .cancelled: SD_CANCELLED
            case .internal: SD_ERROR_INTERNAL
            }
    }
}

// MARK: - Statuses in words, and the version

@c @implementation
public func sd_status_text(_ status: sd_status) -> UnsafePointer<CChar>? {
    let text: StaticString =
        switch status {
        case SD_OK: "success"
        case SD_DONE: "no more stems"
        case SD_ERROR_ARGUMENT: "invalid argument"
        case SD_ERROR_MODEL_MISSING: "model not found"
        case SD_ERROR_MODEL: "unusable model"
        case SD_ERROR_INPUT: "unusable input file"
        case SD_ERROR_OUTPUT: "output can't be written"
        case SD_CANCELLED: "cancelled"
        case SD_ERROR_STATE: "function called out of turn"
        case SD_ERROR_FORKED: "handle opened before fork"
        case SD_ERROR_ENGINE: "engine can't run on this machine"
        case SD_ERROR_INTERNAL: "internal error"
        case SD_TRACKS_FAILED: "at least one track failed"
        default: "unknown status"
        }
    return text.cString
}

/// Text that lives as long as the process.
private nonisolated(unsafe) let versionText = UnsafePointer<CChar>(strdup(SD_VERSION))

@c @implementation
public func sd_version() -> UnsafePointer<CChar>? { versionText }

@c @implementation
public func sd_version_number() -> Int32 { SD_VERSION_NUMBER }

extension StaticString {
    /// A C string that lives as long as the process.
    var cString: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
