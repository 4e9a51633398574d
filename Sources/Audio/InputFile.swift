// An open regular file: its raw bytes, and libsndfile's view of them.

import CSndFile
import Synchronization
import System

/// A regular file that is open for reading until the object is freed. Any number of threads may
/// read, because no read moves the descriptor's position.
final class InputFile: Sendable {
    /// Name of the file in messages.
    let path: String
    let descriptor: Int32
    let sizeBytes: Int
    private let version: [Int]
    /// Why a read failed.
    private let failure = Mutex<SystemError?>(nil)

    /// Takes over an open descriptor, which is closed even if this fails.
    ///
    /// - Throws: ``AudioError`` `unreadable`, `isFolder`, `notAFile` or `empty`.
    init(descriptor: Int32, path: String) throws(AudioError) {
        var status = stat()
        let failed = fstat(descriptor, &status) != 0
        let reason = SystemError.last.description
        self.path = path
        self.descriptor = descriptor
        version = Self.version(status)
        sizeBytes = failed ? 0 : Int(status.st_size)
        // From here on deinit closes the descriptor, even if this throws.
        if failed { throw .unreadable(path: path, reason: reason) }
        let kind = status.st_mode & S_IFMT
        if kind == S_IFDIR { throw .isFolder(path: path) }
        if kind != S_IFREG { throw .notAFile(path: path) }
        if sizeBytes == 0 { throw .empty(path: path) }
    }

    deinit {
        close(descriptor)
    }

    /// The bytes at an offset, fewer at the end of the file.
    func bytes(at offset: Int, count: Int) -> [UInt8] {
        guard offset >= 0 && offset < sizeBytes else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialised in
            initialised = read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
        }
    }

    /// Reads bytes, fewer at the end of the file. ``checkUnchanged()`` throws the error of a read that fails.
    fileprivate func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        do throws(SystemError) {
            return try readAll(into: bytes, from: descriptor, at: offset)
        } catch {
            failure.withLock { $0 = error }
            return 0
        }
    }

    /// - Throws: ``AudioError/changed(path:)`` if the file was written to since it was opened,
    ///   ``AudioError/unreadable(path:reason:)`` if it could not be read.
    func checkUnchanged() throws(AudioError) {
        if let failure = failure.withLock({ $0 }) { throw .unreadable(path: path, failure) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, Self.version(status) == version else {
            throw .changed(path: path)
        }
    }

    /// The attributes of a file that change when it is written to.
    private static func version(_ status: stat) -> [Int] {
        [Int(status.st_size), status.modifiedNanoseconds]
    }
}

/// One decoder's place in the bytes that it sees of an ``InputFile``.
final class InputCursor {
    private let file: InputFile
    private let bytes: Range<Int>
    /// Whether libmpg123 may not find the end: it would guess the length by it, and stop there.
    private let hidesEnd: Bool
    private var offset = 0

    init(_ file: InputFile, _ bytes: Range<Int>, hidesEnd: Bool) {
        (self.file, self.bytes, self.hidesEnd) = (file, bytes, hidesEnd)
    }

    /// Opens a decoder that reads through this cursor, which must outlive it.
    func openDecoder(_ info: inout SF_INFO) -> OpaquePointer? {
        // libsndfile passes this cursor, the user data below, back to the functions.
        var functions = SF_VIRTUAL_IO(
            get_filelen: { sf_count_t(InputCursor.from($0).bytes.count) },
            seek: { sf_count_t(InputCursor.from($2).seek(Int($0), from: $1)) },
            read: { sf_count_t(InputCursor.from($2).read(into: $0, count: Int($1))) },
            write: { _, _, _ in 0 },
            tell: { sf_count_t(InputCursor.from($0).offset) })
        return sf_open_virtual(
            &functions, Int32(SFM_READ), &info, Unmanaged.passUnretained(self).toOpaque())
    }

    private static func from(_ pointer: UnsafeMutableRawPointer?) -> InputCursor {
        Unmanaged<InputCursor>.fromOpaque(pointer!).takeUnretainedValue()
    }

    private func seek(_ distance: Int, from origin: Int32) -> Int {
        if origin == SEEK_END, hidesEnd { return -1 }
        let start = origin == SEEK_SET ? 0 : origin == SEEK_CUR ? offset : bytes.count
        let (target, overflow) = start.addingReportingOverflow(distance)
        guard !overflow, target >= 0 else { return -1 }
        offset = target
        return target
    }

    private func read(into pointer: UnsafeMutableRawPointer?, count: Int) -> Int {
        guard let pointer, count > 0, offset < bytes.count else { return 0 }
        let wanted = UnsafeMutableRawBufferPointer(
            start: pointer, count: min(count, bytes.count - offset))
        let got = file.read(into: wanted, at: bytes.lowerBound + offset)
        offset += got
        return got
    }
}
