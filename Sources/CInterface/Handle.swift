// Handles: the objects behind `sd_model *` and the other opaque pointers.

import CSwiftDemucs
import System

/// An object that C refers to by an opaque pointer.
///
/// A header in front of the object detects a pointer of another kind, a closed handle whose memory
/// has not been reused yet, and a handle that a parent process opened before `fork()`.
struct Handle<Object: AnyObject> {
    private struct Header {
        var kind: UInt64
        let process: pid_t
        let object: Unmanaged<Object>
    }

    /// A number for each kind of object, unlikely to be found in other memory.
    private let kind: UInt64
    /// The name of the handle's type, for messages.
    private let name: String

    init(_ name: String, kind: UInt64) {
        self.name = name
        self.kind = 0x5344_6861_6e64_6c00 | kind
    }

    /// Gives an object to C, as a pointer that ``close(_:)`` frees.
    func open(_ object: Object) -> OpaquePointer {
        let header = UnsafeMutablePointer<Header>.allocate(capacity: 1)
        header.initialize(
            to: Header(kind: kind, process: getpid(), object: .passRetained(object)))
        return OpaquePointer(header)
    }

    /// The object of a handle.
    ///
    /// - Throws: `CallError` with `SD_ERROR_ARGUMENT`, `SD_ERROR_FORKED`.
    func object(_ pointer: OpaquePointer?) throws(CallError) -> Object {
        let header = try header(pointer)
        guard header.pointee.process == getpid() else {
            throw CallError(
                SD_ERROR_FORKED,
                "this \(name) was opened before fork(), and the child has none of its threads; open "
                    + "another one in the child")
        }
        return header.pointee.object.takeUnretainedValue()
    }

    /// Releases the object of a handle. Ignores pointers that are not an open handle of this kind;
    /// in a child of the process that opened the handle, the object stays, because its threads
    /// can't be ended.
    func close(_ pointer: OpaquePointer?) {
        guard let header = try? header(pointer) else { return }
        if header.pointee.process == getpid() { header.pointee.object.release() }
        header.pointee.kind = 0
        header.deallocate()
    }

    private func header(_ pointer: OpaquePointer?) throws(CallError) -> UnsafeMutablePointer<Header>
    {
        guard let pointer else {
            throw CallError(SD_ERROR_ARGUMENT, "the \(name) is NULL; expected an open one")
        }
        let header = UnsafeMutablePointer<Header>(pointer)
        guard Int(bitPattern: header).isMultiple(of: MemoryLayout<Header>.alignment),
            header.pointee.kind == kind
        else {
            throw CallError(
                SD_ERROR_ARGUMENT, "the pointer is no open \(name); it may have been closed")
        }
        return header
    }
}
