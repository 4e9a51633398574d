import Foundation
import ModelZoo
import TestSupport
import Testing
import WeightsLoader

/// The YAML of bags: accepted and refused texts, and mutated ones.
struct BagFileTests {
    private func bag(_ text: String) throws -> BagFile {
        try BagFile(YAMLFile(text, path: "bag.yaml"))
    }

    /// Texts in the form of the official package's own files.
    @Test func officialFilesAreRead() throws {
        #expect(try bag("models: ['955717e8']\n").signatures == ["955717e8"])
        let tuned = try bag(
            """
            models: ['f7e0c4bc', 'd12395a8', '92cfc3b6', '04573f0d']
            weights: [
              [1., 0., 0., 0.],
              [0., 1., 0., 0.],
              [0., 0., 1., 0.],
              [0., 0., 0., 1.],
            ]
            """)
        #expect(tuned.signatures == ["f7e0c4bc", "d12395a8", "92cfc3b6", "04573f0d"])
        #expect(tuned.weights == (0..<4).map { row in (0..<4).map { $0 == row ? 1 : 0 } })
        #expect(tuned.segmentSeconds == nil)
        #expect(try bag("models: ['75fc33f5']\nsegment: 44\n").segmentSeconds == 44)
    }

    static let spellings = [
        "---\n# a bag\nmodels: [a1, \"b2\"] # two\n\nweights: [[.5, -1e-3], [+2, 3]]\nsegment: 0.15",
        "\u{FEFF}models:\n- a1\n- b2\nweights:\n- - .5\n  - -1e-3\n- - 2.\n  - 3\nsegment: 0.15\n",
        "models:\n  - 'a1'   # first\n  - \"b2\"\nweights:\n- [.5, -1e-3]\n- [2, 3]\nsegment: .15",
        "models: [\n  a1,\n  b2\n]\r\nweights: [[.5,-1e-3],[2,3],]\r\nsegment: 0.15\r\n",
        "\u{FEFF}segment: 0.15\nnote: a text: [no list\nmodels: [a1,b2]\nweights: [[0.5,-0.001],[2,3]]",
    ]

    @Test(arguments: spellings.dropLast())
    func otherSpellingsMeanTheSame(text: String) throws {
        let bag = try bag(text)
        #expect(bag.signatures == ["a1", "b2"])
        #expect(bag.weights == [[0.5, -0.001], [2, 3]])
        #expect(bag.segmentSeconds == 0.15)
    }

    @Test func emptyValuesAreNone() throws {
        let bag = try bag("models: [a1]\nweights:\nsegment: null\nelse: ~\n")
        #expect(bag.weights == nil && bag.segmentSeconds == nil)
    }

    static let mistakes: [(text: String, line: Int)] = [
        ("models: []", 1), ("models: a1", 1), ("models: [[a1]]", 1), ("models: ['../a']", 1),
        ("models: [a/b]", 1), ("models: ['.a']", 1), ("models: ['']", 1), ("models: [a b]", 1),
        ("\nmodels: [a", 2), ("models: [a,,b]", 1), ("models: [a}", 1), ("models: 'a", 1),
        ("models: {a: b}", 1), ("models: [a]]", 1), ("models: [a] b", 1), ("models: *a", 1),
        ("models: &x[a]", 1), ("models: !!str a", 1), ("models: |\n  a", 1),
        ("models: \"\\x\"", 1),
        ("models: [a]\nmodels: [b]", 2), ("models: [a]\nx", 2), ("models: [a]\n x: 1", 2),
        ("models:\n  x: 1", 2), ("models:\n- a\n  - b", 3), ("models:[a]", 1), ("- a\n- b", 1),
        ("models: [a]\nweights: [1]", 2), ("models: [a]\nweights: [[1], [1]]", 2),
        ("models: [a, b]\nweights: [[1, 2], [1]]", 2), ("models: [a]\nweights: [[x]]", 2),
        ("models: [a]\nweights: [['1']]", 2), ("models: [a]\nweights: [[.inf]]", 2),
        ("models: [a]\nweights: [[1e999]]", 2), ("models: [a]\nweights: [[1e300]]", 2),
        ("models: [a]\nweights: [[nan]]", 2), ("models: [a]\nweights: [[0x10]]", 2),
        ("models: [a]\nsegment: 0", 2), ("models: [a]\nsegment: -1", 2),
        ("models: [a]\nsegment: [1]", 2), ("models: [a]\n---\nmodels: [b]", 2),
        ("models: [a]\n...\nmodels: [b]", 3),
        ("<html>\n<body>", 1), ("{\"models\": [\"a\"]}", 1), ("\u{0}", 1),
    ]

    @Test(arguments: mistakes)
    func mistakesNameTheirLine(text: String, line: Int) throws {
        let error = #expect(throws: YAMLFileError.self) { try bag(text) }
        guard case .invalid("bag.yaml", line, _) = error else { throw UnexpectedError(error) }
    }

    @Test func aFileWithoutModelsIsNotABag() {
        for text in ["", "\n# nothing\n", "segment: 44\n"] {
            #expect(throws: BagError.modelsMissing(path: "bag.yaml")) { try bag(text) }
        }
    }

    @Test func deepAndLongFilesAreRefused() throws {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: YAMLFileError.self) { try bag("models: \(deep)") }
        #expect(throws: YAMLFileError.self) {
            try bag("models:\n" + String(repeating: "- ", count: 100_000) + "a")
        }
        let folder = TemporaryFolder()
        let long = try folder.write(String(repeating: "#\n", count: 40_000), "long.yaml")
        #expect(
            throws: YAMLFileError.tooLong(path: long, foundBytes: 80_000, limitBytes: 65_536)
        ) { try BagFile.read(long) }
        let binary = try folder.write(Data([0x6d, 0xff, 0xfe]), "binary.yaml")
        #expect(throws: YAMLFileError.self) { try BagFile.read(binary) }
        #expect(throws: WeightsError.self) { try BagFile.read(folder.path("missing.yaml")) }
    }

    /// Ten thousand mutations of valid files: each is read or refused, none crashes or hangs.
    @Test func mutatedFilesAreReadOrRefused() {
        var generator = SplitMix64(seed: 99)
        func random(_ bound: Int) -> Int { generator.index(below: bound) }
        let pieces = [
            "[", "]", ",", "\n", "- ", ":", "'", "\"", "#", " ", "1e", "\r", "\t", "{", "a",
        ]
        var readCount = 0
        for _ in 0..<10_000 {
            var text = Array(Self.spellings[random(Self.spellings.count)])
            for _ in 0...random(4) {
                let place = random(text.count)
                switch random(4) {
                case 0: text.insert(contentsOf: Array(pieces[random(pieces.count)]), at: place)
                case 1: text.remove(at: place)
                case 2: text.removeLast(text.count - place - 1)
                default: text[place] = Character(UnicodeScalar(UInt8(random(128))))
                }
                if text.isEmpty { text = ["a"] }
            }
            if (try? bag(String(text))) != nil { readCount += 1 }
        }
        #expect(readCount > 100)
    }
}
