// Valid files in PyTorch's two formats with one change, which the readers refuse.

import Foundation
import TestSupport
import Testing
import WeightsLoader

struct TorchErrorTests {
    private static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: Fixture.url("weights/formats/\(name)")))
    }

    /// The message, without the path, of opening `views.th` with changed entries.
    private static func message(
        _ change: (inout [(name: String, content: [UInt8])]) -> Void
    ) throws -> String {
        var entries = ZipEntries(try bytes("views.th"))
        change(&entries.list)
        return try CraftedFile(entries.archive).problem()
    }

    private static func index(_ list: [(name: String, content: [UInt8])], _ name: String) -> Int {
        list.firstIndex { $0.name.hasSuffix(name) } ?? 0
    }

    // MARK: - The archive

    @Test func aCutArchiveIsReported() throws {
        let bytes = try Self.bytes("views.th")
        for count in [4, 100, bytes.count - 1] {
            #expect(
                try CraftedFile(Array(bytes[..<count])).problem()
                    == "this PyTorch archive is damaged at byte \(count): a zip archive begins "
                    + "here, but its end record is missing: the file is cut short; download it "
                    + "again")
        }
    }

    @Test func aCompressedEntryIsRefused() throws {
        var bytes = ZipEntries(try Self.bytes("views.th")).archive
        let entry = try #require(
            bytes.indices.dropLast(4).first { bytes[$0..<$0 + 4] == [0x50, 0x4B, 1, 2] })
        bytes[entry + 10] = 8
        #expect(
            try CraftedFile(bytes).problem().contains(
                "is compressed or encrypted (method 8, flags 0)"))
    }

    @Test func entriesThatShareBytesAreRefused() throws {
        // The second directory record points at the first entry, whose header has another name.
        var bytes = ZipEntries(try Self.bytes("views.th")).archive
        let records = bytes.indices.dropLast(4).filter { bytes[$0..<$0 + 4] == [0x50, 0x4B, 1, 2] }
        bytes.replaceSubrange(records[1] + 42..<records[1] + 46, with: [0, 0, 0, 0])
        #expect(try CraftedFile(bytes).problem().contains("has another name in its own header"))
    }

    @Test func aWrongChecksumOfThePickleIsReported() throws {
        var bytes = ZipEntries(try Self.bytes("views.th")).archive
        let name = Array("data.pkl".utf8)
        let start = try #require(
            bytes.indices.dropLast(8).first { Array(bytes[$0..<$0 + 8]) == name })
        bytes[start + 20] ^= 1
        #expect(
            try CraftedFile(bytes).problem().contains("the checksum of views/data.pkl is wrong"))
    }

    typealias Entries = [(name: String, content: [UInt8])]

    static let changes: [(problem: String, change: @Sendable (inout Entries) -> Void)] = [
        ("two entries named", { $0.append($0[1]) }),
        ("big-endian", { $0[index($0, "byteorder")].content = Array("big".utf8) }),
        ("2 entries named data.pkl", { $0.append(("other/data.pkl", [])) }),
        ("it is a TorchScript program", { $0.append(("views/constants.pkl", [])) }),
        (
            "\"whole\" takes 92 bytes, but its shape and dtype need 96",
            { $0[index($0, "data/0")].content.removeLast(4) }
        ),
        (
            "the storage \"0\" of \"whole\" is not in the file",
            { $0.remove(at: index($0, "data/0")) }
        ),
        (
            // The first tensor's offset, BININT1 0 after its persistent id, becomes 250.
            "\"whole\" should be at 250..<274 of a storage",
            { list in
                let pickle = index(list, "data.pkl")
                let content = list[pickle].content
                if let id = content.firstIndex(of: UInt8(ascii: "Q")), content[id + 1] == 0x4B {
                    list[pickle].content[id + 2] = 250
                }
            }
        ),
    ]

    @Test(arguments: changes.indices)
    func changedEntriesAreRefused(index: Int) throws {
        let message = try Self.message(Self.changes[index].change)
        #expect(message.contains(Self.changes[index].problem), "\(message)")
    }

    // MARK: - The pickle

    static let damagedPickles: [(String, [UInt8], String)] = [
        ("no STOP", [UInt8](), "should take 1 bytes, but 0 are left"),
        ("unknown opcode", [0xFF], "the opcode 255, which torch doesn't write"),
        ("no value", Array(".".utf8), "takes more values than it has put down"),
        ("a value behind a mark", Array("N(.".utf8), "takes more values than it has put down"),
        ("an unknown recall", Array("h\u{07}.".utf8), "recalls value 7, which it never stored"),
        ("not a dictionary", Array("N.".utf8), "it doesn't hold a dictionary"),
        ("protocol 9", [0x80, 9], "pickle protocol 9; expected 2 to 5"),
        ("a long string", Array("X\u{7F}\u{7F}\u{7F}\u{7F}".utf8), "should take 2139062143 bytes"),
        (
            "a name without end", Array("c".utf8) + [UInt8](repeating: 97, count: 5000),
            "a name of the pickle without end"
        ),
        (
            "too many steps", [UInt8](repeating: UInt8(ascii: "N"), count: 400_001),
            "a pickle of more than 400000 steps"
        ),
        ("a persistent number", Array("K\u{01}Q.".utf8), "a persistent id that isn't a storage's"),
    ]

    @Test(arguments: damagedPickles)
    func damagedPicklesAreRefused(name: String, pickle: [UInt8], problem: String) throws {
        let message = try Self.message { $0[Self.index($0, "data.pkl")].content = pickle }
        #expect(message.contains(problem), "\(message)")
    }

    /// The text from which Python before 3.12 makes a fraction again, as in the published checkpoints.
    @Test(
        arguments: [
            ("39/5", 39, 5), ("10", 10, 1), ("-3/2", -3, 2), ("39/0", 0, 0), ("7.8", 0, 0),
            ("", 0, 0), ("1/2/3", 0, 0), ("/2", 0, 0),
        ])
    func aFractionIsReadFromItsText(text: String, numerator: Int, denominator: Int) throws {
        var entries = ZipEntries(try Self.bytes("views.th"))
        let pickle = Self.index(entries.list, "data.pkl")
        // Two numbers and their tuple become a text in a tuple.
        let pair = try #require(
            entries.list[pickle].content.firstRange(of: [0x4B, 39, 0x4B, 5, 0x86]))
        entries.list[pickle].content.replaceSubrange(
            pair, with: [0x58, UInt8(text.utf8.count), 0, 0, 0] + text.utf8 + [0x85])
        let file = try CraftedFile(entries.archive)
        let segment = try? file.open().modelArguments(ofClasses: ["demucs.htdemucs.HTDemucs"])
            .keyword["segment"]
        let fraction = ArgumentValue.fraction(numerator: numerator, denominator: denominator)
        #expect(segment == (denominator > 0 ? fraction : nil))
    }

    @Test func callsInAPickleAreNotExecuted() throws {
        // A call that would run a command in Python gives an opaque value here.
        let pickle = Array("cos\nsystem\n(X\u{09}\0\0\0touch /x\u{0A}tR.".utf8)
        let message = try Self.message { $0[Self.index($0, "data.pkl")].content = pickle }
        #expect(message.contains("it doesn't hold a dictionary"))
    }

    private static let klass =
        "(X\u{05}\0\0\0klasscm\nk\nX\u{05}\0\0\0state}X\u{04}\0\0\0args)X\u{06}\0\0\0kwargs"

    /// Opens a model with this value of a keyword argument, or finds that it is too large.
    private static func expect(argument value: [UInt8], isTaken: Bool) throws {
        var entries = ZipEntries(try bytes("views.th"))
        entries.list[index(entries.list, "data.pkl")].content =
            Array("}\(klass)}X\u{01}\0\0\0a".utf8) + value + Array("su.".utf8)
        let error = try CraftedFile(entries.archive).openingError()
        #expect((error == nil) == isTaken)
        let problem = "\"kwargs\": values nested too deeply, or too many"
        #expect(isTaken || error?.description.contains(problem) == true)
    }

    /// The keyword arguments are one level, a value in them the next.
    @Test(arguments: [30, 31], [true, false])
    func argumentsAreNestedUpTo32Levels(containers: Int, areDictionaries: Bool) throws {
        var value = Array("N".utf8)
        for _ in 0..<containers {
            value =
                areDictionaries
                ? Array("}X\u{01}\0\0\0a".utf8) + value + Array("s".utf8) : value + [0x85]
        }
        try Self.expect(argument: value, isTaken: containers == 30)
    }

    /// The keyword arguments and the list are values too.
    @Test(arguments: [9_998, 9_999])
    func argumentsAreUpTo10000Values(count: Int) throws {
        let values = [UInt8](repeating: UInt8(ascii: "N"), count: count)
        try Self.expect(
            argument: Array("](".utf8) + values + Array("e".utf8), isTaken: count == 9_998)
    }

    @Test func valuesNestedDeeplyOrInThemselvesAreRefusedAsArguments() throws {
        let deep = [UInt8(ascii: "N")] + [UInt8](repeating: 0x85, count: 100_000)
        for value in [deep, Array("]q\u{01}h\u{01}a".utf8)] {
            try Self.expect(argument: value, isTaken: false)
        }
    }

    @Test func copiesOfARecalledListAreLimited() throws {
        // A list of 1,000 pairs, of which 401 calls make an ordered dictionary each.
        var pickle = Self.text("a") + Self.text("b") + [0x86] + Array("q\00(".utf8)
        for _ in 0..<1000 { pickle += Array("h\0".utf8) }
        pickle += [UInt8(ascii: "l"), 0x85]
        pickle += Array("q\u{01}0ccollections\nOrderedDict\nq\u{02}0".utf8)
        for _ in 0..<401 { pickle += Array("h\u{02}h\u{01}R0".utf8) }
        let message = try Self.message {
            $0[Self.index($0, "data.pkl")].content = pickle + Array("}.".utf8)
        }
        #expect(message.contains("ordered dictionaries of more than 400000 pairs"), "\(message)")
    }

    /// `views.th` with one tensor, a view of the storage of "whole".
    private static func view(shape: [Int], strides: [Int]) throws -> CraftedFile {
        func tuple(_ values: [Int]) -> [UInt8] {
            Array("(".utf8)
                + values.flatMap { value in
                    [0x8A, 8] + (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
                } + Array("t".utf8)
        }
        let storage =
            text("storage") + Array("ctorch\nFloatStorage\n".utf8) + text("0") + text("cpu")
            + [UInt8(ascii: "K"), 24]
        let tensor =
            Array("ctorch._utils\n_rebuild_tensor_v2\n((".utf8) + storage + Array("tQK\0".utf8)
            + tuple(shape) + tuple(strides) + [0x89] + Array("}tR".utf8)
        var entries = ZipEntries(try bytes("views.th"))
        entries.list[index(entries.list, "data.pkl")].content =
            Array("}".utf8) + text("view") + tensor + Array("s.".utf8)
        return try CraftedFile(entries.archive)
    }

    @Test(arguments: [
        // An axis of size 1 takes no step.
        ([2, 1, 3], [1, Int.max, 2], [0, 2, 4, 1, 3, 5]),
        // Expanded axes.
        ([2, 3], [0, 1], [0, 1, 2, 0, 1, 2]), ([2, 2], [5, 0], [0, 0, 5, 5]),
        ([30], [0], [Int](repeating: 0, count: 30)), ([2, 3], [1, 1], [0, 1, 2, 1, 2, 3]),
        // No values.
        ([3, 0], [5, 2], []), ([0, 3], [2, 2], []),
    ])
    func viewsMayStepInAnyWay(shape: [Int], strides: [Int], indices: [Int]) throws {
        let original = try CraftedFile(try Self.bytes("views.th")).open()
        let whole = try original.floats(try #require(original.tensor(named: "whole")))
        let checkpoint = try Self.view(shape: shape, strides: strides).open()
        let view = try #require(checkpoint.tensor(named: "view"))
        #expect(view.shape == shape)
        #expect(try checkpoint.floats(view) == indices.map { whole[$0] })
    }

    @Test(arguments: [
        ([1 << 25], [0]), ([1 << 20, 1 << 20], [0, 0]), ([2, 24], [1, 1]), ([2], [-1]),
    ])
    func viewsThatAreTooLargeOrLeaveTheStorageAreRefused(shape: [Int], strides: [Int]) throws {
        let problem = try Self.view(shape: shape, strides: strides).problem()
        #expect(problem.contains("of a storage of 24 elements"), "\(problem)")
    }

    /// BINUNICODE with a text of ASCII.
    private static func text(_ text: String) -> [UInt8] {
        [UInt8(ascii: "X"), UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8)
    }

    // MARK: - The older form

    @Test func aCutOlderFileIsReported() throws {
        let bytes = try Self.bytes("views_legacy.th")
        let message = try CraftedFile(Array(bytes.dropLast(3))).problem()
        #expect(message.hasPrefix("this PyTorch file of the older form is damaged at byte"))
        #expect(message.contains("but"))
    }

    @Test func bytesAfterTheLastStorageAreRefused() throws {
        #expect(
            try CraftedFile(Self.bytes("views_legacy.th") + [0]).problem()
                .contains("1 bytes after the last storage"))
    }
}
