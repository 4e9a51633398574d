// Runs segments where a network takes all threads.

import System
import Tensor

/// One segment at a time, on the caller's thread, with the interface of the workers of an operating
/// system.
final class SegmentWorkers {
    let count = 1
    let capacity = 1

    private let network: TrackPipeline.Network
    private let cancellation: CancellationToken
    private var waiting: (member: Int, mix: Tensor)?

    /// - Parameter networks: the first one runs all segments.
    init(_ networks: [TrackPipeline.Network], cancellation: CancellationToken) {
        network = networks[0]
        self.cancellation = cancellation
    }

    /// Submits a segment. No other may be under way.
    func submit(member: Int, mix: Tensor) {
        precondition(waiting == nil)
        waiting = (member, mix)
    }

    /// Runs the segment.
    ///
    /// - Throws: the network's error, or `CancellationError`.
    func next() throws(AnyError) -> Tensor {
        guard let segment = waiting else { preconditionFailure("no segment was submitted") }
        waiting = nil
        do { try cancellation.check() } catch { throw error.erased }
        return try network(segment.member, segment.mix)
    }

    func stop() {}
}
