// Whether a file was written to between two readings.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension AudioInput {
    /// What changes when somebody writes to the file. One that takes its name is none of it: the
    /// first stays open.
    package struct State: Equatable {
        let sizeBytes: Int
        let modifiedSeconds: Int
        let modifiedNanoseconds: Int
    }

    /// The state now; `nil` if the system doesn't tell.
    package var state: State? {
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { return nil }
        #if canImport(Darwin)
            let modified = status.st_mtimespec
        #else
            let modified = status.st_mtim
        #endif
        return State(
            sizeBytes: Int(status.st_size), modifiedSeconds: Int(modified.tv_sec),
            modifiedNanoseconds: Int(modified.tv_nsec))
    }
}
