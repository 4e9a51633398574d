// The one thread pool: fixed threads that share the indices of a parallel loop.

import CKernels
import LibC
import Synchronization

/// A fixed set of threads that run parallel loops one after the other.
///
/// The caller of `run` is one of the threads. Which thread runs which index is left to chance, and
/// nothing that a loop computes may depend on it: that is how results stay the same for any number
/// of threads.
final class ThreadPool: Sendable {
    let threads: Int
    private let shared: Shared
    private let workers: [SystemThread]

    /// - Parameter threads: fewer run where the system refuses to start as many.
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
    func run(_ count: Int, _ body: (_ index: Int, _ thread: Int) -> Void) {
        guard count > 0 else { return }
        if workers.isEmpty || count == 1 {
            shared.exclusively {
                for index in 0..<count { body(index, 0) }
            }
            return
        }
        shared.exclusively {
            // No thread can call the body any more when `finish` returns.
            // This name keeps the checkout's path out of the binary: `withoutActuallyEscaping` stores
            // the file of its call, and its length even where `-file-prefix-map` shortens the path.
            #sourceLocation(file:"ThreadPool.run",line:51)
            withoutActuallyEscaping(body) { body in
                shared.start(Loop(count: count, body: body), workers: workers.count)
                shared.work(thread: 0)
                shared.finish()
            }
            #sourceLocation()
        }
    }
}

/// One parallel loop. The closure is called from several threads; its captures are the caller's
/// responsibility, which is why this is not checked.
private struct Loop: @unchecked Sendable {
    let count: Int
    let body: (_ index: Int, _ thread: Int) -> Void
}

/// The state that the threads of a pool share: the present loop, and the signal that there is one.
private final class Shared: @unchecked Sendable {
    /// Grows by one with every loop; workers watch it.
    private let generation = Atomic<Int>(0)
    private let nextIndex = Atomic<Int>(0)
    private let busyWorkers = Atomic<Int>(0)
    private let stopped = Atomic<Bool>(false)

    /// Written by the caller before `generation` grows and after `busyWorkers` reached zero, read by
    /// workers in between, so the atomics order every access.
    private var loop: Loop?

    private let callers = Mutex<Void>(())
    private let condition = Condition()

    /// How often a thread looks again before it sleeps: tens of microseconds, the gap between two
    /// loops of a forward pass. Sleeping and waking costs more than that.
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
            guard index < loop.count else { return }
            loop.body(index, thread)
        }
    }

    /// Waits until no worker runs the loop any more.
    func finish() {
        var spins = 0
        while busyWorkers.load(ordering: .acquiring) > 0 {
            spins += 1
            if spins < Self.spins { cpu_relax() } else { sched_yield() }
        }
        loop = nil
    }

    func stop() {
        stopped.store(true, ordering: .relaxed)
        wakeWorkers()
    }

    /// The life of a worker.
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
