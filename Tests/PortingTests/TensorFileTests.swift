// Files of tensors, and messages for unusable ones.

import Foundation
import HTDemucs
import Porting
import Tensor
import TestSupport
import Testing

@Suite struct TensorFileTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private let shape = [1, 2, 3, 5]
    private var values: [Float] { (0..<30).map { Float($0) * 0.25 - 3 } }
    private var encodings: [TensorEncoding] {
        TensorEncoding.Container.allCases.flatMap { container in
            TensorEncoding.Element.allCases.map { TensorEncoding(container, $0) }
        }
    }

    private func path(_ encoding: TensorEncoding) -> String {
        folder.path("t-\(encoding.element.rawValue).\(encoding.container.rawValue)")
    }

    @Test func writtenTensorsAreReadBack() throws {
        for encoding in encodings {
            let tensor = NamedTensor("t", shape, values)
            try TensorFile.write(tensor, to: path(encoding), encoding)
            // Multiples of a quarter up to 4 are float16 too.
            #expect(
                try TensorFile.read(
                    path(encoding), name: "t", shape: shape, element: encoding.element) == tensor)
            // A batch of one is no batch.
            let unbatched =
                encoding.container == .raw
                ? nil
                : try TensorFile.read(
                    path(encoding), name: "t", shape: [2, 3, 5], element: encoding.element)
            #expect(unbatched == nil || unbatched?.values == values)
        }
    }

    /// numpy.save's bytes for `np.arange(3, dtype="<f4").reshape(3)` and for float16 of `(1, 2)`.
    @Test func arraysAreNumPysByteForByte() throws {
        for (shape, element, header) in [
            (
                [3], TensorEncoding.Element.float32,
                "'<f4', 'fortran_order': False, 'shape': (3,), }"
            ),
            ([1, 2], .float16, "'<f2', 'fortran_order': False, 'shape': (1, 2), }"),
        ] {
            let file = folder.path("a.npy")
            let values = (0..<shape.reduce(1, *)).map { Float($0) }
            try TensorFile.write(
                NamedTensor("a", shape, values), to: file, TensorEncoding(.npy, element))
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
            var text = "{'descr': " + header
            text += String(repeating: " ", count: 128 - 10 - 1 - text.utf8.count) + "\n"
            #expect(Array(bytes[..<10]) == [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0])
            #expect(String(decoding: bytes[10..<128], as: UTF8.self) == text)
            let ones: [UInt8] = element == .float32 ? [0, 0, 0x80, 0x3F] : [0, 0x3C]
            #expect(Array(bytes[128...].dropFirst(element.bytes).prefix(element.bytes)) == ones)
        }
    }

    @Test func arraysOfOtherOrdersTypesAndVersionsAreRead() throws {
        func file(_ version: UInt8, _ descr: String, _ isFortran: Bool, _ data: [UInt8]) throws
            -> String
        {
            let order = isFortran ? "True" : "False"
            let text = "{\"shape\": (2, 3), 'descr':'\(descr)', 'fortran_order' : \(order)}\n"
            let length = (0..<(version == 1 ? 2 : 4)).map {
                UInt8(truncatingIfNeeded: text.utf8.count >> (8 * $0))
            }
            let path = folder.path("v\(version)\(isFortran).npy")
            try Data(
                [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(text.utf8) + data
            )
            .write(to: URL(fileURLWithPath: path))
            return path
        }
        func bytes(_ values: [Float]) -> [UInt8] {
            values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
            }
        }
        let expected: [Float] = [1, 2, 3, 4, 5, 6]
        let columns = try file(2, "<f4", true, bytes([1, 4, 2, 5, 3, 6]))
        let rows = try file(3, "<f4", false, bytes(expected))
        let doubles = try file(
            1, "<f8", false,
            expected.flatMap { value in
                withUnsafeBytes(of: Double(value).bitPattern.littleEndian, Array.init)
            })
        for path in [columns, rows, doubles] {
            let collection = try TensorCollection(path)
            let name = try #require(collection.names.first)
            let tensor = try collection.tensor(name, like: collection)
            #expect(tensor.shape == [2, 3])
            #expect(tensor.values == expected)
        }
        let integers = try file(1, "<i4", false, bytes(expected))
        #expect(throws: PortingError.self) {
            _ = try TensorFile.read(integers, name: "i", shape: [2, 3], element: .float32)
        }
    }

    /// Every message names the file and the expected shape.
    @Test func misfitsAreNamedWithTheExpectedShape() throws {
        for encoding in encodings {
            let path = path(encoding)
            func message(_ prepare: () throws -> Void) throws -> String {
                try TensorFile.write(NamedTensor("t", shape, values), to: path, encoding)
                try prepare()
                do {
                    _ = try TensorFile.read(
                        path, name: "t", shape: shape, element: encoding.element)
                } catch {
                    return "\(error)"
                }
                Issue.record("\(path) was read")
                return ""
            }
            func isTold(_ text: String) -> Bool {
                text.hasPrefix(path) && text.contains("[1, 2, 3, 5]")
            }
            #expect(isTold(try message { try FileManager.default.removeItem(atPath: path) }))
            let other = NamedTensor("t", [1, 2, 3, 4], Array(values.prefix(24)))
            #expect(isTold(try message { try TensorFile.write(other, to: path, encoding) }))
            let element: TensorEncoding.Element =
                encoding.element == .float32 ? .float16 : .float32
            #expect(
                isTold(
                    try message {
                        try TensorFile.write(
                            NamedTensor("t", shape, values), to: path,
                            TensorEncoding(encoding.container, element))
                    }))
            let short = try message {
                let data = try Data(contentsOf: URL(fileURLWithPath: path))
                try data.dropLast(4).write(to: URL(fileURLWithPath: path))
            }
            #expect(short.hasPrefix(path), "\(short)")
            #expect(encoding.container != .raw || isTold(short), "\(short)")
        }
    }

    @Test func nonFiniteValuesAreNeitherWrittenNorRead() throws {
        let raw = TensorEncoding(.raw, .float32)
        for value in [Float.nan, .infinity] {
            #expect(throws: PortingError.self) {
                try TensorFile.write(
                    NamedTensor("t", [2], [0, value]), to: folder.path("t.raw"), raw)
            }
        }
        #expect(throws: PortingError.self) {
            try TensorFile.write(
                NamedTensor("t", [1], [70_000]), to: folder.path("t.raw"),
                TensorEncoding(.raw, .float16))
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("t.raw")))
        try Data([0, 0, 0x80, 0x7F]).write(to: URL(fileURLWithPath: folder.path("i.raw")))
        #expect(throws: PortingError.notFinite(path: folder.path("i.raw"), tensor: "t", index: 0)) {
            _ = try TensorFile.read(
                folder.path("i.raw"), name: "t", shape: [1], element: .float32)
        }
    }

    /// A value or a `PortingError`, nothing else.
    @Test func damagedArraysAreRefusedOrRead() throws {
        let file = folder.path("a.npy")
        try TensorFile.write(
            NamedTensor("a", shape, values), to: file, TensorEncoding(.npy, .float32))
        let original = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        var mutator = FileMutator(original, container: .pickles, seed: 5)
        for round in 0..<2000 {
            try Data(mutator.next(round: round)).write(to: URL(fileURLWithPath: file))
            do {
                _ = try TensorCollection(file).tensor("a", like: TensorCollection(file))
            } catch is PortingError {
            }
        }
    }

    @Test func damagedManifestsAreRefusedOrRead() throws {
        let backend = try Backend(threads: 1)
        let chunks = folder.path("chunks")
        try PortedFixture.track(folder.path("a.wav"), samples: 200)
        _ = try PortedFixture.prepare(folder.path("a.wav"), to: chunks, on: backend)
        let file = URL(fileURLWithPath: chunks + "/" + Manifest.fileName)
        let original = [UInt8](try Data(contentsOf: file))
        var mutator = FileMutator(original, container: .pickles, seed: 6)
        let digits = original.indices.filter { (0x30...0x39).contains(original[$0]) }
        var random = SplitMix64(seed: 8)
        let numbers = ["-1", "0", "1e99", "4294967296", "9223372036854775807", "1.5", "null"]
        for round in 0..<1000 {
            var bytes = original
            if round % 2 == 0 {
                bytes = mutator.next(round: round)
            } else if let digit = digits.randomElement(using: &random) {
                let number = numbers.randomElement(using: &random) ?? ""
                bytes.replaceSubrange(digit...digit, with: Array(number.utf8))
            }
            try Data(bytes).write(to: file)
            // Typed throws: any error is a `PortingError`.
            if let manifest = try? Manifest(folder: chunks) {
                #expect(manifest.plan.count == manifest.chunk.count)
            }
        }
    }
}
