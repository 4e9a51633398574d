// The SHA-256 of files.

extension SHA256 {
    /// The digest of an open file, from its current offset to its end.
    ///
    /// - Throws: ``SystemError``; `CancellationError` once `isCancelled` is true.
    package static func hexadecimal(
        of descriptor: Int32, isCancelled: () -> Bool = { false }
    ) throws -> String {
        var hash = SHA256()
        try forEachPiece(of: descriptor) { piece in
            if isCancelled() { throw CancellationError() }
            hash.update(piece)
        }
        return hash.hexadecimal
    }

    /// The digest of the file at a path.
    ///
    /// - Throws: ``SystemError``; `CancellationError` once `isCancelled` is true.
    package static func hexadecimal(
        ofFile path: String, isCancelled: () -> Bool = { false }
    ) throws -> String {
        try withFile(path) { try hexadecimal(of: $0, isCancelled: isCancelled) }
    }
}
