import Audio
import System

/// A manifest that can be read more than once. Standard input and pipes are copied to a temporary file.
final class ManifestFile {
    /// Name of the file in messages.
    let name: String
    /// Whether the file is read once, as its writer goes on.
    let isFollowed: Bool
    /// The file itself, whatever its path.
    let identity: FileIdentity
    private let descriptor: Int32
    private let cancellation: CancellationToken

    /// - Parameters:
    ///   - path: `-` for standard input.
    ///   - isFollowed: whether to read it once, line by line, without a copy.
    ///   - folder: folder for the copy of a pipe; nil for the system's.
    /// - Throws: `RunError`, `AudioError` if the copy can't be made, `CancellationError`.
    init(
        _ path: String, isFollowed: Bool, spoolFolder folder: String?,
        cancellation: CancellationToken
    ) throws {
        self.isFollowed = isFollowed
        self.cancellation = cancellation
        let isStandardInput = path == "-"
        name = isStandardInput ? "standard input" : path
        let opened =
            isStandardInput
            ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { throw ManifestFile.unreadable(name, "\(SystemError.last)") }
        var status = stat()
        fstat(opened, &status)
        identity = status.file
        if isFollowed || status.st_mode & S_IFMT == S_IFREG {
            descriptor = opened
        } else {
            defer { close(opened) }
            descriptor = try ManifestFile.copy(of: opened, name, folder, cancellation)
        }
    }

    deinit { close(descriptor) }

    private static func copy(
        of stream: Int32, _ name: String, _ folder: String?, _ cancellation: CancellationToken
    ) throws -> Int32 {
        let copy = try TemporaryFiles.createUnnamed(in: folder, for: "a copy of \(name)")
        do {
            try forEachPiece(of: stream) { piece in
                try cancellation.check()
                try writeAll(piece, to: copy)
            }
        } catch let error as SystemError {
            close(copy)
            throw unreadable(name, "\(error)")
        } catch {
            close(copy)
            throw error
        }
        return copy
    }

    /// Reads up to the end of a buffer, or as much as a followed file has now.
    ///
    /// - Parameter offset: ignored for a followed file.
    /// - Returns: the number of bytes; 0 at the end.
    fileprivate func read(
        into bytes: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(SystemError) -> Int {
        if !isFollowed { return try readAll(into: bytes, from: descriptor, at: offset) }
        while !cancellation.isCancelled {
            var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // A signal cancels the token on another thread, and doesn't end this wait.
            if poll(&state, 1, 200) <= 0 { continue }
            let count = System.read(descriptor, bytes.baseAddress, bytes.count)
            if count >= 0 { return count }
            if errno != EINTR && errno != EAGAIN { throw SystemError.last }
        }
        return 0
    }

    private static func unreadable(_ name: String, _ reason: String) -> RunError {
        .settings(
            "\(name): the manifest can't be read (\(reason))",
            remedy: "`manifest` takes a file of JSON lines")
    }

    /// The manifest, and a line of it.
    func place(_ line: Int?) -> String { name + (line.map { ": line \($0)" } ?? "") }

    /// An error in a line.
    ///
    /// - Parameter line: counted from 1; nil for the whole file.
    func failure(_ line: Int?, _ problem: String) -> RunError {
        .settings("\(place(line)): \(problem)")
    }
}

/// The lines of a manifest, read block by block: memory does not grow with the file.
struct ManifestLines {
    static let longestLineBytes = 1 << 20
    private static let blockBytes = 1 << 20
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    let file: ManifestFile
    /// The number of the last line, counted from 1.
    private(set) var number = 0
    /// Bytes of the file that were read; those from `position` on were not returned yet.
    private var block: [UInt8] = []
    private var position = 0
    private var offset = 0
    private var isAtEnd = false

    init(_ file: ManifestFile) { self.file = file }

    /// The next line without its end (LF or CRLF) and without a byte order mark; nil after the last.
    mutating func next() throws(RunError) -> [UInt8]? {
        while true {
            if let end = block[position...].firstIndex(of: UInt8(ascii: "\n")) {
                return try take(upTo: end)
            }
            if isAtEnd { return position < block.count ? try take(upTo: block.count) : nil }
            _ = try line(upTo: block.count)
            try readBlock()
        }
    }

    private mutating func take(upTo end: Int) throws(RunError) -> [UInt8] {
        let line = try line(upTo: end)
        number += 1
        position = min(end + 1, block.count)
        return Array(line)
    }

    /// A line, or its beginning.
    private func line(upTo end: Int) throws(RunError) -> ArraySlice<UInt8> {
        // Text in UTF-16 has a mark at its beginning, or a zero byte beside each character of ASCII.
        let start = number == 0 ? block.prefix(2) : []
        if start.contains(0) || [[0xFF, 0xFE], [0xFE, 0xFF]].contains(start) {
            throw file.failure(
                nil,
                "is UTF-16, expected UTF-8; save it as UTF-8 (in PowerShell, 'Out-File -Encoding utf8')"
            )
        }
        var line = block[position..<end]
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        if number == 0, line.starts(with: Self.byteOrderMark) {
            line.removeFirst(Self.byteOrderMark.count)
        }
        if line.count > Self.longestLineBytes {
            throw file.failure(number + 1, "longer than \(Self.longestLineBytes) bytes")
        }
        return line
    }

    private mutating func readBlock() throws(RunError) {
        block.removeFirst(position)
        position = 0
        let kept = block.count
        block += [UInt8](repeating: 0, count: Self.blockBytes)
        let count: Int
        do {
            count = try block.withUnsafeMutableBytes { bytes throws(SystemError) in
                try file.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: bytes[kept...]), at: offset)
            }
        } catch {
            throw file.failure(nil, "the manifest can't be read (\(error))")
        }
        block.removeLast(Self.blockBytes - count)
        offset += count
        isAtEnd = file.isFollowed ? count == 0 : count < Self.blockBytes
    }
}
