import Synchronization
import System

/// The bytes of a file, read where they are first needed.
///
/// A mapping of the file itself would end the process if another one shortens the file. These are pages
/// of our own, which take memory only between the reading of a part and its release.
package final class ReadFile: FileBytes, @unchecked Sendable {
    // @unchecked: `state` guards what is read; bytes that are read stay as they are until their release.
    private let path: String
    private let descriptor: Int32
    private let modifiedNanoseconds: Int

    private struct State {
        /// Whether each part of the file is in memory.
        var isRead: [Bool]
        /// Readers at work, who may need what another one releases.
        var users = 0
        /// Why a part could not be read.
        var failure: String?
    }
    private let state: Mutex<State>

    /// A multiple of all usual page sizes.
    private static let partBytes = 1 << 18

    /// Opens the file.
    ///
    /// - Throws: ``WeightsError`` if the file is missing, empty, unreadable or not a regular file.
    package init(_ path: String) throws(WeightsError) {
        // A zero byte would end the C string early and open a different file.
        guard !path.isEmpty, !path.utf8.contains(0) else { throw .fileMissing(path: path) }

        // Without O_NONBLOCK, opening a named pipe would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw errno == ENOENT
                ? .fileMissing(path: path)
                : .fileUnreadable(path: path, reason: "\(SystemError.last)")
        }
        var status = stat()
        var problem: WeightsError?
        if fstat(descriptor, &status) != 0 {
            problem = .fileUnreadable(path: path, reason: "\(SystemError.last)")
        } else if status.st_mode & S_IFMT == S_IFDIR {
            problem = .fileUnreadable(
                path: path, reason: "it is a folder; give the path of the safetensors file in it")
        } else if status.st_mode & S_IFMT != S_IFREG {
            problem = .fileUnreadable(path: path, reason: "it is not a regular file")
        } else if status.st_size == 0 {
            problem = .fileEmpty(path: path)
        }
        let count = Int(clamping: status.st_size)
        let pages =
            problem == nil
            ? mmap(
                nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                0)
            : MAP_FAILED
        guard let pages, pages != MAP_FAILED else {
            let reason = "\(count) bytes of memory are needed: \(SystemError.last)"
            close(descriptor)
            throw problem ?? .fileUnreadable(path: path, reason: reason)
        }
        self.path = path
        self.descriptor = descriptor
        modifiedNanoseconds = status.modifiedNanoseconds
        let parts = (count + Self.partBytes - 1) / Self.partBytes
        state = Mutex(State(isRead: [Bool](repeating: false, count: parts)))
        super.init(UnsafeRawBufferPointer(start: pages, count: count))
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        close(descriptor)
    }

    /// Reads what is not in memory yet. What can't be read is zero, which ``checkUnchanged()`` reports.
    override func prepare(_ range: Range<Int>) {
        guard let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else { return }
        state.withLock { state in
            state.users += 1
            let parts =
                range.lowerBound / Self.partBytes..<(range.upperBound + Self.partBytes - 1)
                / Self.partBytes
            for part in parts where !state.isRead[part] {
                let start = part * Self.partBytes
                let wanted = min(Self.partBytes, bytes.count - start)
                do throws(SystemError) {
                    let count = try readAll(
                        into: UnsafeMutableRawBufferPointer(start: base + start, count: wanted),
                        from: descriptor, at: start)
                    if count < wanted { state.failure = "it became shorter while it was read" }
                } catch {
                    state.failure = "\(error)"
                }
                state.isRead[part] = true
            }
        }
    }

    override func endUse() { state.withLock { $0.users -= 1 } }

    /// Drops the whole parts of `range` from memory; a later use reads them again. Weights are read once;
    /// without this they would stay in memory beside the network until the last tensor is read.
    override func release(_ range: Range<Int>) {
        let first = (range.lowerBound + Self.partBytes - 1) / Self.partBytes
        let end = range.upperBound / Self.partBytes
        guard first < end, let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else {
            return
        }
        state.withLock { state in
            guard state.users == 0 else { return }
            madvise(base + first * Self.partBytes, (end - first) * Self.partBytes, MADV_DONTNEED)
            for part in first..<end { state.isRead[part] = false }
        }
    }

    override func checkUnchanged() throws(WeightsError) {
        if let failure = state.withLock({ $0.failure }) {
            throw .fileUnreadable(path: path, reason: failure)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, Int(status.st_size) == bytes.count,
            status.modifiedNanoseconds == modifiedNanoseconds
        else { throw .fileUnreadable(path: path, reason: "it was changed while it was read") }
    }
}
