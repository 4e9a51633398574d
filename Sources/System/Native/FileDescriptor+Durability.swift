// Writing a file through to its disk.

/// Writes a file's bytes to its disk, so that they survive a loss of power.
///
/// On Darwin `fsync` stops at the disk's own cache; `F_FULLFSYNC` does not. File systems without it
/// have `fsync` alone.
///
/// - Returns: 0, or -1 with the error in `errno`.
@discardableResult
package func synchronise(_ descriptor: Int32) -> Int32 {
    #if canImport(Darwin)
        if fcntl(descriptor, F_FULLFSYNC) == 0 { return 0 }
    #endif
    return fsync(descriptor)
}

/// Writes a file, or the entries of a folder, to the disk, so that they survive a loss of power.
package func synchronise(path: String) {
    let descriptor = FilePath.withCString(path) { open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { return }
    synchronise(descriptor)
    close(descriptor)
}
