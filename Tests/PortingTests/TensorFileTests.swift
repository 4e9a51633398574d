// Files of tensors, and errors for unusable ones.

import Foundation
import Networks
import Porting
import Tensor
import TestSupport
import Testing
import Tracks

@Suite struct TensorFileTests {
    let folder = TemporaryFolder()

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
            // Multiples of a quarter up to 4 are exact in float16.
            #expect(
                try TensorFile.read(
                    path(encoding), name: "t", shape: shape, element: encoding.element) == tensor)
            // The batch dimension of one is dropped.
            let unbatched = try TensorFile.read(
                path(encoding), name: "t", shape: [2, 3, 5], element: encoding.element)
            #expect(unbatched.values == values)
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

    /// Where the file is cut after it was opened, there are no zeros.
    @Test func arraysOfAnArchiveAreReadWhenTheyAreAskedFor() throws {
        let arrays = [3, 200_000].map { count in
            NamedTensor("of \(count)", [count], (0..<count).map { Float($0) })
        }
        var archive = ZipEntries([])
        for array in arrays {
            let file = folder.path("a.npy")
            try TensorFile.write(array, to: file, TensorEncoding(.npy, .float32))
            archive.list.append(("\(array.name).npy", [UInt8](try folder.data("a.npy"))))
        }
        let path = try folder.write(Data(archive.archive), "arrays.npz")
        let (whole, cut) = (try TensorCollection(path), try TensorCollection(path))
        for array in arrays {
            #expect(try whole.tensor(array.name, like: whole).values == array.values)
        }
        #expect(truncate(path, 600_000) == 0)
        for array in arrays {
            let error = #expect(throws: PortingError.self) { try cut.tensor(array.name, like: cut) }
            #expect(error?.description.contains("npy: can't be read: it ") == true)
        }
    }

    @Test func arraysOfOtherOrdersTypesAndVersionsAreRead() throws {
        func file<Value: BitwiseCopyable>(
            _ version: UInt8, _ descr: String, isFortran: Bool = false, _ values: [Value]
        ) throws -> String {
            let order = isFortran ? "True" : "False"
            let text = "{\"shape\": (2, 3), 'descr':'\(descr)', 'fortran_order' : \(order)}\n"
            let length = (0..<(version == 1 ? 2 : 4)).map {
                UInt8(truncatingIfNeeded: text.utf8.count >> (8 * $0))
            }
            let header = [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(text.utf8)
            return try folder.write(
                Data(header) + values.withUnsafeBytes { Data($0) },
                "v\(version)\(isFortran)\(descr.dropFirst()).npy")
        }
        let expected: [Float] = [1, 2, 3, 4, 5, 6]
        let files = [
            try file(2, "<f4", isFortran: true, [1, 4, 2, 5, 3, 6] as [Float]),
            try file(3, "<f4", expected), try file(1, "<f8", expected.map(Double.init)),
            try file(2, ">f4", expected.map(\.bitPattern.bigEndian)),
            // bfloat16 of ml_dtypes.
            try file(1, "<V2", isFortran: false, expected.map { UInt16($0.bitPattern >> 16) }),
        ]
        for path in files {
            let collection = try TensorCollection(path)
            let name = try #require(collection.names.first)
            let tensor = try collection.tensor(name, like: collection)
            #expect(tensor.shape == [2, 3])
            #expect(tensor.values == expected)
        }
        let integers = try file(1, "<i4", expected)
        #expect {
            _ = try TensorFile.read(integers, name: "i", shape: [2, 3], element: .float32)
        } throws: { error in
            // Such a file is not damaged.
            "\(error)".contains("has elements of the type \"<i4\"")
                && !"\(error)".contains("damaged")
        }
    }

    /// Sizes whose product is zero, but only in one order.
    @Test(arguments: ["True", "False"])
    func aShapeWithoutAProductIsRefused(order: String) throws {
        let text =
            "{'descr': '<f4', 'fortran_order': \(order), 'shape': (0, \(1 << 62), \(1 << 62))}\n"
        let header = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0]
        let path = try folder.write(Data(header + Array(text.utf8)), "a.npy")
        #expect(throws: PortingError.self) {
            let collection = try TensorCollection(path)
            _ = try collection.tensor(try #require(collection.names.first), like: collection)
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
            let other = NamedTensor("t", [1, 2, 3, 4], Array(values.prefix(24)))
            var otherType = encoding
            otherType.element = encoding.element == .float32 ? .float16 : .float32
            let messages = [
                try message { try FileManager.default.removeItem(atPath: path) },
                try message { try TensorFile.write(other, to: path, encoding) },
                try message {
                    try TensorFile.write(NamedTensor("t", shape, values), to: path, otherType)
                },
            ]
            for text in messages {
                #expect(text.hasPrefix(path) && text.contains("[1, 2, 3, 5]"), "\(text)")
            }
            let short = try message {
                let data = try Data(contentsOf: URL(fileURLWithPath: path))
                try data.dropLast(4).write(to: URL(fileURLWithPath: path))
            }
            #expect(short.hasPrefix(path), "\(short)")
            guard encoding.container == .raw else { continue }
            let bytes = 30 * encoding.element.bytes
            #expect(short.contains("\(bytes - 4) bytes, expected \(bytes)"), "\(short)")
            #expect(short.contains("[1, 2, 3, 5]"), "\(short)")
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
        let infinite = try folder.write(Data([0, 0, 0x80, 0x7F]), "i.raw")
        #expect(throws: PortingError.notFinite(path: infinite, tensor: "t", index: 0)) {
            _ = try TensorFile.read(infinite, name: "t", shape: [1], element: .float32)
        }
    }

    /// Damaged arrays give a value or a `PortingError`, no other error.
    @Test func damagedArraysAreRefusedOrRead() throws {
        let file = folder.path("a.npy")
        try TensorFile.write(
            NamedTensor("a", shape, values), to: file, TensorEncoding(.npy, .float32))
        let original = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        var mutator = FileMutator(original, container: .pickles, seed: 5)
        for round in 0..<2000 {
            _ = try folder.write(Data(mutator.next(round: round)), "a.npy")
            do {
                _ = try TensorCollection(file).tensor("a", like: TensorCollection(file))
            } catch is PortingError {
            }
        }
    }

    @Test(arguments: ["inputs", "outputs"])
    func shapesThatDoNotFitTheChunksAreRefused(list: String) throws {
        let fixture = try PortedFixture()
        let file = try fixture.manifest()
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
        var description = try #require(json as? [String: Any])
        var tensors = try #require(description[list] as? [[String: Any]])
        tensors[0]["shape"] = [1, 2, 161]
        description[list] = tensors
        try JSONSerialization.data(withJSONObject: description).write(to: file)
        #expect(throws: PortingError.self) { try ChunkDescription(folder: fixture.chunks) }
    }

    @Test func shapesAreThoseOfTheTransformAtAnyLength() throws {
        let fixture = try PortedFixture()
        let model = try fixture.prepare(try fixture.track(samples: 200), for: "mono").model
        let spectrogram = CoreSpectrogram(nfft: model.nfft, on: fixture.backend)
        for samples in 1...200 {
            let mix = fixture.backend.tensor([1, samples], [Float](repeating: 0, count: samples))
            let (inputs, outputs) = ChunkDescription.shapes(model, samples: samples)
            let computed = spectrogram.inputs(mix).map(\.shape)
            #expect(inputs.map(\.shape) == computed)
            #expect(outputs.map { $0.shape.last } == computed.reversed().map(\.last))
        }
    }

    @Test func sizesAreAcceptedUpToTheirLimits() throws {
        let fixture = try PortedFixture()
        let file = try fixture.manifest()
        let original = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
        for (section, key, limits) in [
            ("model", "channels", 1...256), ("model", "sources", 1...256),
            ("model", "samplerate", 1...768_000), ("model", "nfft", 8...1 << 20),
            ("source", "samples", 1...1 << 40), ("chunk", "samples", 1...1 << 30),
            ("chunk", "hop", 1...160), ("chunk", "count", 1...1 << 20),
        ] {
            let (low, high) = (limits.lowerBound, limits.upperBound)
            for value in [low - 1, low, high, high + 1] {
                var description = try #require(original as? [String: Any])
                var values = try #require(description[section] as? [String: Any])
                values[key] = key == "sources" ? (0..<value).map { "s\($0)" } : value
                description[section] = values
                try JSONSerialization.data(withJSONObject: description).write(to: file)
                var problem = ""
                do { _ = try ChunkDescription(folder: fixture.chunks) } catch {
                    problem = "\(error)"
                }
                // Within its limits, a size may contradict others.
                let text = "'\(section).\(key)' is \(value), expected \(low) to \(high)"
                #expect(problem.contains(text) != limits.contains(value), "\(problem)")
            }
        }
    }

    @Test func damagedManifestsAreRefusedOrRead() throws {
        let fixture = try PortedFixture()
        let file = try fixture.manifest()
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
            if let description = try? ChunkDescription(folder: fixture.chunks) {
                #expect(description.plan.count == description.chunk.count)
            }
        }
    }
}
