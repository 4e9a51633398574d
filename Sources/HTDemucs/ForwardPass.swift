// Also Embedded Swift: typed throws, no key paths, no casts.
// The context of a forward pass, for each of its parts.

import Networks
import System
import Tensor

/// A forward pass: the backend that it runs on, its observer, and the probe of the module that runs.
package struct ForwardPass {
    let backend: Backend
    /// Takes the module's intermediate values; nil for none, so that layers may be fused.
    let probe: Probe?
    private let observer: any ForwardObserver

    /// - Parameter observer: notified after each block; may take intermediate values and stop the
    ///   pass.
    package init(
        on backend: Backend, observer: some ForwardObserver = CancellationToken()
    ) {
        self.init(backend.until(observer.cancellation), observer, observer.probe)
    }

    private init(_ backend: Backend, _ observer: any ForwardObserver, _ probe: Probe?) {
        self.backend = backend
        self.observer = observer
        self.probe = probe
    }

    /// Notifies the observer that a block is done.
    ///
    /// - Throws: the observer's error.
    func completed(_ block: NetworkBlock) throws(CancellationError) {
        try observer.completed(block)
    }

    /// This pass in a part of the module.
    func scope(_ name: @autoclosure () -> String) -> ForwardPass {
        guard let probe else { return self }
        return ForwardPass(backend, observer, probe.scope(name()))
    }
}
