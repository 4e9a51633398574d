import Foundation
import Synchronization
import System
import TestSupport
import Testing

struct TemporaryFileTests {
    private let folder = TemporaryFolder()

    @Test
    func leftoversAreRemovedAndNothingElse() throws {
        let kept = [
            "song.wav", ".swift-demucs-1.wav", "swift-demucs-1.part", ".swift-demucs-dir.part",
        ]
        for name in kept.dropLast() { _ = try folder.write(Data([1]), name) }
        try folder.makeFolder(kept[3])
        for name in ["0", "abc", ""] {
            _ = try folder.write(Data([1]), ".swift-demucs-\(name).part")
        }
        #expect(TemporaryFiles.removeLeftovers(in: folder.url.path) == 3)
        #expect(try folder.contents == kept.sorted())
        #expect(TemporaryFiles.removeLeftovers(in: folder.path("none")) == 0)
    }

    @Test
    func fileOfARunningWriterIsNoLeftover() throws {
        let writer = try UnfinishedFile(folder.path("stem.wav"))
        #expect(TemporaryFiles.removeLeftovers(in: folder.url.path) == 0)
        try writer.complete()
        #expect(try folder.contents == ["stem.wav"])
    }

    /// Writers and cleaners run at the same time, and no file is lost.
    @Test
    func cleaningDisturbsNoWriter() throws {
        let path = folder.url.path
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 200) { index in
            do {
                if index % 2 == 0 {
                    try UnfinishedFile("\(path)/stem \(index).wav").complete()
                } else {
                    TemporaryFiles.removeLeftovers(in: path)
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        #expect(try folder.contents.count == 100)
    }

    /// Claims of one process exclude each other too.
    @Test
    func workIsClaimedOnce() throws {
        let place = folder.url.path
        let first = try #require(try TemporaryFiles.claim("a", in: place))
        #expect(TemporaryFiles.isClaimed("a", in: place))
        #expect(try TemporaryFiles.claim("a", in: place) == nil)
        // The refusal says nothing about other work.
        let other = try #require(try TemporaryFiles.claim("b", in: place))
        first.end()
        #expect(!TemporaryFiles.isClaimed("a", in: place))
        #expect(TemporaryFiles.isClaimed("b", in: place))
        try #require(try TemporaryFiles.claim("a", in: place)).end()
        other.end()
        #expect(try folder.contents == [])
    }

    @Test
    func aFileThatCanNotGetItsNameIsGoneAtOnce() throws {
        let file = try UnfinishedFile(folder.path("stem.wav"))
        try folder.makeFolder("stem.wav")
        #expect(throws: SystemError.self) { try file.complete() }
        #expect(try folder.contents == ["stem.wav"])
        withExtendedLifetime(file) {}
    }

    @Test
    func unnamedFileIsNotSeen() throws {
        let descriptor = try TemporaryFiles.createUnnamed(in: folder.url.path)
        defer { close(descriptor) }
        #expect(try folder.contents == [])
        #expect(write(descriptor, "abc", 3) == 3)
        #expect(throws: SystemError(code: ENOENT)) {
            _ = try TemporaryFiles.createUnnamed(in: folder.path("none"))
        }
    }

    @Test
    func freeBytesOfAnExistingFolderAreKnown() throws {
        #expect(try #require(TemporaryFiles.freeBytes(in: folder.url.path)) > 0)
        #expect(try #require(TemporaryFiles.freeBytes(in: "")) > 0)
        #expect(TemporaryFiles.freeBytes(in: folder.path("none")) == nil)
    }
}
