// Checkpoints that don't fit the model which their own arguments describe: each is refused by an
// error that names the tensor or the argument.

import HTDemucs
import Tensor
import TestSupport
import Testing
import WeightsLoader

@Suite struct LoadingErrorTests {
    let backend: Backend

    init() throws {
        backend = try Backend(threads: 1)
    }

    /// The error that building the model gives; nil if it can be built.
    private func error(_ crafted: CraftedCheckpoint) throws -> (any Error)? {
        let checkpoint = try crafted.open()
        do {
            _ = try HTDemucs(checkpoint, backend: backend)
            return nil
        } catch {
            return error
        }
    }

    @Test func anUnchangedCopyLoads() throws {
        let found = try error(try CraftedCheckpoint(fixture: "mono"))
        #expect(found == nil)
    }

    /// A small model with every kind of layer, and of a larger one what only that has.
    private func wholeCheckpoints() throws -> [(CraftedCheckpoint, indices: [Int])] {
        let small = try CraftedCheckpoint(fixture: "norm_from_second")
        let base = try CraftedCheckpoint(fixture: "base")
        return [
            (small, Array(small.tensors.indices)),
            (base, base.tensors.indices.filter { base.tensors[$0].name.hasPrefix("channel_") }),
        ]
    }

    @Test func everyMissingTensorIsNamed() throws {
        for (whole, indices) in try wholeCheckpoints() {
            for index in indices { try expectMissing(index, in: whole) }
        }
    }

    private func expectMissing(_ index: Int, in whole: CraftedCheckpoint) throws {
        var crafted = whole
        let name = crafted.tensors.remove(at: index).name
        guard case .tensorMissing(_, name, _, _)? = try error(crafted) as? WeightsError else {
            Issue.record("without \(name)")
            return
        }
    }

    @Test func everyWrongShapeIsNamedWithTheRightOne() throws {
        for (whole, indices) in try wholeCheckpoints() {
            for index in indices { try expectWrongShape(index, in: whole) }
        }
    }

    private func expectWrongShape(_ index: Int, in whole: CraftedCheckpoint) throws {
        var crafted = whole
        let tensor = crafted.tensors[index]
        // As many elements, so that only the shape is wrong.
        let found = tensor.shape + [1]
        crafted.tensors[index].shape = found
        guard
            case .shapeMismatch(_, tensor.name, found, tensor.shape)? = try error(crafted)
                as? WeightsError
        else {
            Issue.record("\(tensor.name) as \(found)")
            return
        }
    }

    @Test func aTensorTooManyIsNamed() throws {
        var crafted = try CraftedCheckpoint(fixture: "mono")
        crafted.tensors.append(.init(name: "encoder.9.extra", shape: [2], values: [1, 2]))
        guard case .tensorsUnused(_, ["encoder.9.extra"])? = try error(crafted) as? WeightsError
        else {
            Issue.record("a tensor that has no place")
            return
        }
    }

    @Test func aRenamedTensorIsMissedAndItsNewNameSuggested() throws {
        var crafted = try CraftedCheckpoint(fixture: "mono")
        let index = try #require(
            crafted.tensors.firstIndex { $0.name == "encoder.1.conv.weight" })
        crafted.tensors[index].name = "encoder.1.conv.weights"
        guard
            case .tensorMissing(_, "encoder.1.conv.weight", _, let similar)? = try error(crafted)
                as? WeightsError
        else {
            Issue.record("a renamed tensor")
            return
        }
        #expect(similar.first == "encoder.1.conv.weights")
    }

    @Test func weightsThatAreNoFloatsAreRefused() throws {
        var crafted = try CraftedCheckpoint(fixture: "mono")
        crafted.tensors[3].elementType = .int32
        let name = crafted.tensors[3].name
        guard case .notFloats(_, name, _)? = try error(crafted) as? WeightsError else {
            Issue.record("a tensor of whole numbers")
            return
        }
    }

    @Test func anotherClassIsRefused() throws {
        var crafted = try CraftedCheckpoint(fixture: "mono")
        crafted.metadata["klass"] = "demucs.hdemucs.HDemucs"
        guard
            case .otherModel(_, "demucs.hdemucs.HDemucs", Configuration.className)? =
                try error(crafted) as? WeightsError
        else {
            Issue.record("a model of another class")
            return
        }
    }

    @Test func argumentsForMoreOrFewerLayersThanThereAreRefused() throws {
        var crafted = try CraftedCheckpoint(fixture: "mono")
        try crafted.set("t_layers", to: 3)
        guard
            case .tensorMissing(_, let missing, _, _)? = try error(crafted) as? WeightsError
        else {
            Issue.record("three layers where there are two")
            return
        }
        #expect(missing.hasPrefix("crosstransformer.layers.2."))

        try crafted.set("t_layers", to: 1)
        guard case .tensorsUnused(_, let unused)? = try error(crafted) as? WeightsError else {
            Issue.record("one layer where there are two")
            return
        }
        #expect(
            unused.allSatisfy {
                $0.hasPrefix("crosstransformer.layers.1.")
                    || $0.hasPrefix("crosstransformer.layers_t.1.")
            })
    }

    @Test func anOptionThatIsNotBuiltIsNamed() throws {
        var crafted = try CraftedCheckpoint(fixture: "mono")
        try crafted.set("cac", to: false)
        guard case .unsupported("cac", _, _)? = try error(crafted) as? ConfigurationError else {
            Issue.record("a spectrogram without complex channels")
            return
        }
    }

    /// Two layers behind the one where the branches merge: no released model has them.
    @Test func aDepthBehindTheMergeIsRefused() throws {
        let crafted = try CraftedCheckpoint(fixture: "merge_deeper")
        guard case .unsupported("depth", "4", _)? = try error(crafted) as? ConfigurationError
        else {
            Issue.record("a layer behind the merge")
            return
        }
    }
}
