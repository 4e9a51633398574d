// Also Embedded Swift: typed throws, no key paths, no casts.
// An observer that takes values out of a forward pass, and changes them.

import Networks
import System
import Tensor

/// Makes the edits of values, and passes those that match a pattern to a sink.
package final class TraceObserver: ForwardObserver {
    private let patterns: [NamePattern]
    private let edits: [Edit]
    package let cancellation: CancellationToken?
    private let sink: (NamedTensor) -> Bool
    /// The names of all values, for errors.
    private var names: [String] = []
    private var hasGiven = false
    /// The values that phases are taken from.
    private var kept: [NamedTensor] = []
    /// The first error of an edit.
    package private(set) var failure: SeparationError?
    private var isStopped = false

    /// - Parameter sink: called with each value whose name a pattern selects, in the order of
    ///   computation; false stops the pass.
    package init(
        _ patterns: [NamePattern], _ edits: [Edit], cancellation: CancellationToken,
        sink: @escaping (NamedTensor) -> Bool
    ) {
        self.patterns = patterns
        self.edits = edits
        self.cancellation = cancellation
        self.sink = sink
    }

    package var probe: Probe? {
        if patterns.isEmpty, edits.isEmpty { return nil }
        return Probe(
            isWanted: { name in
                self.names.append(name)
                return self.failure == nil && !self.isStopped
                    && self.cancellation?.isCancelled != true
                    && (self.isSelected(name) || self.isKept(name)
                        || self.edits.contains { $0.pattern.selects(name) })
            },
            take: { name, x, layout, _ in
                var tensor = NamedTensor(name, x, layout)
                do throws(SeparationError) {
                    if try self.edits.apply(to: &tensor, others: self.kept) {
                        tensor.write(to: x, layout)
                    }
                } catch {
                    self.failure = error
                    return
                }
                if self.isKept(name) { self.kept.append(tensor) }
                guard self.isSelected(name) else { return }
                self.hasGiven = true
                self.isStopped = !self.sink(tensor)
            })
    }

    package func completed(_ block: NetworkBlock) throws(CancellationError) {
        if failure != nil || isStopped { throw CancellationError() }
        try cancellation?.check()
    }

    /// The patterns that selected nothing, and the names that there are; nil if all is well.
    ///
    /// - Parameter parameters: names of the parameters, which edits may select too.
    package func unmatched(
        parameters: [String]
    ) -> (patterns: [NamePattern], names: [String])? {
        if !patterns.isEmpty, !hasGiven { return (patterns, names) }
        let all = names + parameters
        for edit in edits where !all.contains(where: { edit.pattern.selects($0) }) {
            return ([edit.pattern], all)
        }
        return nil
    }

    private func isSelected(_ name: String) -> Bool {
        patterns.contains { $0.selects(name) }
    }

    private func isKept(_ name: String) -> Bool {
        edits.contains { $0.change == .phase(of: name) }
    }
}
