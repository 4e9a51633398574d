// Crafted files that can't be opened.

import Foundation
import TestSupport
import Testing
import WeightsLoader

struct SafetensorsErrorTests {
    // MARK: - The file

    @Test func aMissingFileIsNamed() {
        for path in ["/nonexistent/model.safetensors", "", "a\0b"] {
            #expect(throws: WeightsError.fileMissing(path: path)) { try Checkpoint.open(path) }
        }
        #expect(
            WeightsError.fileMissing(path: "/x/model.safetensors").description
                == "/x/model.safetensors: no such file; check the path of the model")
    }

    @Test(arguments: [
        (
            Fixture.url("weights").path,
            "it is a folder; give the path of the safetensors file in it"
        ),
        ("/dev/zero", "it is not a regular file"),
        (Fixture.url("weights/types.safetensors").path + "/x", "Not a directory"),
    ])
    func otherThanFilesAreRefusedWithoutReading(path: String, reason: String) {
        #expect(throws: WeightsError.fileUnreadable(path: path, reason: reason)) {
            try Checkpoint.open(path)
        }
    }

    @Test func anEmptyFileIsRefused() throws {
        let file = try CraftedFile([])
        #expect(file.openingError() == .fileEmpty(path: file.path))
    }

    @Test func aNameWithAndWithoutThePrefixIsRefused() throws {
        let names = ["p.encoder.0.conv.weight", "p.encoder.0.conv.bias", "encoder.0.conv.bias"]
        let tensors = names.enumerated().map { index, name in
            "\"\(name)\":{\"dtype\":\"F32\",\"shape\":[1],"
                + "\"data_offsets\":[\(4 * index),\(4 * index + 4)]}"
        }
        let header = "{" + tensors.joined(separator: ",") + "}"
        let file = try CraftedFile(header: header, data: [UInt8](repeating: 0, count: 12))
        #expect(
            try file.problem().contains(
                "the tensor \"encoder.0.conv.bias\" twice, with and without the prefix \"p.\""))
    }

    // MARK: - The header

    @Test(arguments: [3, 100, UInt64(Int64.max), UInt64.max])
    func aHeaderBeyondTheFilesEndIsRefused(length: UInt64) throws {
        let file = try CraftedFile(CraftedFile.lengthField(length) + Array("{}".utf8))
        let found =
            "8 bytes that state a header of \(length) bytes, where at most 2 are possible"
        #expect(try file.problem().contains(found))
    }

    @Test(arguments: ["", "[]", " {}", "text", "\u{FEFF}{}"])
    func aHeaderMustBeAnObject(header: String) throws {
        let file = try CraftedFile(header: header)
        let found = "a header that is not a JSON object"
        #expect(file.openingError() == .notSafetensors(path: file.path, found: found))
    }

    @Test func ggufIsRefusedByName() throws {
        let file = try CraftedFile(Array("GGUF".utf8) + [3, 0, 0, 0, 1, 0])
        #expect(
            file.openingError() == .notSafetensors(path: file.path, found: "a GGUF file"))
    }

    @Test func tooShortForALengthIsRefused() throws {
        let file = try CraftedFile([1, 2, 3])
        let found = "3 bytes, too short for the length of a header"
        #expect(file.openingError() == .notSafetensors(path: file.path, found: found))
    }

    @Test func aHeaderOfMoreThanSixteenMegabytesIsRefused() throws {
        // A sparse file, which takes no space on the disk.
        let file = try CraftedFile(CraftedFile.lengthField(16_000_001) + Array("{".utf8))
        let handle = try #require(FileHandle(forUpdatingAtPath: file.path))
        try handle.truncate(atOffset: 200_000_000)
        try handle.close()
        #expect(
            try file.problem().contains(
                "a header of 16000001 bytes, where at most 16000000 are possible"))
    }

    @Test(arguments: [
        ("{", "expected a string, found the end of the text"),
        ("{}x", "more text after the value: \"x\""),
        ("{\"a\"}", "expected \":\", found \"}\""),
        ("{\"a\":1}", "expected an object, found \"1\""),
        ("{\"a\":{}},", "more text after the value: \",\""),
        ("{\"a\":{},}", "expected a string, found \"}\""),
        ("{\"a\":{\"shape\":[1.5]}}", "expected a whole number that fits 64 bits"),
        ("{\"a\":{\"shape\":[1e2]}}", "expected a whole number that fits 64 bits"),
        (
            "{\"a\":{\"shape\":[99999999999999999999]}}",
            "expected a whole number that fits 64 bits"
        ),
        ("{\"a\":{\"shape\":[01]}}", "a number with a leading 0"),
        ("{\"a\":{\"shape\":[-]}}", "expected a value, found \"]\""),
        ("{\"a\":{\"shape\":{}}}", "expected an array, found \"{\""),
        ("{\"a\":{\"dtype\":4}}", "expected a string, found \"4\""),
        ("{\"__metadata__\":{\"k\":1}}", "expected a string, found \"1\""),
        ("{\"__metadata__\":[]}", "expected an object, found \"[\""),
        ("{\"a\\x\":{}}", "an unknown escape in a string"),
        ("{\"a\\u12g4\":{}}", "an escape without four hexadecimal digits"),
        ("{\"a\\ud800\":{}}", "half of a surrogate pair in a string"),
        ("{\"a\\ud800\\u0041\":{}}", "half of a surrogate pair in a string"),
        ("{\"a\\udc00\":{}}", "half of a surrogate pair in a string"),
        ("{\"a\n\":{}}", "a control character within a string"),
        ("{\"a", "a string without its closing quote"),
        ("{\"a\\", "an escape that ends the text"),
        ("{\"a\":{\"x\":tru}}", "expected a value, found \"t\""),
        ("{\"a\":{\"x\":1.}}", "a number without digits after its point"),
        ("{\"a\":{\"x\":1e}}", "a number without digits in its exponent"),
        ("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\"}}", "the key \"dtype\" appears twice"),
        ("{\"a\":{},\"a\":{}}", "the key \"a\" appears twice"),
    ])
    func damagedJSONIsRefused(header: String, problem: String) throws {
        expectDamage(try CraftedFile(header: header), problem, in: 8...8 + header.utf8.count)
    }

    @Test func bytesThatAreNotUTF8AreRefused() throws {
        let file = try CraftedFile(
            CraftedFile.lengthField(8) + Array("{\"".utf8) + [0xFF, 0xFE] + Array("\":{}".utf8))
        expectDamage(file, "a string that is not UTF-8", in: 13...13)
    }

    @Test func deepNestingIsRefusedBeforeTheStackEnds() throws {
        let depth = 1_000_000
        let file = try CraftedFile(
            header: "{\"a\":{\"x\":" + String(repeating: "[", count: depth))
        expectDamage(file, "values nested deeper than 64")
    }

    // MARK: - The tensors

    @Test(arguments: [
        "{}", #"{"dtype":"F32","shape":[]}"#, #"{"dtype":"F32","data_offsets":[0,4]}"#,
        #"{"shape":[],"data_offsets":[0,4]}"#,
        #"{"dtype":"F32","shape":[],"data_offsets":[0]}"#,
        #"{"dtype":"F32","shape":[],"data_offsets":[0,4,8]}"#,
    ])
    func anIncompleteEntryIsRefused(entry: String) throws {
        expectDamage(
            try CraftedFile(header: "{\"a\":\(entry)}", data: [0, 0, 0, 0]),
            "the header's entry for \"a\" is incomplete; expected dtype, shape and two data_offsets"
        )
    }

    @Test func anUnknownElementTypeIsNamed() throws {
        let problem = try Self.file(type: "F12", shape: "[1]", offsets: "0,4").problem()
        #expect(problem.contains("\"a\" has the unknown dtype \"F12\"; expected one of"))
    }

    @Test(arguments: [
        [-1], [2, -2, -1], [Int.max], [Int.max, Int.max], [1 << 31, 1 << 31, 1 << 31],
        // The product of two sizes overflows to 0.
        [1 << 32, 1 << 32],
    ])
    func impossibleShapesAreRefused(shape: [Int]) throws {
        expectDamage(
            try Self.file(shape: "\(shape)", offsets: "0,4"),
            "\"a\" has the impossible shape \(shape); sizes can't be negative, and their product "
                + "must fit 64 bits")
    }

    @Test(arguments: [(0, 8), (4, 0), (-4, 0), (4, 8), (0, Int.max), (Int.min, Int.max)])
    func offsetsOutsideOfTheDataAreRefused(begin: Int, end: Int) throws {
        expectDamage(
            try Self.file(offsets: "\(begin),\(end)"),
            "\"a\" should be at bytes \(begin)..<\(end) of the data, which has 4")
    }

    @Test(arguments: [("F32", "[2]", 8), ("F32", "[]", 4), ("F64", "[1]", 8), ("F16", "[1]", 2)])
    func sizesThatDoNotFitTheShapeAreRefused(type: String, shape: String, bytes: Int) throws {
        expectDamage(
            try Self.file(type: type, shape: shape, offsets: "0,3", data: [0, 0, 0]),
            "\"a\" takes 3 bytes, but its shape and dtype need \(bytes)")
    }

    @Test func packedElementsMustFillWholeBytes() throws {
        #expect(try Self.file(type: "F4", shape: "[8]", offsets: "0,4").openingError() == nil)
        expectDamage(
            try Self.file(type: "F4", shape: "[7]", offsets: "0,4"),
            "\"a\" takes 28 bits, no whole bytes")
    }

    @Test(arguments: ["0,4", "2,6"])
    func overlappingTensorsAreRefused(second: String) throws {
        let file = try CraftedFile(
            header: #"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"#
                + "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[\(second)]}}",
            data: [UInt8](repeating: 0, count: 6))
        expectDamage(file, "\"a\" and \"b\" share bytes, which the format forbids")
    }

    @Test func bytesOfNoTensorAreRefused() throws {
        let entry = #"{"dtype":"F32","shape":[],"data_offsets":"#
        let header = "{\"a\":\(entry)[0,4]},\"b\":\(entry)[6,10]}}"
        let hole = 8 + header.utf8.count + 4
        expectDamage(
            try CraftedFile(header: header, data: [UInt8](repeating: 0, count: 10)),
            "2 bytes belong to no tensor, which the format forbids", in: hole...hole)
        expectDamage(
            try CraftedFile(header: "{}", data: [1, 2, 3]),
            "3 bytes belong to no tensor, which the format forbids", in: 10...10)
    }

    @Test func messagesStayOnOneLineWhateverANameHolds() throws {
        let error = WeightsError.tensorsUnused(
            path: "m", tensors: ["a\nb"] + (0..<20).map { "t\($0)" })
        #expect(!error.description.contains("\n"))
        #expect(error.description.contains("21 of its tensors"))
        #expect(error.description.contains("\"t8\" and 11 more"))
    }

    /// Expects that opening finds this problem at a byte of the range.
    private func expectDamage(
        _ file: CraftedFile, _ problem: String, in range: ClosedRange<Int> = 8...Int.max,
        location: SourceLocation = #_sourceLocation
    ) {
        let error = file.openingError()
        guard case .damaged(file.path, .safetensors, let offset, problem) = error else {
            Issue.record("\(String(describing: error))", sourceLocation: location)
            return
        }
        #expect(range.contains(offset), sourceLocation: location)
    }

    private static func file(
        type: String = "F32", shape: String = "[1]", offsets: String,
        data: [UInt8] = [0, 0, 0, 0]
    ) throws -> CraftedFile {
        try CraftedFile(
            header: "{\"a\":{\"dtype\":\"\(type)\",\"shape\":\(shape),"
                + "\"data_offsets\":[\(offsets)]}}",
            data: data)
    }
}
