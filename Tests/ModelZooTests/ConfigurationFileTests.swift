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
                    "tuple": .array([.integer(4), .integer(-8)]), "rate": .number(1e-5),
                    "name": .string("mel band"), "nothing": .null,
                ]),
                "training": .object([
                    "instruments": .array([.string("vocals"), .string("other")])
                ]),
            ])
    }

    static let mistakes: [(text: String, line: Int)] = [
        ("a:\n  b: 1\n c: 2", 3), ("a:\n  b: 1\n  b: 2", 3), ("a: 1\n  b: 2", 2),
        ("a:\n  - b: 1", 2), ("a: !!python/tuple 3\n", 1), ("a: !!python/tuple\nb: 1", 2),
        ("a: !!python/name:b", 1), ("a:\n  b:\n  - 1\n   - 2", 4), ("a: {b: 1}", 1),
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
