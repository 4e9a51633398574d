// Checkpoints that don't fit the model of their own arguments: each one is refused with an error
// that names the tensor or the argument.

import HTDemucs
import Networks
import Tensor
import TestSupport
import Testing
import WeightsLoader

@Suite struct LoadingErrorTests {
    let backend: Backend

    init() throws {
        backend = try Backend(threads: 1)
    }

    /// Expects that building the model gives an error that `isExpected` accepts.
    private func expectError<Failure: Error>(
        _ crafted: RawCheckpoint, _ place: Comment? = nil,
        sourceLocation: SourceLocation = #_sourceLocation,
        isExpected: (Failure) -> Bool
    ) throws {
        let checkpoint = try crafted.open()
        let error = #expect(
            throws: Failure.self, place, sourceLocation: sourceLocation
        ) { try checkpoint.network(backend: backend) }
        if let error {
            #expect(isExpected(error), "\(error)", sourceLocation: sourceLocation)
        }
    }

    /// Expects such an error for a changed fixture `mono`.
    private func expectError<Failure: Error>(
        after change: (inout RawCheckpoint) throws -> Void,
        sourceLocation: SourceLocation = #_sourceLocation,
        isExpected: (Failure) -> Bool
    ) throws {
        var crafted = try RawCheckpoint(fixture: "mono")
        try change(&crafted)
        try expectError(crafted, sourceLocation: sourceLocation, isExpected: isExpected)
    }

    /// Calls `body` with the index of every tensor of a small model with all kinds of layers, and
    /// of those tensors that only a larger model or one with LSTMs has.
    private func forEachTensor(_ body: (RawCheckpoint, Int) throws -> Void) throws {
        let small = try RawCheckpoint(fixture: "norm_from_second")
        for index in small.tensors.indices { try body(small, index) }
        for (fixture, part) in [("base", "channel_"), ("hybrid", "lstm")] {
            let larger = try RawCheckpoint(fixture: fixture)
            for index in larger.tensors.indices where larger.tensors[index].name.contains(part) {
                try body(larger, index)
            }
        }
    }

    @Test func everyMissingTensorIsNamed() throws {
        try forEachTensor { whole, index in
            var crafted = whole
            let name = crafted.tensors.remove(at: index).name
            try expectError(crafted, "without \(name)") { (error: WeightsError) in
                if case .tensorMissing(_, name, _, _) = error { true } else { false }
            }
        }
    }

    @Test func everyWrongShapeIsNamedWithTheRightOne() throws {
        try forEachTensor { whole, index in
            var crafted = whole
            let tensor = crafted.tensors[index]
            // The number of elements is the same, so that only the shape is wrong.
            let found = tensor.shape + [1]
            crafted.tensors[index].shape = found
            try expectError(crafted, "\(tensor.name) as \(found)") { (error: WeightsError) in
                if case .shapeMismatch(_, tensor.name, found, tensor.shape) = error {
                    true
                } else {
                    false
                }
            }
        }
    }

    @Test func anotherClassIsRefused() throws {
        try expectError {
            $0.metadata["klass"] = "demucs.hdemucs.Demucs"
        } isExpected: { (error: WeightsError) in
            if case .otherModel(_, "demucs.hdemucs.Demucs", Architecture.classNames) = error {
                true
            } else {
                false
            }
        }
    }

    @Test func argumentsForMoreOrFewerLayersThanThereAreRefused() throws {
        try expectError {
            try $0.set("t_layers", to: 3)
        } isExpected: { (error: WeightsError) in
            guard case .tensorMissing(_, let missing, _, _) = error else { return false }
            return missing.hasPrefix("crosstransformer.layers.2.")
        }
        try expectError {
            try $0.set("t_layers", to: 1)
        } isExpected: { (error: WeightsError) in
            guard case .tensorsUnused(_, let unused) = error else { return false }
            return unused.allSatisfy {
                $0.hasPrefix("crosstransformer.layers.1.")
                    || $0.hasPrefix("crosstransformer.layers_t.1.")
            }
        }
    }
}
