// Crafted demucs.cpp and ONNX files that the readers refuse.

import Foundation
import TestSupport
import Testing
import WeightsLoader

struct GGMLAndONNXErrorTests {
    private static func littleEndian(_ values: [Int]) -> [UInt8] {
        values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    }

    /// A tensor in demucs.cpp's format.
    private static func tensor(_ name: String, _ shape: [Int], values: Int? = nil) -> [UInt8] {
        littleEndian([shape.count, name.utf8.count] + shape) + Array(name.utf8)
            + [UInt8](repeating: 0, count: 2 * (values ?? shape.reduce(1, *)))
    }

    private static let fourSources = littleEndian([0x646d_6334])

    // MARK: - demucs.cpp

    @Test func tensorsOfAnyRankAreRead() throws {
        let file = try CraftedFile(
            Self.fourSources + Self.tensor("scalar", []) + Self.tensor("matrix", [2, 3]))
        let checkpoint = try file.open()
        #expect(checkpoint.tensors.map(\.shape) == [[], [2, 3]])
        #expect(checkpoint.omitsUnitSizes)
    }

    @Test func theThirdVersionHasFourSources() throws {
        let checkpoint = try CraftedFile(Self.littleEndian([0x646d_6333])).open()
        #expect(
            checkpoint.traits.arguments["sources"]
                == .array(["drums", "bass", "other", "vocals"].map(ArgumentValue.string)))
    }

    static let damagedTensors: [([UInt8], String)] = [
        (tensor("a", [2]) + tensor("a", [2]), "the tensor \"a\" appears twice"),
        (tensor("a", [2], values: 1), "should take 4 bytes, but 2 are left"),
        (tensor("a", [3], values: 4), "a tensor's number of dimensions should take 4 bytes"),
        (littleEndian([17, 1]), "a tensor of 17 dimensions with a name of 1 bytes"),
        (littleEndian([1, 0, 4]), "a tensor of 1 dimensions with a name of 0 bytes"),
        (littleEndian([1, 1 << 30, 4]), "with a name of 1073741824 bytes"),
        (littleEndian([1, 1, -4]) + [97], "has the impossible shape [-4]"),
        (
            littleEndian([3, 1, 1 << 30, 1 << 30, 1 << 30]) + [97],
            "has the impossible shape [1073741824, 1073741824, 1073741824]"
        ),
        (littleEndian([0, 2]) + [0xFF, 0xFF], "a tensor's name is not UTF-8"),
    ]

    @Test(arguments: damagedTensors)
    func damagedTensorsAreRefused(bytes: [UInt8], problem: String) throws {
        let message = try CraftedFile(Self.fourSources + bytes).problem()
        #expect(message.contains(problem), "\(message)")
    }

    @Test(arguments: [65_536, 65_537])
    func aFileHasUpTo65536Tensors(count: Int) throws {
        let tensors = (0..<count).flatMap { Self.tensor(String($0), [], values: 1) }
        let file = try CraftedFile(Self.fourSources + tensors)
        if count == 65_536 {
            #expect(try file.open().tensors.count == count)
        } else {
            #expect(try file.problem().contains("more than 65536 tensors"))
        }
    }

    // MARK: - ONNX

    private static func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(content.count) + content
    }

    private static func number(_ number: Int, _ value: Int) -> [UInt8] {
        varint(number << 3) + varint(value)
    }

    private static func varint(_ value: Int) -> [UInt8] {
        var (rest, bytes) = (UInt64(bitPattern: Int64(value)), [UInt8]())
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static func initializer(
        _ name: String, shape: [Int], type: Int = 1, rest: [UInt8]
    ) -> [UInt8] {
        field(
            5,
            shape.flatMap { number(1, $0) } + number(2, type) + field(8, Array(name.utf8)) + rest)
    }

    /// A node of a layer, whose second input is an initialiser.
    private static func node(_ operation: String, _ path: String, _ input: String) -> [UInt8] {
        let fields = [(1, "x"), (1, input), (2, "y"), (3, path), (4, operation)]
        return field(1, fields.flatMap { field($0.0, Array($0.1.utf8)) })
    }

    private static func graph(_ parts: [[UInt8]]) -> [UInt8] {
        number(1, 8) + field(2, Array("test".utf8)) + field(7, parts.flatMap { $0 })
    }

    private static func model(
        name: String = "encoder.0.conv.weight", shape: [Int] = [2], type: Int = 1,
        rest: [UInt8]
    ) -> [UInt8] {
        graph([initializer(name, shape: shape, type: type, rest: rest)])
    }

    private static let anchor = initializer(
        "encoder.0.conv.weight", shape: [2], rest: field(9, [UInt8](repeating: 0, count: 8)))

    private static func external(_ entries: [(String, String)]) -> [UInt8] {
        entries.flatMap { key, value in
            field(13, field(1, Array(key.utf8)) + field(2, Array(value.utf8)))
        } + number(14, 1)
    }

    static let damagedGraphs: [([UInt8], String)] = [
        (model(rest: field(9, [1, 2, 3])), "takes 3 bytes, but its shape and dtype need 8"),
        (model(rest: []), "takes 0 bytes, but its shape and dtype need 8"),
        (model(shape: [-2], rest: []), "has the impossible shape [-2]"),
        (
            model(shape: [1 << 40, 1 << 40], rest: []),
            "has the impossible shape [1099511627776, 1099511627776]"
        ),
        (model(type: 8, rest: []), "has the unknown dtype \"ONNX type 8\""),
        (model(rest: field(4, [0, 0, 0, 0]) + field(4, [0, 0, 0, 0])), "come in several pieces"),
        (model(type: 10, rest: field(5, [1, 0x80])), "takes 2 bytes"),
        (
            model(type: 10, rest: field(4, [0, 0, 0, 0])),
            "has its values in float_data, but values of its type must be in int32_data"
        ),
        (
            model(name: "conv.weight", rest: field(9, [0, 0, 0, 0, 0, 0, 0, 0])),
            "no initialiser's name ends in encoder.0.conv.weight"
        ),
        (Array(model(rest: field(9, [0, 0, 0, 0])).dropLast()), "but"),
        (
            // Two empty pieces, whose rows can't be added.
            graph(
                [anchor]
                    + [0, 1].flatMap { index in
                        [
                            node(
                                "MatMul", "/crosstransformer/layers.0/linear1/MatMul_\(index)",
                                "w\(index)"),
                            initializer("w\(index)", shape: [0, .max], rest: []),
                        ]
                    }),
            "a piece of crosstransformer.layers.0.linear1.weight has the shape "
                + "[9223372036854775807, 0], without values"
        ),
        ([0x08, 0x08, 0x13, 0x00], "the unknown wire type 3"),
        (number(1, 8) + [0x3A] + [UInt8](repeating: 0xFF, count: 11), "more than 64 bits"),
        // The tenth byte has room for one bit.
        (number(1, 8) + [0x3A] + [UInt8](repeating: 0x80, count: 9) + [2], "more than 64 bits"),
        (number(1, 8) + number(7, 5), "is a number, expected text or a message"),
    ]

    @Test(arguments: damagedGraphs)
    func damagedGraphsAreRefused(bytes: [UInt8], problem: String) throws {
        let message = try CraftedFile(bytes).problem()
        #expect(message.contains(problem), "\(message)")
    }

    @Test func aWeightOfAnotherRankGivesNoHeads() throws {
        let scope = "crosstransformer.layers.0.self_attn"
        let sizes = [10, 2, 3].flatMap { size in
            (0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
        }
        func heads(_ shape: [Int]) throws -> ArgumentValue? {
            let bytes = [UInt8](repeating: 0, count: 4 * shape.reduce(1, *))
            let file = try CraftedFile(
                Self.graph([
                    Self.anchor,
                    Self.initializer(
                        scope + ".in_proj_weight", shape: shape, rest: Self.field(9, bytes)),
                    Self.initializer("sizes", shape: [3], type: 7, rest: Self.field(9, sizes)),
                    Self.node("Reshape", "/crosstransformer/layers.0/self_attn/Reshape", "sizes"),
                ]))
            return try file.open().traits.arguments["t_heads"]
        }
        #expect(try heads([18, 6]) == .integer(2))
        #expect(try heads([6]) == nil)
    }

    @Test(arguments: [
        "../weights.bin", "/etc/passwd", "a/../../b", "a\\b", "", ".", "a//b", "./weights.bin",
    ])
    func externalDataElsewhereAreRefused(location: String) throws {
        let message = try CraftedFile(
            Self.model(rest: Self.external([("location", location), ("length", "8")]))
        ).problem()
        #expect(
            message
                == "this ONNX file can't be used: \"encoder.0.conv.weight\" is in \"\(location)\": it must be a file below "
                + "the ONNX file's own folder")
    }

    @Test(arguments: [
        ([("offset", "4")], "bytes 4 to 4 + 8 are needed, but the file has 8"),
        ([("offset", "-1")], "offset -1 and length none don't fit the shape"),
        ([("offset", "9223372036854775807")], "are needed, but the file has 8"),
        ([("offset", "99999999999999999999")], "don't fit the shape, which needs 8 bytes"),
        ([("length", "7")], "offset 0 and length 7 don't fit the shape, which needs 8 bytes"),
    ])
    func externalDataOutOfRangeAreRefused(entries: [(String, String)], problem: String) throws {
        let file = try CraftedFile(
            Self.model(rest: Self.external([("location", "data")] + entries)))
        try file.folder.write(Data([0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]), "data")
        let error = try #require(file.openingError())
        #expect(error.description.contains(problem), "\(error)")
    }

    private static let halves: [UInt8] = [0, 0x3C, 0, 0x40]

    /// Values as ONNX Runtime reads them.
    @Test(arguments: [
        (10, field(5, varint(0x3C00) + varint(0x4000)), halves),
        (10, field(5, [0]) + field(9, halves), halves),
        // Without `data_location`, `external_data` has no meaning.
        (10, field(13, field(1, Array("location".utf8))) + field(9, halves), halves),
        (16, field(5, varint(0x3F80) + varint(0x4000)), [0x80, 0x3F, 0, 0x40]),
        (3, field(5, varint(-1) + varint(2)), [0xFF, 2]),
        (
            7, field(7, varint(-2) + varint(1)),
            [0xFE] + [UInt8](repeating: 0xFF, count: 7)
                + [1, 0, 0, 0, 0, 0, 0, 0]
        ),
        (12, field(11, varint(0xFFFF_FFFF) + varint(1)), [0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0]),
        (11, field(10, [UInt8](1...16)), [UInt8](1...16)),
    ])
    func valuesAreReadFromTheFieldOfTheirType(type: Int, rest: [UInt8], bytes: [UInt8]) throws {
        let checkpoint = try CraftedFile(Self.model(type: type, rest: rest)).open()
        #expect(try checkpoint.read(checkpoint.tensors[0]) { Array($0) } == bytes)
    }

    @Test func weightsAreFoundThroughCastAndIdentity() throws {
        func node(_ operation: String, _ input: String, _ output: String) -> [UInt8] {
            let fields = [(1, input), (2, output), (4, operation)]
            return Self.field(1, fields.flatMap { Self.field($0.0, Array($0.1.utf8)) })
        }
        let name = "model.encoder.0.conv.weight"
        let file = try CraftedFile(
            Self.graph([
                Self.initializer(
                    name + "_half", shape: [2], type: 10, rest: Self.field(9, Self.halves)),
                node("Cast", name + "_half", "copy"), node("Identity", "copy", name),
            ]))
        let checkpoint = try file.open()
        #expect(checkpoint.tensors.map(\.name) == ["encoder.0.conv.weight"])
        #expect(try checkpoint.floats(checkpoint.tensors[0]) == [1, 2])
    }

    @Test func manyExternalFilesAreToBeSavedAsOne() throws {
        let parts = (0..<17).map {
            Self.initializer(
                "encoder.\($0).conv.weight", shape: [2],
                rest: Self.external([("location", "data\($0)")]))
        }
        let file = try CraftedFile(Self.graph(parts))
        for index in 0..<17 { try file.folder.write(Data(count: 8), "data\(index)") }
        #expect(try file.problem().hasSuffix("in one file (all_tensors_to_one_file=True)"))
    }

    /// What a graph needs at once would be zeros.
    @Test func aFileThatIsCutWhileTheGraphIsReadIsRefused() throws {
        let file = try CraftedFile(Self.model(rest: Self.external([("location", "data")])))
        try file.folder.write(Data(count: 8), "data")
        let error = #expect(throws: WeightsError.self) {
            try Checkpoint.read(ReadFile(file.path), path: file.path) {
                name throws(WeightsError) in
                let data = try ReadFile(file.folder.path(name))
                truncate(file.folder.path(name), 4)
                return data
            }
        }
        #expect(
            error?.problem.hasPrefix("can't be read: it was changed") == true, "\(error as Any)")
    }

    @Test func externalDataAreReadBesideTheGraph() throws {
        let file = try CraftedFile(Self.model(rest: Self.external([("location", "data")])))
        #expect(file.openingError() == .fileMissing(path: file.folder.path("data")))
        try file.folder.write(Data([0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]), "data")
        let checkpoint = try file.open()
        #expect(try checkpoint.floats(checkpoint.tensors[0]) == [1, 2])
    }
}
