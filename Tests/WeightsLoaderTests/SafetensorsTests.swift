// Files that the official safetensors package wrote
// (reference/configuration_fixtures.py).

import Foundation
import TestSupport
import Testing
import WeightsLoader

struct SafetensorsTests {
    @Test func everyElementTypeIsListed() throws {
        let checkpoint = try Fixture("weights/types").checkpoint
        let found = Dictionary(
            uniqueKeysWithValues: checkpoint.tensors.map { ($0.name, $0.elementType) })
        #expect(
            found == [
                "float32": .float32, "float16": .float16, "bfloat16": .bfloat16,
                "float64": .float64, "scalar": .float32, "none": .float32, "special": .float16,
                "int64": .int64, "int32": .int32, "int16": .int16, "int8": .int8,
                "uint8": .uint8, "uint16": .uint16, "uint32": .uint32, "uint64": .uint64,
                "bool": .bool, "float8_e4m3": .float8E4M3, "float8_e5m2": .float8E5M2,
                "complex64": .complex64, "näme \"quoted\"\n": .float32,
            ])
    }

    @Test func valuesComeBackExactly() throws {
        let fixture = try Fixture("weights/types")
        let float32: [Float] = [0, -0.0, 1.5, -2.25, 65504, 6e-8]
        let values = try fixture.floats("float32")
        #expect(values.map(\.bitPattern) == float32.map(\.bitPattern))
        // 6e-8 rounds to the smallest subnormal float16, 2^-24; 65504 is the largest float16, and
        // rounds to 2^16 in bfloat16.
        #expect(try fixture.floats("float16") == [0, -0.0, 1.5, -2.25, 65504, 0x1p-24])
        let bfloat16: [Float] = [0, -0.0, 1.5, -2.25, 65536, 0x1.02p-24]
        #expect(try fixture.floats("bfloat16").map(\.bitPattern) == bfloat16.map(\.bitPattern))
        #expect(try fixture.floats("scalar") == [2.5])
        #expect(try fixture.shape("scalar") == [])
        #expect(try fixture.floats("none") == [])
        #expect(try fixture.shape("none") == [0, 3])
        let special = try fixture.floats("special")
        #expect(special[0] == .infinity && special[1] == -.infinity && special[2].isNaN)
        #expect(try fixture.floats("näme \"quoted\"\n") == [1])
    }

    @Test func aBufferReadsLikeAFile() throws {
        let file = try Fixture("weights/types").checkpoint
        try Data(contentsOf: URL(fileURLWithPath: file.path)).withUnsafeBytes { bytes in
            let checkpoint = try Checkpoint.read(FileBytes(bytes), path: "buffer")
            #expect(checkpoint.tensors == file.tensors)
            for tensor in file.tensors {
                let values = try checkpoint.read(tensor) { Array($0) }
                #expect(try values == file.read(tensor) { Array($0) })
            }
            let cut = UnsafeRawBufferPointer(rebasing: bytes.dropLast())
            #expect(throws: WeightsError.self) {
                try Checkpoint.read(FileBytes(cut), path: "buffer")
            }
        }
    }

    @Test func othersThanFloatsAreNotWidened() throws {
        let checkpoint = try Fixture("weights/types").checkpoint
        for tensor in checkpoint.tensors where !tensor.elementType.widensToFloat32 {
            #expect(
                throws: WeightsError.notFloats(
                    path: checkpoint.path, tensor: tensor.name, found: tensor.elementType)
            ) { try checkpoint.floats(tensor) }
        }
    }

    @Test func rawBytesAreThoseOfTheFile() throws {
        let checkpoint = try Fixture("weights/types").checkpoint
        let tensor = try #require(checkpoint.tensor(named: "int16"))
        #expect(try checkpoint.read(tensor) { Array($0) } == [0, 0, 1, 0, 2, 0])
    }

    @Test func keyOrderSpacesEscapesAndUnknownFieldsDoNotMatter() throws {
        let file = try CraftedFile(
            header: #" {"\u0061\ud83c\udfb5\/" : {"data_offsets" :[4,8],"more":[{},null,-1e3],"#
                .trimmingCharacters(in: .whitespaces)
                + #""shape": [ 1 ] ,"dtype":"F32"}, "b":{"dtype":"F32","shape":[],"#
                + #""data_offsets":[0,4]}, "__metadata__":{"k\n":"v\t\"\\"}}   "#,
            data: [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
        let checkpoint = try file.open()
        #expect(checkpoint.tensors.map(\.name) == ["b", "a🎵/"])
        #expect(checkpoint.metadata == ["k\n": "v\t\"\\"])
        let tensor = try #require(checkpoint.tensor(named: "a🎵/"))
        #expect(try checkpoint.floats(tensor) == [2])
    }

    @Test func aHeaderOfOddLengthLeavesTensorsUnaligned() throws {
        let header =
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#
            + #""b":{"dtype":"F16","shape":[1],"data_offsets":[8,10]}}"#
        for padding in 0..<8 {
            let file = try CraftedFile(
                header: header + String(repeating: " ", count: padding),
                data: [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 0, 0x3C])
            let checkpoint = try file.open()
            #expect(try checkpoint.floats(checkpoint.tensors[0]) == [1, -2])
            #expect(try checkpoint.floats(checkpoint.tensors[1]) == [1])
        }
    }

    @Test func aFileOfAHeaderAloneIsEmptyButValid() throws {
        let checkpoint = try CraftedFile(header: "{}").open()
        #expect(checkpoint.tensors.isEmpty && checkpoint.metadata.isEmpty)
    }

    @Test func valuesOutliveTheFileName() throws {
        var file: CraftedFile? = try CraftedFile(
            header: #"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#,
            data: [0, 0, 0x80, 0x3F])
        let checkpoint = try #require(file).open()
        file = nil
        #expect(try checkpoint.floats(checkpoint.tensors[0]) == [1])
    }
}
