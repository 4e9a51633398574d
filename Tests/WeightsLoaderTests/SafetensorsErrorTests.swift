// Crafted files that opening refuses.

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

    @Test func aFolderIsRefused() {
        let path = Fixture.url("weights").path
        #expect(throws: WeightsError.isFolder(path: path)) { try Checkpoint.open(path) }
    }

    @Test func aDeviceIsRefusedWithoutReading() {
        #expect(
            throws: WeightsError.fileUnreadable(
                path: "/dev/zero", reason: "it is not a regular file")
        ) { try Checkpoint.open("/dev/zero") }
    }

    @Test func aFileInTheWayOfAFolderIsUnreadable() throws {
        let file = try CraftedFile([1])
        let path = file.path + "/model.safetensors"
        #expect(
            throws: WeightsError.fileUnreadable(path: path, reason: "Not a directory")
        ) { try Checkpoint.open(path) }
    }

    @Test func anEmptyFileIsRefused() throws {
        let file = try CraftedFile([])
        #expect(file.openingError() == .fileEmpty(path: file.path))
    }

    // MARK: - The header

    @Test func tooShortForALengthIsRefused() throws {
        let file = try CraftedFile([1, 2, 3])
        #expect(
            file.openingError()
                == .notSafetensors(
                    path: file.path, found: "3 bytes, too short for the length of a header"))
    }

    @Test(arguments: [3, 100, UInt64(Int64.max), UInt64.max])
    func aHeaderBeyondTheFilesEndIsRefused(length: UInt64) throws {
        let file = try CraftedFile(CraftedFile.lengthField(length) + Array("{}".utf8))
        #expect(
            file.openingError()
                == .headerTooLong(path: file.path, foundBytes: length, limitBytes: 2))
    }

    @Test func aHeaderOfMoreThanSixteenMegabytesIsRefused() throws {
        // Sparse: takes no room on the disk.
        let file = try CraftedFile(CraftedFile.lengthField(16_000_001) + Array("{".utf8))
        let handle = try #require(FileHandle(forUpdatingAtPath: file.path))
        try handle.truncate(atOffset: 200_000_000)
        try handle.close()
        #expect(
            file.openingError()
                == .headerTooLong(
                    path: file.path, foundBytes: 16_000_001, limitBytes: 16_000_000))
    }

    @Test(arguments: ["", "[]", " {}", "text", "\u{FEFF}{}"])
    func aHeaderMustBeAnObject(header: String) throws {
        let file = try CraftedFile(header: header)
        #expect(
            file.openingError()
                == .notSafetensors(path: file.path, found: "a header that is not a JSON object"))
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
    ])
    func damagedJSONIsRefused(header: String, problem: String) throws {
        let file = try CraftedFile(header: header)
        guard case .headerInvalid(file.path, problem, let offset) = file.openingError() else {
            Issue.record("\(header): \(String(describing: file.openingError()))")
            return
        }
        #expect(8...8 + header.utf8.count ~= offset)
    }

    @Test func bytesThatAreNotUTF8AreRefused() throws {
        let file = try CraftedFile(
            CraftedFile.lengthField(8) + Array("{\"".utf8) + [0xFF, 0xFE] + Array("\":{}".utf8))
        #expect(
            file.openingError()
                == .headerInvalid(
                    path: file.path, problem: "a string that is not UTF-8", offset: 13))
    }

    @Test func aNameThatAppearsTwiceIsRefused() throws {
        let entry = #"{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#
        let file = try CraftedFile(header: "{\"a\":\(entry),\"a\":\(entry)}")
        guard case .headerInvalid(_, let problem, _) = file.openingError() else {
            Issue.record("not refused")
            return
        }
        #expect(problem == "the key \"a\" appears twice")
    }

    @Test func deepNestingIsRefusedBeforeTheStackEnds() throws {
        let depth = 1_000_000
        let file = try CraftedFile(
            header: "{\"a\":{\"x\":" + String(repeating: "[", count: depth))
        guard case .headerInvalid(_, let problem, _) = file.openingError() else {
            Issue.record("not refused")
            return
        }
        #expect(problem == "values nested deeper than 64")
    }

    // MARK: - The tensors

    @Test(arguments: [
        "{}", #"{"dtype":"F32","shape":[]}"#, #"{"dtype":"F32","data_offsets":[0,4]}"#,
        #"{"shape":[],"data_offsets":[0,4]}"#,
        #"{"dtype":"F32","shape":[],"data_offsets":[0]}"#,
        #"{"dtype":"F32","shape":[],"data_offsets":[0,4,8]}"#,
    ])
    func anIncompleteEntryIsRefused(entry: String) throws {
        let file = try CraftedFile(header: "{\"a\":\(entry)}", data: [0, 0, 0, 0])
        #expect(file.openingError() == .tensorIncomplete(path: file.path, tensor: "a"))
    }

    @Test func anUnknownElementTypeIsNamed() throws {
        let file = try Self.file(type: "F12", shape: "[1]", offsets: "0,4")
        #expect(
            file.openingError()
                == .unknownElementType(path: file.path, tensor: "a", found: "F12"))
    }

    @Test(arguments: [
        [-1], [2, -2, -1], [Int.max], [Int.max, Int.max], [1 << 31, 1 << 31, 1 << 31],
        // The product of two overflows to 0.
        [1 << 32, 1 << 32],
    ])
    func impossibleShapesAreRefused(shape: [Int]) throws {
        let file = try Self.file(shape: "\(shape)", offsets: "0,4")
        #expect(file.openingError() == .shapeInvalid(path: file.path, tensor: "a", found: shape))
    }

    @Test(arguments: [(0, 8), (4, 0), (-4, 0), (4, 8), (0, Int.max), (Int.min, Int.max)])
    func offsetsOutsideOfTheDataAreRefused(begin: Int, end: Int) throws {
        let file = try Self.file(offsets: "\(begin),\(end)")
        #expect(
            file.openingError()
                == .offsetsOutOfRange(
                    path: file.path, tensor: "a", begin: begin, end: end, dataBytes: 4))
    }

    @Test(arguments: [("F32", "[2]", 8), ("F32", "[]", 4), ("F64", "[1]", 8), ("F16", "[1]", 2)])
    func sizesThatDoNotFitTheShapeAreRefused(type: String, shape: String, bytes: Int) throws {
        let file = try Self.file(type: type, shape: shape, offsets: "0,3", data: [0, 0, 0])
        #expect(
            file.openingError()
                == .sizeMismatch(
                    path: file.path, tensor: "a", foundBytes: 3, expectedBytes: bytes))
    }

    @Test func packedElementsMustFillWholeBytes() throws {
        #expect(try Self.file(type: "F4", shape: "[8]", offsets: "0,4").openingError() == nil)
        let file = try Self.file(type: "F4", shape: "[7]", offsets: "0,4")
        #expect(
            file.openingError()
                == .sizeMismatch(path: file.path, tensor: "a", foundBytes: 4, expectedBytes: 4))
    }

    @Test func overlappingTensorsAreRefused() throws {
        for second in ["0,4", "2,6"] {
            let file = try CraftedFile(
                header: #"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"#
                    + "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[\(second)]}}",
                data: [UInt8](repeating: 0, count: 6))
            #expect(
                file.openingError()
                    == .tensorsOverlap(path: file.path, first: "a", second: "b"))
        }
    }

    @Test func bytesOfNoTensorAreRefused() throws {
        let entry = #"{"dtype":"F32","shape":[],"data_offsets":"#
        let hole = try CraftedFile(
            header: "{\"a\":\(entry)[0,4]},\"b\":\(entry)[6,10]}}",
            data: [UInt8](repeating: 0, count: 10))
        let start = 8 + "{\"a\":\(entry)[0,4]},\"b\":\(entry)[6,10]}}".utf8.count
        #expect(
            hole.openingError()
                == .unclaimedBytes(path: hole.path, offset: start + 4, countBytes: 2))

        let tail = try CraftedFile(header: "{}", data: [1, 2, 3])
        #expect(
            tail.openingError() == .unclaimedBytes(path: tail.path, offset: 10, countBytes: 3))
    }

    @Test func messagesStayOnOneLineWhateverANameHolds() throws {
        let error = WeightsError.tensorsUnused(
            path: "m", tensors: ["a\nb"] + (0..<20).map { "t\($0)" })
        #expect(!error.description.contains("\n"))
        #expect(error.description.contains("21 of its tensors"))
        #expect(error.description.contains("\"t8\" and 11 more"))
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
