// `klass`, `args` and `kwargs` of a checkpoint's metadata.

import TestSupport
import Testing
import WeightsLoader

struct ModelArgumentsTests {
    private static let className = "demucs.htdemucs.HTDemucs"

    @Test func argumentsKeepPythonsTypes() throws {
        let checkpoint = try Fixture("weights/types").checkpoint
        let arguments = try checkpoint.modelArguments(ofClasses: [Self.className])
        #expect(arguments.className == Self.className)
        #expect(
            arguments.positional == [
                .array([.string("drums"), .string("bass"), .string("other"), .string("vocals")])
            ])
        #expect(
            arguments.keyword == [
                "segment": .fraction(numerator: 39, denominator: 5),
                "growth": .integer(2), "t_lr": .null, "t_hidden_scale": .number(4),
                "cac": .bool(true), "note": .string("é\n\"🎵\""),
            ])
    }

    @Test func fractionsAreFoundAtAnyDepth() throws {
        let fraction = #"{"_type":"fraction","numerator":-1,"denominator":3}"#
        let file = try Self.file(args: "[[\(fraction)]]", kwargs: "{\"a\":{\"b\":\(fraction)}}")
        let arguments = try file.open().modelArguments(ofClasses: [Self.className])
        let value = ArgumentValue.fraction(numerator: -1, denominator: 3)
        #expect(arguments.positional == [.array([value])])
        #expect(arguments.keyword == ["a": .object(["b": value])])
    }

    @Test func absentMetadataAreNamed() throws {
        let none = try CraftedFile(header: "{}")
        #expect(
            Self.error(none)
                == .metadataMissing(path: none.path, keys: ["klass", "args", "kwargs"]))
        let some = try CraftedFile(metadata: ["klass": Self.className, "kwargs": "{}"])
        #expect(Self.error(some) == .metadataMissing(path: some.path, keys: ["args"]))
    }

    @Test func anotherClassIsNamed() throws {
        let file = try CraftedFile(metadata: [
            "klass": "demucs.hdemucs.HDemucs", "args": "[]", "kwargs": "{}",
        ])
        let error = try #require(Self.error(file))
        #expect(
            error
                == .otherModel(
                    path: file.path, found: "demucs.hdemucs.HDemucs", expected: [Self.className]))
        #expect(
            error.description
                == "\(file.path): contains a model of class \"demucs.hdemucs.HDemucs\"; supported: "
                + "demucs.htdemucs.HTDemucs")
    }

    @Test func diffqIsRefusedWithItsReason() throws {
        let file = try CraftedFile(metadata: [
            "klass": Self.className, "args": "[]", "kwargs": "{}", "structure": "{}",
        ])
        let error = try #require(Self.error(file))
        #expect(
            error.description
                == "\(file.path): this safetensors file can't be used: its weights are packed by "
                + "diffq (the metadata have a \"structure\"); use the checkpoint with plain float "
                + "weights")
    }

    @Test(arguments: [
        ("{}", "{}", "args", "expected a JSON array"),
        ("[]", "[]", "kwargs", "expected a JSON object"),
        ("[", "{}", "args", "not JSON at byte 1: expected a value, found the end of the text"),
        ("[]", "{} {}", "kwargs", "not JSON at byte 3: more text after the value: \"{\""),
        (
            "[]", #"{"segment":{"_type":"fraction","numerator":39,"denominator":0}}"#, "kwargs",
            "a fraction needs a whole numerator and a whole denominator other than 0, found "
                + #"{"_type": "fraction", "denominator": 0, "numerator": 39}"#
        ),
        (
            "[]", #"{"segment":{"_type":"fraction","numerator":1.5,"denominator":2}}"#, "kwargs",
            "a fraction needs a whole numerator and a whole denominator other than 0, found "
                + #"{"_type": "fraction", "denominator": 2, "numerator": 1.5}"#
        ),
    ])
    func damagedArgumentsAreRefused(
        args: String, kwargs: String, key: String, problem: String
    ) throws {
        let file = try Self.file(args: args, kwargs: kwargs)
        #expect(
            Self.error(file) == .metadataInvalid(path: file.path, key: key, problem: problem))
    }

    @Test func argumentsOfAbsurdLengthAreNotRead() throws {
        let file = try Self.file(
            args: "[" + String(repeating: "0,", count: 1 << 19) + "0]", kwargs: "{}")
        let error = Self.error(file)
        guard case .metadataInvalid(_, "args", _) = error else { throw UnexpectedError(error) }
    }

    private static func file(args: String, kwargs: String) throws -> CraftedFile {
        try CraftedFile(metadata: ["klass": className, "args": args, "kwargs": kwargs])
    }

    private static func error(_ file: CraftedFile) -> WeightsError? {
        weightsError { _ = try file.open().modelArguments(ofClasses: [className]) }
    }
}
