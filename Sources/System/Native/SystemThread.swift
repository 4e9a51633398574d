// Threads of the system (pthreads), and a lock with a condition variable.

/// A thread for blocking work, which must not run on Swift's task threads.
///
/// Join or detach every thread. It blocks all signals that can come from outside, so that they go
/// to the program's own threads.
package struct SystemThread: @unchecked Sendable {
    // @unchecked: all threads may use a handle.
    private let handle: pthread_t

    /// Least stack in bytes for the kernels: the system's default follows `ulimit -s`, which may be
    /// far too small.
    package static let leastStackBytes = 1 << 20

    /// Starts the thread; nil if the system has no room for it.
    package init?(_ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(body: body))
        #if canImport(Darwin)
            var created: pthread_t?
        #else
            var created = pthread_t()
        #endif
        // The new thread inherits the signal mask of this one.
        var blocked = sigset_t()
        var former = sigset_t()
        sigfillset(&blocked)
        for fault in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP] { sigdelset(&blocked, fault) }
        pthread_sigmask(SIG_SETMASK, &blocked, &former)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        var stackBytes = 0
        pthread_attr_getstacksize(&attributes, &stackBytes)
        pthread_attr_setstacksize(&attributes, max(stackBytes, Self.leastStackBytes))
        let code = pthread_create(&created, &attributes, run, start.toOpaque())
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

    /// Lets the system free the thread when it ends; nobody waits for it.
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

/// A lock with a condition variable, to wait for changes of the state that the lock guards.
package final class Condition: @unchecked Sendable {
    // @unchecked: both objects are made for several threads, and keep their addresses.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    package init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        #if canImport(Darwin)
            pthread_cond_init(condition, nil)
        #else
            // Timed waits must not depend on the time of day, which can be set.
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            pthread_cond_init(condition, &attributes)
            pthread_condattr_destroy(&attributes)
        #endif
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

    /// Waits for ``broadcast()``; may also return without one. The caller holds the lock, which is
    /// released during the wait.
    package func wait() {
        pthread_cond_wait(condition, mutex)
    }

    /// Waits like ``wait()``, but not longer than `seconds`.
    package func wait(atMost seconds: Double) {
        guard seconds > 0 else { return }
        let nanoseconds = Int(min(seconds, 1e6) * 1e9)
        #if canImport(Darwin)
            var span = timespec(
                tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
            pthread_cond_timedwait_relative_np(condition, mutex, &span)
        #else
            var end = timespec()
            clock_gettime(CLOCK_MONOTONIC, &end)
            let sum = end.tv_nsec + nanoseconds
            end.tv_sec += sum / 1_000_000_000
            end.tv_nsec = sum % 1_000_000_000
            pthread_cond_timedwait(condition, mutex, &end)
        #endif
    }

    /// Wakes all threads that wait. The caller holds the lock.
    package func broadcast() {
        pthread_cond_broadcast(condition)
    }
}

/// Lets other threads run.
package func yieldThread() { sched_yield() }
