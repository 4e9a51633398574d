// Threads of a web page, with the interface of the system's: workers that share the program's memory.

import Synchronization

/// A thread for blocking work: one of the workers that call ``serveAsThread()``.
package struct SystemThread {
    private let work: ThreadWork

    /// Gives the work to a waiting worker; nil if none waits.
    package init?(_ body: @escaping @Sendable () -> Void) {
        guard let work = ThreadWorkers.shared.start(body) else { return nil }
        self.work = work
    }

    /// Waits until the thread has ended.
    package func join() { ThreadWorkers.shared.awaitEnd(of: work) }
}

/// Makes the calling worker a thread for ``SystemThread``, over and over. Never returns.
package func serveAsThread() -> Never { ThreadWorkers.shared.serve() }

/// Waits until so many workers wait for work.
package func awaitThreads(_ count: Int) { ThreadWorkers.shared.awaitWaiting(count) }

/// Lets other threads run: on a busy machine one of them may wait for this core.
package func yieldThread() { sleep_briefly() }

private final class ThreadWork: @unchecked Sendable {
    let body: @Sendable () -> Void
    /// Only touched while the workers' condition is locked.
    var hasEnded = false

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// All workers of the page, and the work that none of them has taken yet.
private final class ThreadWorkers: @unchecked Sendable {
    static let shared = ThreadWorkers()

    // Only touched while `condition` is locked.
    private let condition = Condition()
    private var waiting = 0
    private var works: [ThreadWork] = []

    func awaitWaiting(_ count: Int) {
        condition.withLock {
            while waiting - works.count < count { condition.wait() }
        }
    }

    func start(_ body: @escaping @Sendable () -> Void) -> ThreadWork? {
        condition.withLock {
            guard works.count < waiting else { return nil }
            let work = ThreadWork(body)
            works.append(work)
            condition.broadcast()
            return work
        }
    }

    func awaitEnd(of work: ThreadWork) {
        condition.withLock {
            while !work.hasEnded { condition.wait() }
        }
    }

    func serve() -> Never {
        var ended: ThreadWork?
        while true {
            let work = condition.withLock {
                ended?.hasEnded = true
                waiting += 1
                condition.broadcast()
                while works.isEmpty { condition.wait() }
                waiting -= 1
                return works.removeFirst()
            }
            work.body()
            ended = work
        }
    }
}

/// A lock with a condition variable, to wait for changes of the state that the lock guards.
///
/// A thread that waits for the lock spins at first: what it guards takes microseconds.
package final class Condition: @unchecked Sendable {
    // @unchecked: `isLocked` orders all accesses; `changes` is read and changed atomically.
    private let isLocked = Atomic<Bool>(false)
    /// Checks of a lock that take longer than most holders keep it.
    private static let spins = 1000
    /// Grows with every broadcast.
    private let changes: UnsafeMutablePointer<Int32>

    package init() {
        changes = .allocate(capacity: 1)
        changes.initialize(to: 0)
    }

    deinit { changes.deallocate() }

    package func withLock<Value, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        lock()
        defer { unlock() }
        return try body()
    }

    /// Waits for ``broadcast()``; may also return without one. The caller holds the lock, which is
    /// released during the wait.
    package func wait() {
        let seen = changes.pointee
        unlock()
        wait_while_equal(changes, seen)
        lock()
    }

    /// Wakes all threads that wait. The caller holds the lock.
    package func broadcast() { add_and_wake(changes) }

    private func lock() {
        var spins = 0
        while isLocked.exchange(true, ordering: .acquiring) {
            spins += 1
            if spins > Self.spins { yieldThread() }
        }
    }

    private func unlock() { isLocked.store(false, ordering: .releasing) }
}
