import Foundation

/// A pipe.
struct Conduit {
    let readEnd: Int32
    let writeEnd: Int32

    init() {
        // A writer must get an error if its reader has closed the pipe, not be killed by SIGPIPE.
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        pipe(&ends)
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    /// All bytes that `body` writes to its descriptor.
    static func bytes(from body: (Int32) throws -> Void) rethrows -> Data {
        let conduit = Conduit()
        let collected = Collected()
        Thread.detachNewThread {
            let reader = FileHandle(fileDescriptor: conduit.readEnd, closeOnDealloc: true)
            collected.data = reader.readDataToEndOfFile()
            collected.isComplete.signal()
        }
        do {
            defer { close(conduit.writeEnd) }
            try body(conduit.writeEnd)
        }
        collected.isComplete.wait()
        return collected.data
    }

    /// Written by one thread, then read by another after the signal.
    private final class Collected: @unchecked Sendable {
        var data = Data()
        let isComplete = DispatchSemaphore(value: 0)
    }

    /// A descriptor from which the bytes can be read.
    static func holding(_ bytes: Data) -> Int32 {
        let conduit = Conduit()
        Thread.detachNewThread {
            let writer = FileHandle(fileDescriptor: conduit.writeEnd, closeOnDealloc: true)
            try? writer.write(contentsOf: bytes)
        }
        return conduit.readEnd
    }
}
