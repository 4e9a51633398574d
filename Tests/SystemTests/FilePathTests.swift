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
