// The changes that a page makes inside a network, and the values that it takes from there.

import CWeb
import HTDemucs
import Networks
import System
import Tensor
import Tracks
import WeightsLoader

/// Edits of values and parameters, and patterns of the values that the page takes.
struct Inspection: Sendable {
    private var edits: [Edit] = []
    private var patterns: [NamePattern] = []

    init() {}

    /// - Parameters:
    ///   - edits: separated by line feeds.
    ///   - values: patterns, separated by commas.
    init(edits: String, values: String) throws(AnyError) {
        for line in edits.utf8.split(separator: UInt8(ascii: "\n")) {
            do { self.edits.append(try Edit(String(Substring(line)))) } catch {
                throw error.erased
            }
        }
        patterns = NamePattern.list(values)
    }

    /// The edits that change one of these parameters.
    func edits(of parameters: [String]) -> [Edit] {
        edits.filter { edit in parameters.contains { edit.pattern.selects($0) } }
    }

    /// The parameters that the edits change.
    func replacements(
        in checkpoint: Checkpoint
    ) throws(AnyError) -> ParameterReader.Replacements {
        var replacements = ParameterReader.Replacements()
        for stored in checkpoint.tensors
        where edits.contains(where: { $0.pattern.selects(stored.name) }) {
            let values: [Float]
            do { values = try checkpoint.floats(stored) } catch { throw error.erased }
            var tensor = NamedTensor(stored.name, stored.shape, values)
            do { try edits.apply(to: &tensor) } catch { throw error.erased }
            replacements.floats[stored.name] = tensor.values
        }
        return replacements
    }

    /// Runs a network with the edits, and tells the page of blocks and values.
    ///
    /// - Parameter parameterNames: names that edits may have besides those of values.
    func forward(
        _ network: LoadedNetwork, _ mix: Tensor, parameterNames: [String],
        _ cancellation: CancellationToken
    ) throws(AnyError) -> Tensor {
        let trace = TraceObserver(patterns, edits, cancellation: cancellation) {
            Self.give($0)
            return true
        }
        PageObserver.tell("begin")
        let stems: Tensor
        do {
            stems = try network.forward(mix, observer: PageObserver(trace))
        } catch {
            throw trace.failure?.erased ?? error.erased
        }
        if let failure = trace.failure { throw failure.erased }
        if let unmatched = trace.unmatched(parameters: parameterNames) {
            throw WebError.noMatch(pattern: unmatched.patterns[0].text).erased
        }
        return stems
    }

    static func give(_ tensor: NamedTensor) {
        let (name, shape) = (Array(tensor.name.utf8), tensor.shape.map { Int32($0) })
        name.withUnsafeBufferPointer { name in
            shape.withUnsafeBufferPointer { shape in
                tensor.values.withUnsafeBufferPointer { values in
                    guard let name = name.baseAddress, let lengths = shape.baseAddress,
                        let first = values.baseAddress
                    else { return }
                    page_value(
                        name, Int32(tensor.name.utf8.count), lengths, Int32(shape.count), first,
                        Int32(values.count))
                }
            }
        }
    }
}

/// Tells the page of each block that is done, so that it can measure their times.
private final class PageObserver: ForwardObserver {
    private let trace: TraceObserver

    init(_ trace: TraceObserver) { self.trace = trace }

    var cancellation: CancellationToken? { trace.cancellation }
    var probe: Probe? { trace.probe }

    func completed(_ block: NetworkBlock) throws(CancellationError) {
        Self.tell(block.description)
        try trace.completed(block)
    }

    static func tell(_ block: String) {
        let name = Array(block.utf8)
        name.withUnsafeBufferPointer { name in
            if let first = name.baseAddress { page_block(first, Int32(name.count)) }
        }
    }
}
