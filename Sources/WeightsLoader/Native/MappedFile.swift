import System

/// A read-only memory mapping of a file, released with its last reference.
///
/// The mapping takes no memory of our own: the system reads a page when a tensor in it is widened,
/// and may drop the page afterwards. As with every mapping, nobody may shorten the file while it is
/// open.
package final class MappedFile: FileBytes, @unchecked Sendable {
    // @unchecked: the mapping is read-only and lives exactly as long as the object.

    /// Maps the whole file.
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
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .fileUnreadable(path: path, reason: "\(SystemError.last)")
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR:
            throw .fileUnreadable(
                path: path, reason: "it is a folder; give the path of the safetensors file in it")
        default: throw .fileUnreadable(path: path, reason: "it is not a regular file")
        }
        guard status.st_size > 0 else { throw .fileEmpty(path: path) }
        guard let count = Int(exactly: status.st_size),
            let mapping = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0),
            mapping != MAP_FAILED
        else {
            throw .fileUnreadable(path: path, reason: "\(SystemError.last)")
        }
        super.init(UnsafeRawBufferPointer(start: mapping, count: count))
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    }

    /// Drops the whole pages of `range` from this process's memory; a later read fetches them
    /// again. Weights are read once; without this the file's pages would stay in memory beside the
    /// network until the last tensor is read.
    override func release(_ range: Range<Int>) {
        let page = sysconf(Int32(_SC_PAGESIZE))
        let first = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        guard first < end, let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else {
            return
        }
        madvise(base + first, end - first, MADV_DONTNEED)
    }
}
