// Reading tensors by name and shape.

import Testing
import WeightsLoader

struct ParameterReaderTests {
    /// `encoder.0.weight` [2] = 1, −2 and `encoder.1.bias` [1] = 2 and an integer `steps`.
    private let file: CraftedFile

    init() throws {
        file = try CraftedFile(
            header: #"{"encoder.0.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#
                + #""encoder.1.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"#
                + #""steps":{"dtype":"I32","shape":[],"data_offsets":[12,16]}}"#,
            data: [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 0, 0, 0, 0x40, 5, 0, 0, 0])
    }

    @Test func scopesFindTensorsByTheirFullName() throws {
        let reader = try file.open().parameters()
        let encoder = reader.scope("encoder")
        #expect(try encoder.scope("0").floats("weight", [2]) == [1, -2])
        #expect(try reader.floats("encoder.1.bias", [1]) == [2])
        #expect(encoder.scope("1").has("bias"))
        #expect(!encoder.scope("1").has("weight"))
        #expect(!encoder.has("encoder.1.bias"))
    }

    @Test func leftoversAreNamedInTheOrderOfTheFile() throws {
        let reader = try file.open().parameters()
        _ = try reader.scope("encoder").scope("1").floats("bias", [1])
        // `has` doesn't count as reading.
        #expect(reader.has("steps"))
        #expect(
            throws: WeightsError.tensorsUnused(
                path: file.path, tensors: ["encoder.0.weight", "steps"])
        ) { try reader.scope("encoder").finish() }
    }

    @Test func finishAcceptsACheckpointReadToTheEnd() throws {
        let whole = try CraftedFile(
            header: #"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#)
        let reader = try whole.open().parameters()
        _ = try reader.floats("a", [0])
        try reader.finish()
    }

    @Test func aMissingTensorIsNamedBesideSimilarOnes() throws {
        let reader = try file.open().parameters()
        _ = try reader.floats("encoder.0.weight", [2])
        let error = WeightsError.tensorMissing(
            path: file.path, tensor: "encoder.1.weight", unasked: 2,
            similar: ["encoder.1.bias", "steps"])
        #expect(throws: error) { try reader.scope("encoder.1").floats("weight", [2]) }
        #expect(
            error.description
                == "\(file.path): the tensor \"encoder.1.weight\" is missing; 2 tensors of "
                + "the file were not read: \"encoder.1.bias\", \"steps\"; the file's "
                + "arguments don't fit its tensors")
    }

    @Test(arguments: [[1], [2, 1], [1, 2], []])
    func anotherShapeIsRefused(shape: [Int]) throws {
        let reader = try file.open().parameters()
        let error = WeightsError.shapeMismatch(
            path: file.path, tensor: "encoder.0.weight", found: [2], expected: shape)
        #expect(throws: error) { try reader.scope("encoder.0").floats("weight", shape) }
    }

    @Test func integersAreNotParameters() throws {
        let reader = try file.open().parameters()
        #expect(
            throws: WeightsError.notFloats(path: file.path, tensor: "steps", found: .int32)
        ) { try reader.floats("steps", []) }
    }
}
