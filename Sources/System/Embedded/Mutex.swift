// The lock of the module Synchronization, which Embedded Swift lacks.

import Synchronization

/// A value that one thread at a time may access. Other threads spin: what it guards takes microseconds.
package final class Mutex<Value>: @unchecked Sendable {
    // @unchecked: only the thread that has set `isLocked` accesses the value.
    private let isLocked = Atomic<Bool>(false)
    private var value: Value

    package init(_ value: sending Value) { self.value = value }

    package func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        while isLocked.exchange(true, ordering: .acquiring) {}
        defer { isLocked.store(false, ordering: .releasing) }
        return try body(&value)
    }
}
