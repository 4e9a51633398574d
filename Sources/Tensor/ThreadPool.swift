// Also Embedded Swift: typed throws, no key paths, no casts.
// The one thread pool: fixed threads, of a system or of a page, that share the indices of a parallel loop.

import CKernels
import Synchronization
import System

/// A fixed set of threads that run parallel loops one after the other.
///
/// The caller of `run` is one of the threads. Any thread may run any index, so the results of a
/// loop may not depend on the thread: then they are the same for any number of threads.
final class ThreadPool: Sendable {
    let threads: Int
    private let shared: Shared
    private let workers: [SystemThread]

    /// - Parameter threads: number of threads; fewer run where the system refuses to start more.
    init(threads: Int) {
        let shared = Shared()
        var workers: [SystemThread] = []
        for number in 1..<max(1, threads) {
            guard let worker = SystemThread({ shared.serve(thread: number) }) else { break }
            workers.append(worker)
        }
        self.threads = 1 + workers.count
        self.shared = shared
        self.workers = workers
    }

    deinit {
        shared.stop()
        for worker in workers { worker.join() }
    }

    /// Calls `body(index, thread)` once for every index below `count`, `thread` below `threads`.
    ///
    /// Loops of different callers wait for each other. A body may not start a loop of its own.
    /// - Parameter cancellation: once it is cancelled, the remaining indices are left out.
    func run(
        _ count: Int, until cancellation: CancellationToken?,
        _ body: (_ index: Int, _ thread: Int) -> Void
    ) {
        guard count > 0 else { return }
        if workers.isEmpty || count == 1 {
            shared.exclusively {
                for index in 0..<count where cancellation?.isCancelled != true { body(index, 0) }
            }
            return
        }
        shared.exclusively {
            // No thread can call the body any more when `finish` returns.
            // This name keeps the checkout's path out of the binary: `withoutActuallyEscaping` stores
            // the file of its call.
            #sourceLocation(file:"ThreadPool.run",line:51)
            withoutActuallyEscaping(body) { body in
                shared.start(
                    Loop(count: count, cancellation: cancellation, body: body),
                    workers: workers.count)
                shared.work(thread: 0)
                shared.finish()
            }
            #sourceLocation()
        }
    }
}

/// One parallel loop.
///
/// @unchecked: several threads call the closure, and its captures are the caller's responsibility.
private struct Loop: @unchecked Sendable {
    let count: Int
    let cancellation: CancellationToken?
    let body: (_ index: Int, _ thread: Int) -> Void
}

/// The state that the threads of a pool share: the present loop, and the signal that it has begun.
private final class Shared: @unchecked Sendable {
    /// Grows by one with every loop; workers watch it.
    private let generation = Atomic<Int>(0)
    private let nextIndex = Atomic<Int>(0)
    private let busyWorkers = Atomic<Int>(0)
    private let stopped = Atomic<Bool>(false)

    /// The present loop. The caller writes it before `generation` grows and after `busyWorkers` has
    /// reached zero; workers read it in between. So the atomics order every access.
    private var loop: Loop?

    private let callers = Mutex<Void>(())
    private let condition = Condition()

    /// Checks that a waiting thread makes before it sleeps: they take tens of microseconds, as long
    /// as the gap between two loops of a forward pass. Sleeping and waking takes longer.
    private static let spins = 4_000

    func exclusively(_ body: () -> Void) {
        callers.withLock { _ in body() }
    }

    func start(_ loop: Loop, workers: Int) {
        self.loop = loop
        nextIndex.store(0, ordering: .relaxed)
        busyWorkers.store(workers, ordering: .relaxed)
        wakeWorkers()
    }

    private func wakeWorkers() {
        condition.withLock {
            generation.add(1, ordering: .releasing)
            condition.broadcast()
        }
    }

    func work(thread: Int) {
        guard let loop else { return }
        while true {
            let index = nextIndex.add(1, ordering: .relaxed).oldValue
            guard index < loop.count, loop.cancellation?.isCancelled != true else { return }
            loop.body(index, thread)
        }
    }

    /// Waits until no worker runs the loop any more.
    func finish() {
        var spins = 0
        while busyWorkers.load(ordering: .acquiring) > 0 {
            spins += 1
            if spins < Self.spins { cpu_relax() } else { yieldThread() }
        }
        loop = nil
    }

    func stop() {
        stopped.store(true, ordering: .relaxed)
        wakeWorkers()
    }

    /// Main loop of a worker: waits for parallel loops and runs them until the pool stops.
    func serve(thread: Int) {
        var seen = 0
        while true {
            seen = awaitGeneration(after: seen)
            if stopped.load(ordering: .relaxed) { return }
            work(thread: thread)
            busyWorkers.subtract(1, ordering: .releasing)
        }
    }

    private func awaitGeneration(after seen: Int) -> Int {
        for _ in 0..<Self.spins {
            let now = generation.load(ordering: .acquiring)
            if now != seen { return now }
            cpu_relax()
        }
        return condition.withLock {
            while true {
                let now = generation.load(ordering: .acquiring)
                if now != seen { return now }
                condition.wait()
            }
        }
    }
}
