import ModelZoo
import TestSupport
import Testing
import WeightsLoader

/// The YAML files of single models: their values, and the files that are found by them.
@Suite struct ConfigurationFileTests {
    private func sections(_ text: String) throws -> [String: ArgumentValue] {
        ConfigurationFile(try YAMLFile(text, path: "a.yaml")).sections
    }

    @Test func valuesHaveTheTypesOfPyYAML() throws {
        let found = try sections(
            """
            audio:
              chunk_size: 352800   # samples
              min_mean_abs: 0.000
              empty:

            model:
                flags:
                    - true
                    - No
                    - 'on'
                tuple: !!python/tuple   # of numbers
                - 4
                - -8
                below:
                  !!python/tuple # the same on a line of its own
                  - 0.2
                rate: 1.0e-05
                name: mel band
                nothing: null
            training:
              instruments: [vocals, 'other']
            """)
        #expect(
            found == [
                "audio": .object([
                    "chunk_size": .integer(352_800), "min_mean_abs": .number(0), "empty": .null,
                ]),
                "model": .object([
                    "flags": .array([.bool(true), .bool(false), .string("on")]),
                    "tuple": .array([.integer(4), .integer(-8)]), "below": .array([.number(0.2)]),
                    "rate": .number(1e-5), "name": .string("mel band"), "nothing": .null,
                ]),
                "training": .object([
                    "instruments": .array([.string("vocals"), .string("other")])
                ]),
            ])
    }

    /// PyYAML writes a value that it meets twice once.
    @Test func aliasesRepeatTheValueOfTheirAnchor() throws {
        let found = try sections(
            """
            model:
              bands: &id001 !!python/tuple
              - 2
              - &four 4
              same: *id001
              lists: [&a [1, 2], *a, *four]
              deeper:
              - *id001
              - &id002
                - 8
              - *id002
            training: &t
              instruments: &i [vocals]   # the stems
            again: *t
            ...
            """)
        let bands = ArgumentValue.array([.integer(2), .integer(4)])
        let pair = ArgumentValue.array([.integer(1), .integer(2)])
        let training = ArgumentValue.object(["instruments": .array([.string("vocals")])])
        #expect(
            found == [
                "model": .object([
                    "bands": bands, "same": bands, "lists": .array([pair, pair, .integer(4)]),
                    "deeper": .array([bands, .array([.integer(8)]), .array([.integer(8)])]),
                ]),
                "training": training, "again": training,
            ])
    }

    static let numbers: [(text: String, value: ArgumentValue)] = [
        ("131_712", .integer(131_712)), ("'131712'", .string("131712")), ("017", .integer(15)),
        ("-0x1f", .integer(-31)), ("09", .string("09")), ("1.5", .number(1.5)),
        ("1_0.5", .number(10.5)), ("1e-5", .string("1e-5")), ("1.0e5", .string("1.0e5")),
        ("-1.0e+2", .number(-100)),
    ]

    @Test(arguments: numbers)
    func numbersAreThoseOfYAML1(text: String, value: ArgumentValue) throws {
        #expect(try sections("a: \(text)") == ["a": value])
    }

    @Test func aliasesOfAliasesAreLimited() {
        let wide = (1..<20).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]\n" }.joined()
        #expect(throws: YAMLFileError.self) { try sections("a0: &a0 [1]\n" + wide) }
        let items = [String](repeating: "*b", count: 300).joined(separator: ", ")
        let many = "b: &b [\([String](repeating: "1", count: 300).joined(separator: ", "))]\n"
        #expect(throws: YAMLFileError.self) { try sections(many + "c: [\(items)]") }
    }

    static let mistakes: [(text: String, line: Int)] = [
        ("a:\n  b: 1\n c: 2", 3), ("a:\n  b: 1\n  b: 2", 3), ("a: 1\n  b: 2", 2),
        ("a:\n  - b: 1", 2), ("a: !!python/tuple 3\n", 1), ("a: !!python/tuple\nb: 1", 2),
        ("a: !!python/name:b", 1), ("a:\n  b:\n  - 1\n   - 2", 4), ("a: {b: 1}", 1),
        ("a: *b", 1), ("a: &b [*b]", 1), ("a: &b\n  c: 1\nd:\n  <<: *b", 4), ("a: & 1", 1),
    ]

    @Test(arguments: mistakes)
    func mistakesNameTheirLine(text: String, line: Int) throws {
        let error = #expect(throws: YAMLFileError.self) { try sections(text) }
        guard case .invalid("a.yaml", line, _) = error else { throw UnexpectedError(error) }
    }

    @Test func deepMappingsAreRefused() {
        let text = (0..<1_000).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(throws: YAMLFileError.self) { try sections(text) }
    }

    @Test func aFileIsFoundByItsConfigurationAndByItsName() throws {
        let folder = TemporaryFolder()
        let yaml = try folder.write("model:\n  dim: 8\n", "repo/vocals.yaml")
        let store = try ModelStore(
            repository: folder.path("repo"), isOffline: true, environment: [:])
        #expect(
            throws: ModelStoreError.notFound(
                name: yaml, folders: [folder.path("repo")], missing: ["vocals"])
        ) { try store.find(yaml) }
        let checkpoint = try folder.write("", "repo/vocals.ckpt")
        let files = try store.find(yaml)
        #expect(files.checkpoints == [checkpoint] && files.name == "vocals")
        #expect(files.configuration?.sections == ["model": .object(["dim": .integer(8)])])
        #expect(try store.find("vocals").checkpoints == [checkpoint])
    }
}
