import System
import TestSupport
import Testing

/// Names that are one on some disks, that some refuse, and that deceive.
struct FileNameTests {
    private let folder = TemporaryFolder()

    @Test(arguments: [
        ("a/Song", "a/song", true, false), ("a/\u{E9}", "a/e\u{301}", false, true),
        ("x//CAF\u{C9}", "./x/cafe\u{301}", true, true), ("a/b", "a/c", true, true),
    ])
    func namesAreComparedAsTheDiskDoes(
        _ one: String, _ other: String, _ foldsCase: Bool, _ foldsForm: Bool
    ) {
        let isSame = NameComparison(foldsCase: foldsCase, foldsForm: foldsForm)
        #expect((isSame.key(one) == isSame.key(other)) == (one != "a/b"))
        #expect(NameComparison.exact.key(one) != NameComparison.exact.key(other))
        #expect(
            (NameComparison.widestKey(one) == NameComparison.widestKey(other)) == (one != "a/b"))
    }

    /// A disk that ignores case, played by a folder in which another name stands at the path.
    @Test func anEntryOfAnotherNameIsFound() throws {
        try folder.makeFolder("out/Song")
        let names = NameComparison(foldsCase: true, foldsForm: false)
        let out = folder.path("out")
        #expect(names.otherName(at: "\(out)/Song/drums.wav", below: out) == nil)
        #expect(names.otherName(at: "\(out)/new/drums.wav", below: out) == nil)
        let probed = NameComparison(probing: folder.path("not/there/yet"))
        try folder.makeFolder("out/song")
        #expect(probed.folds == (try FilePath.names(in: out).count == 1))
        #expect(try FilePath.names(in: folder.url.path) == ["out"])
    }

    @Test(arguments: [
        ("what?", "what_"), ("a:b*c\"<d>|e", "a_b_c__d__e"), ("end.", "end_"), ("end. .", "end. _"),
        ("con", "_con"), ("LPT1.wav", "_LPT1.wav"), ("a\u{7}", "a_"),
        ("Na\u{EF}ve \u{1F3B5}.ok", "Na\u{EF}ve \u{1F3B5}.ok"),
        ("...", ".._"),
    ])
    func unusualNamesAreMadeSafe(_ name: String, _ safe: String) {
        #expect(FilePath.safe(name) == safe)
        #expect(FilePath.problem(ofName: FilePath.safe(name)) == nil)
        #expect((FilePath.problem(ofName: name) == nil) == (name == safe))
    }

    @Test(arguments: [
        ("a\u{202E}gpj.wav", "a\\u{202E}gpj.wav"), ("x\u{85}y\u{200B}z", "x\\u{85}y\\u{200B}z"),
        ("\u{1B}]0;t\u{7}", "\\u{1B}]0;t\\u{7}"),
        ("\u{2066}\u{FEFF}\u{E0041}\u{61C}", "\\u{2066}\\u{FEFF}\\u{E0041}\\u{61C}"),
        ("\u{5D0}\u{E9}", "\u{5D0}\u{E9}"),
    ])
    func hiddenCharactersAreShown(_ text: String, _ shown: String) {
        #expect(text.withoutHiddenCharacters == shown)
    }

    @Test func bytesThatAreNoTextAreKept() {
        for bytes: [UInt8] in [
            [0x66, 0xFC, 0x72], [0xFF], [0xE2, 0x82], [0xF4, 0x8F, 0xBF, 0xBC], [0xC3, 0xA9], [],
            [0xED, 0xA0, 0x80],
        ] {
            #expect(FilePath.bytes(of: FilePath.text(ofBytes: bytes)) == bytes)
        }
        #expect(FilePath.text(ofBytes: [0x66, 0xFC]).withoutHiddenCharacters == "f\\xFC")
    }
}
