import Foundation
import Synchronization
import System
import TestSupport
import Testing

/// What a written file may replace.
struct OutputTargetTests {
    private let folder = TemporaryFolder()

    private func write(_ name: String, _ text: String = "new") throws {
        try replaceFile(at: folder.path(name), with: text.utf8)
    }

    private func text(_ name: String) throws -> String {
        String(decoding: try folder.data(name), as: UTF8.self)
    }

    @Test func aFileIsReplacedAndALinkFollowed() throws {
        try folder.write("old", "there/file")
        for (link, target) in [("near", "there/file"), ("far", "near")] {
            symlink(target, folder.path(link))
        }
        try write("far", "through two links")
        #expect(try text("there/file") == "through two links")
        for name in ["near", "far"] {
            var status = stat()
            #expect(lstat(folder.path(name), &status) == 0)
            #expect(status.st_mode & S_IFMT == S_IFLNK, "\(name) is no link any more")
        }
        #expect(folder.files == ["far", "near", "there/file"])
    }

    @Test func aPipeGetsTheBytesAndStays() throws {
        #expect(mkfifo(folder.path("pipe"), 0o600) == 0)
        // More than a pipe holds; open for writing too, so that neither side waits for the other.
        let reader = open(folder.path("pipe"), O_RDWR)
        let whole = String(repeating: "sound ", count: 50_000)
        let received = Mutex<[UInt8]>([])
        let thread = try #require(
            SystemThread {
                var buffer = [UInt8](repeating: 0, count: 4_096)
                while received.withLock({ $0.count }) < whole.utf8.count {
                    let count = max(0, read(reader, &buffer, buffer.count))
                    received.withLock { $0 += buffer[..<count] }
                }
            })
        try write("pipe", whole)
        thread.join()
        close(reader)
        #expect(received.withLock { $0 } == Array(whole.utf8))
        #expect(FilePath.status(folder.path("pipe")).map { $0.st_mode & S_IFMT } == S_IFIFO)
        #expect(try folder.contents == ["pipe"])
    }

    /// As another user than root, who can make none, the null device itself.
    @Test func aDeviceStays() throws {
        let own = folder.path("null")
        let device = mknod(own, S_IFCHR | 0o666, 0x103) == 0 ? own : "/dev/null"
        try replaceFile(at: device, with: "gone".utf8)
        #expect(FilePath.status(device).map { $0.st_mode & S_IFMT } == S_IFCHR)
    }

    @Test func aPathThatCannotBeLookedUpIsRefused() throws {
        try folder.write("old", "file")
        let long = String(repeating: "x", count: 300)
        for (name, code) in [("file/x", ENOTDIR), (long, ENAMETOOLONG)] {
            #expect(throws: SystemError(code: code)) {
                _ = try OutputTarget(folder.path(name))
            }
        }
    }

    @Test func everythingElseIsRefusedByName() throws {
        try folder.makeFolder("folder")
        symlink("nothing", folder.path("dangling"))
        let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        // The path in an address has at most 107 bytes.
        let name = "/tmp/\(UUID().uuidString.prefix(8))"
        defer { unlink(name) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        #expect(isBound)
        let block = folder.path("disk")
        // Only root can make a block device.
        let isRoot = mknod(block, S_IFBLK | 0o600, 0x700) == 0
        for (path, reason) in [
            (folder.path("folder"), "Is a directory"), (name, "it is a socket"),
            (folder.path("dangling"), "it is a link to a file that doesn't exist"),
        ] + (isRoot ? [(block, "it is a block device")] : []) {
            let error = #expect(throws: SystemError.self) {
                try replaceFile(at: path, with: "x".utf8)
            }
            #expect(error?.description == reason)
        }
        #expect(try folder.contents == ["dangling"] + (isRoot ? ["disk"] : []) + ["folder"])
    }
}
