// The thread pool where there is one thread.

/// Runs parallel loops on the caller's thread, with the interface of the pool of several threads.
struct ThreadPool: Sendable {
    let threads = 1

    init(threads: Int) {}

    /// Calls `body(index, 0)` once for every index below `count`.
    func run(_ count: Int, _ body: (_ index: Int, _ thread: Int) -> Void) {
        for index in 0..<count { body(index, 0) }
    }
}
