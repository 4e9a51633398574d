import System
import Testing

/// Resolution of the paths in arguments.
struct FilePathTests {
    @Test(arguments: [
        ("/a/b", "/a/b"), ("/a/./b/", "/a/b"), ("/a//b/../c", "/a/c"), ("/..", "/"), ("/", "/"),
    ])
    func aPathFromTheRootLosesItsDots(_ path: String, _ expected: String) {
        #expect(FilePath.absolute(path) == expected)
    }

    @Test(arguments: [
        ("a/../b", "b"), ("../a/./..", ".."), ("a/../../b//", "../b"), ("./", "."),
        ("..a/.b..", "..a/.b.."),
        ("a/..", "."), ("../../x", "../../x"),
    ])
    func aPathIsResolvedByName(_ path: String, _ expected: String) {
        #expect(FilePath.normalised(path) == expected)
        #expect(FilePath.normalised("/" + path) == FilePath.absolute("/" + path))
    }

    @Test(arguments: [
        ("out/a/b", "out", "a/b"), ("out", "out", ""), ("a", "out/x", "../../a"),
        ("outer/a", "out", "../outer/a"),
        ("a/b", ".", "a/b"), ("../a", ".", "../a"), ("../a/b", "../a", "b"), ("a", "../b", "a"),
        ("/a", "b", "/a"),
        ("/x/a", "/x/y", "../a"),
    ])
    func aFolderSeesAPathRelativeToIt(_ path: String, _ folder: String, _ expected: String) {
        #expect(FilePath.relative(path, to: folder) == expected)
    }

    @Test func aPathFromTheCurrentFolderBecomesAbsolute() {
        let current = FilePath.absolute(".")
        #expect(current.hasPrefix("/"))
        #expect(FilePath.absolute("a/b") == FilePath.joined(current, "a/b"))
        #expect(FilePath.absolute("a/..") == current)
    }

    @Test(arguments: [
        ("a/b", "a"), ("a/b//", "a"), ("/a/", "/"), ("a", "."), ("a/", "."), ("/", "/"),
    ])
    func slashesAtTheEndDontCountForTheParent(_ path: String, _ expected: String) {
        #expect(FilePath.parent(of: path) == expected)
    }
}
