// Threads of the system, and what they wait with.

import LibC

/// A thread of its own for work that blocks or that no task may wait for.
///
/// It must be joined or detached. Signals go to the program's own threads: it blocks all that can come
/// from outside.
package struct SystemThread: @unchecked Sendable {
    // @unchecked: a handle is a number to all threads.
    private let handle: pthread_t

    /// Starts the thread; nil if the system has no room for it.
    package init?(_ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(body: body))
        #if canImport(Darwin)
            var created: pthread_t?
        #else
            var created = pthread_t()
        #endif
        // The new thread inherits what this one blocks.
        var blocked = sigset_t()
        var former = sigset_t()
        sigfillset(&blocked)
        for fault in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP] { sigdelset(&blocked, fault) }
        pthread_sigmask(SIG_SETMASK, &blocked, &former)
        let code = pthread_create(&created, nil, run, start.toOpaque())
        pthread_sigmask(SIG_SETMASK, &former, nil)
        guard code == 0 else {
            start.release()
            return nil
        }
        #if canImport(Darwin)
            guard let created else { return nil }
            handle = created
        #else
            handle = created
        #endif
    }

    /// Waits until the thread has ended.
    package func join() {
        pthread_join(handle, nil)
    }

    /// Lets the thread end by itself.
    package func detach() {
        pthread_detach(handle)
    }
}

private final class Start {
    let body: @Sendable () -> Void

    init(body: @escaping @Sendable () -> Void) { self.body = body }
}

#if canImport(Darwin)
    private func run(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
        return nil
    }
#else
    private func run(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let argument else { return nil }
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
        return nil
    }
#endif

/// A lock, and waiting for a change of what it guards.
package final class Condition: @unchecked Sendable {
    // @unchecked: both are made for several threads, and stay where they are.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    package init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    package func withLock<Value, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Waits for ``broadcast()``, or for no reason. The caller has the lock, which is free meanwhile.
    package func wait() {
        pthread_cond_wait(condition, mutex)
    }

    /// Wakes all threads that wait. The caller has the lock.
    package func broadcast() {
        pthread_cond_broadcast(condition)
    }
}

/// The cores that this process may run on.
package func countAvailableCores() -> Int { Int(count_available_cores()) }
