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

    @Test func anUnchangedCopyLoads() throws {
        _ = try RawCheckpoint(fixture: "mono").open().network(backend: backend)
    }

    /// Calls `body` with the index of every tensor of a small model with all kinds of layers, and
    /// of those tensors that only a larger model has.
    private func forEachTensor(_ body: (RawCheckpoint, Int) throws -> Void) throws {
        let small = try RawCheckpoint(fixture: "norm_from_second")
        for index in small.tensors.indices { try body(small, index) }
        let base = try RawCheckpoint(fixture: "base")
        for index in base.tensors.indices where base.tensors[index].name.hasPrefix("channel_") {
            try body(base, index)
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

    @Test func aTensorTooManyIsNamed() throws {
        try expectError {
            $0["encoder.9.extra"] = .init(name: "encoder.9.extra", shape: [2], floats: [1, 2])
        } isExpected: { (error: WeightsError) in
            if case .tensorsUnused(_, ["encoder.9.extra"]) = error { true } else { false }
        }
    }

    @Test func aRenamedTensorIsMissedAndItsNewNameSuggested() throws {
        try expectError {
            let index = try #require(
                $0.tensors.firstIndex { $0.name == "encoder.1.conv.weight" })
            $0.tensors[index].name = "encoder.1.conv.weights"
        } isExpected: { (error: WeightsError) in
            guard case .tensorMissing(_, "encoder.1.conv.weight", _, let similar) = error else {
                return false
            }
            return similar.first == "encoder.1.conv.weights"
        }
    }

    @Test func weightsThatAreNoFloatsAreRefused() throws {
        let name = try RawCheckpoint(fixture: "mono").tensors[3].name
        try expectError {
            $0.tensors[3].type = .int32
        } isExpected: { (error: WeightsError) in
            if case .notFloats(_, name, _) = error { true } else { false }
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

    @Test func anOptionThatIsNotBuiltIsNamed() throws {
        try expectError {
            try $0.set("cac", to: false)
        } isExpected: { (error: ConfigurationError) in
            if case .unsupported("cac", _, _) = error { true } else { false }
        }
    }

    /// Two layers after the one in which the branches merge: no released model has them.
    @Test func aDepthBehindTheMergeIsRefused() throws {
        try expectError(RawCheckpoint(fixture: "merge_deeper")) { (error: ConfigurationError) in
            if case .unsupported("depth", "4", _) = error { true } else { false }
        }
    }
}
