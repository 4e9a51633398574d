import Foundation
import System
import TestSupport
import Testing

/// Files that are read and replaced as a whole, and folders.
struct WholeFileTests {
    private let folder = TemporaryFolder()

    @Test func aReplacedFileHasTheNewBytesAndLeavesNothingElse() throws {
        // The longest possible name.
        let name = String(repeating: "x", count: FilePath.longestNameBytes)
        let path = folder.path(name)
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try replaceFile(at: path, with: [1, 2, 3])
        try replaceFile(at: path, with: bytes)
        #expect(try readFile(path) == bytes)
        #expect(try folder.contents == [name])
    }

    @Test func afterAnErrorTheOldFileStays() throws {
        let path = folder.path("file")
        try replaceFile(at: path, with: [1])
        #expect(throws: SystemError(code: ENOSPC)) {
            try replaceFile(at: path) { _ in throw SystemError(code: ENOSPC) }
        }
        #expect(try readFile(path) == [1])
        #expect(try folder.contents == ["file"])
    }

    /// A process that is killed while it replaces a file leaves a file of this name without a lock.
    @Test func theLeftoverOfAReplacementIsRemoved() throws {
        try replaceFile(at: folder.path("file")) { descriptor in
            let names = try FilePath.names(in: folder.path(""))
            #expect(names.count == 1)
            #expect(TemporaryFiles.removeLeftovers(in: folder.path("")) == 0)
            _ = try folder.write(Data([1]), names[0].replacing(".part", with: "0.part"))
            #expect(TemporaryFiles.removeLeftovers(in: folder.path("")) == 1)
            try [UInt8(2)].withUnsafeBytes { try writeAll($0, to: descriptor) }
        }
        #expect(try folder.contents == ["file"])
    }

    @Test func theReasonOfAFailureIsTheSystems() throws {
        #expect(throws: SystemError(code: EISDIR)) { try readFile(folder.path("")) }
        #expect(throws: SystemError(code: ENOENT)) {
            try replaceFile(at: folder.path("missing/file"), with: [1])
        }
        try replaceFile(at: folder.path("file"), with: [1])
        #expect(throws: SystemError(code: ENOTDIR)) {
            try FilePath.makeFolder(folder.path("file/inner"))
        }
        #expect(throws: SystemError(code: EEXIST)) {
            try FilePath.makeFolder(folder.path("file"))
        }
    }

    @Test func aFolderIsMadeWithItsParents() throws {
        let inner = folder.path("a/b") + "/"
        try FilePath.makeFolder(inner)
        try FilePath.makeFolder(inner)
        #expect(FilePath.isFolder(inner))
        #expect(try FilePath.names(in: folder.path("")) == ["a"])
    }

    #if os(Linux)
        @Test func aFileOfTheKernelIsReadThoughItHasNoSize() throws {
            #expect(try !readFile("/proc/self/stat").isEmpty)
        }
    #endif
}
