// The body of a request, written to the disk: raw bytes, or the field `file` of a form.

import CServiceLibraries
import System

/// Receives a body piece by piece; holds only one piece in memory.
final class Upload {
    /// Path of the file with the sound.
    let path: String
    /// Fields of the form, in their order; set by ``finish()``.
    private(set) var fields: [(name: String, value: String)] = []
    /// The file name from the client; a label, never a path.
    var fileName: String?
    /// The first problem; the rest of the body is dropped.
    private(set) var problem: Problem?
    private(set) var countBytes = 0

    private let libraries: ServiceLibraries
    private let limitBytes: Int
    private var descriptor: Int32 = -1
    private var hash = SHA256()
    private var form: OpaquePointer?
    private var formState: FormState?
    private var droppedBytes = 0
    private var fieldBytes = 0
    /// Fields as received. A piece may end within a character.
    private var received: [(name: String, bytes: [UInt8])] = []

    /// Limit of bytes that are read after a problem, so that the client can receive the reply.
    private static let mostDroppedBytes = 64 << 20
    private static let mostFieldBytes = 64 << 10

    /// - Parameters:
    ///   - connection: connection whose body is a form; nil for raw bytes.
    /// - Throws: `Problem` if there is no room, or the form has no boundary.
    init(
        to path: String, limitBytes: Int, libraries: ServiceLibraries,
        form connection: OpaquePointer?
    ) throws(Problem) {
        self.path = path
        self.limitBytes = limitBytes
        self.libraries = libraries
        if let connection {
            form = libraries.http.create_post_processor(
                connection, 1 << 16, takeField, Unmanaged.passUnretained(self).toOpaque())
            guard form != nil else {
                throw Problem(.badRequest, "The multipart form has no valid boundary.")
            }
            formState = .beforeFile
        }
        // Last, because a refused request must leave no file.
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Problem(SystemError.last) }
    }

    /// The file stays on the disk.
    deinit {
        if let form { _ = libraries.http.destroy_post_processor(form) }
        if descriptor >= 0 { close(descriptor) }
    }

    private enum FormState { case beforeFile, inFile, afterFile }

    /// Takes the next bytes of the body.
    ///
    /// - Returns: false if the connection has to be closed.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if problem != nil {
            droppedBytes += bytes.count
            return droppedBytes <= Upload.mostDroppedBytes
        }
        if let form {
            let text = bytes.bindMemory(to: CChar.self)
            if libraries.http.post_process(form, text.baseAddress, text.count) != .YES {
                fail(Problem(.badRequest, "The multipart form is malformed."))
            }
        } else {
            store(bytes)
        }
        return true
    }

    /// Completes the file.
    ///
    /// - Returns: the SHA-256 of the sound.
    func finish() throws(Problem) -> String {
        if let form {
            self.form = nil
            if libraries.http.destroy_post_processor(form) != .YES {
                fail(Problem(.badRequest, "The multipart form ends before its last boundary."))
            }
            if formState == .beforeFile {
                fail(Problem(.badRequest, "The form has no field 'file' with the sound."))
            }
            decodeFields()
        }
        // An accepted sound must survive a crash of the machine.
        if problem == nil, synchronise(descriptor) != 0 { fail(Problem(SystemError.last)) }
        if let problem { throw problem }
        if countBytes == 0 {
            throw Problem(
                .notASound, "The request's body is empty (0 bytes), expected a sound file.")
        }
        close(descriptor)
        descriptor = -1
        return hash.hexadecimal
    }

    private func decodeFields() {
        for (name, bytes) in received {
            guard let text = String(validating: bytes, as: UTF8.self) else {
                return fail(Problem(.badRequest, "The form's field '\(name)' is not valid UTF-8."))
            }
            fields.append((name, text))
        }
    }

    private func store(_ bytes: UnsafeRawBufferPointer) {
        countBytes += bytes.count
        if countBytes > limitBytes { return fail(Upload.tooLarge(limitBytes)) }
        hash.update(bytes)
        do { try writeAll(bytes, to: descriptor) } catch { fail(Problem(error)) }
    }

    static func tooLarge(_ limitBytes: Int) -> Problem {
        Problem(
            .tooLarge,
            "The sound has more than the \(limitBytes) bytes that the service takes. Cut it, or "
                + "send it as FLAC.")
    }

    private func fail(_ problem: Problem) {
        if self.problem == nil { self.problem = problem }
    }

    /// Receives a piece of a field.
    fileprivate func field(
        _ name: String, fileName: String?, _ bytes: UnsafeRawBufferPointer, at offset: Int
    ) {
        if name == "file" {
            if offset == 0 {
                if formState != .beforeFile, !bytes.isEmpty || formState == .afterFile {
                    return fail(Problem(.badRequest, "The form has several fields 'file'."))
                }
                formState = .inFile
                self.fileName = fileName ?? self.fileName
            }
            store(bytes)
            return
        }
        if formState == .inFile { formState = .afterFile }
        fieldBytes += name.utf8.count + bytes.count
        guard fieldBytes <= Upload.mostFieldBytes, received.count < 100 else {
            return fail(Problem(.badRequest, "The form's fields are too many or too long."))
        }
        // The first piece may be empty.
        if let last = received.indices.last, received[last].name == name,
            offset > 0 || received[last].bytes.isEmpty
        {
            received[last].bytes += bytes
        } else {
            received.append((name, Array(bytes)))
        }
    }
}

private let takeField: MHD_PostDataIterator = {
    context, _, name, fileName, _, _, data, offset, count in
    guard let context, let name else { return .NO }
    let upload = Unmanaged<Upload>.fromOpaque(context).takeUnretainedValue()
    upload.field(
        String(cString: name), fileName: fileName.map { String(cString: $0) },
        UnsafeRawBufferPointer(start: data, count: count), at: Int(offset))
    // After a problem the rest is dropped.
    return upload.problem == nil ? .YES : .NO
}
